"""Explains errors of values and sources in Spark SQL: casts, divisions, bytes, paths, formats."""

import ast
import inspect
import re
import sys

from eventlab.explain.checkpoints import free_folder, has_only_files_of_spark
from eventlab.explain.edits import arguments_of, is_query, python_correction, source_of, sql_correction, sql_texts
from eventlab.explain.explanation import REPLACE_LINE, Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.query_context import fragments, is_called_here
from eventlab.explain.session import dataframes, session_of, session_variable, spark_function
from eventlab.explain.syntax_trees import called_name, literal, owner_of
from eventlab.settings import Settings
from eventlab.stack import filesystem

OVERWRITES_ITS_SOURCE = (
    "The folder exists, and the DataFrame reads its rows from it. The mode `overwrite` would delete the files "
    "before Spark has read them. Write to another folder."
)
READERS = ("parquet", "json", "csv", "orc", "load")
FORMATS = ("parquet", "json", "csv", "orc", "text", "kafka", "jdbc", "rate", "memory", "console", "noop")


def value_cannot_be_cast(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a string is not a number: in ANSI mode, the query stops at the first such value.

    Remedy: The line with `try_cast`.
    """
    parameters, session = cell.conditions.get("CAST_INVALID_INPUT"), session_of(cell)
    if not parameters or session is None or session.conf.get("spark.sql.ansi.enabled") != "true":
        return None
    value, target = parameters["expression"], parameters["targetType"].strip('"')
    what = f"The value {value} cannot be cast to {target}. Spark stops there; try_cast gives NULL instead."
    proof = f"Spark read {value}; spark.sql.ansi.enabled is true in this session"
    for fragment in fragments(cell):
        new = re.sub(r"^cast\(", "try_cast(", fragment, flags=re.IGNORECASE)
        if (
            new == fragment
            and value not in fragment
            and (compared := re.match(r"^(`[^`]+`|\w+)(\s*[<>=!]+.*)$", fragment, re.DOTALL))
        ):
            new = f"try_cast({compared[1]} as {target}){compared[2]}"
        if new != fragment and (explanation := sql_correction(cell, fragment, new, what, proof)):
            return explanation
    calls = [(call, owner) for call in cell.calls("cast", "astype") if (owner := owner_of(call))]
    casts = [pair for pair in calls if is_called_here(cell, pair[0].lineno) and not _is_to_string(cell, pair[0])]
    if len(casts) == 1:
        cast, column = casts[0]
        code = f"{source_of(cell, column)}.try_cast{arguments_of(cell, cast)}"
        return python_correction(cell, cast, code, what, proof)
    return _comparison(cell, target, what, proof) if not casts else None


def _is_to_string(cell: FailedCell, cast: ast.Call) -> bool:
    """Return whether a cast gives a string, which every value can become."""
    return any(re.search("string", source_of(cell, argument), re.IGNORECASE) for argument in cast.args)


def _comparison(cell: FailedCell, target: str, what: str, proof: str) -> Explanation | None:
    """Explain a column of strings that is compared with a number, which casts it: `col("year") > 5`."""
    operations = []
    for node in cell.nodes(ast.Compare):
        sides = [node.left, node.comparators[0]]
        numbers = [side for side in sides if isinstance(literal(side), int | float)]
        columns = [side for side in sides if isinstance(side, ast.Call | ast.Attribute | ast.Subscript)]
        if len(numbers) == len(columns) == 1 and is_called_here(cell, columns[0].lineno):
            operations.append(columns[0])
    if len(operations) != 1:
        return None
    code = f"{source_of(cell, operations[0])}.try_cast({target.lower()!r})"
    what = what.replace(
        "Spark stops there", "Spark casts a string that is compared with a number, and stops there"
    )
    return python_correction(cell, operations[0], code, what, proof)


def division_by_zero(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a divisor is 0: in ANSI mode, the query stops there.

    Remedy: The line with `try_divide`.
    """
    session = session_of(cell)
    if not cell.has_condition("DIVIDE_BY_ZERO") or session is None:
        return None
    if session.conf.get("spark.sql.ansi.enabled") != "true":
        return None
    what = "A divisor is 0. Spark stops there; try_divide gives NULL instead."
    proof = "Spark reports DIVIDE_BY_ZERO; spark.sql.ansi.enabled is true in this session"
    for fragment in fragments(cell):
        left, slash, right = fragment.partition("/")
        new = f"try_divide({left.strip()}, {right.strip()})"
        if slash and "/" not in right and (explanation := sql_correction(cell, fragment, new, what, proof)):
            return explanation
    divisions = [node for node in cell.nodes(ast.BinOp) if isinstance(node.op, ast.Div)]
    divisions = [node for node in divisions if is_called_here(cell, node.lineno)]
    if len(divisions) != 1:
        return None
    left, right = (source_of(cell, node) for node in (divisions[0].left, divisions[0].right))
    function = spark_function(cell, "try_divide")
    code = f"{function}({left}, {right})"
    return python_correction(cell, divisions[0], code, what, proof) if function else None


def binary_is_no_text(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a function of strings, such as from_json, got the bytes of a Kafka message.

    Remedy: The line with a cast to a string.
    """
    parameters = cell.conditions.get("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", {})
    if parameters.get("inputType") != '"BINARY"' or "STRING" not in parameters.get("requiredType", ""):
        return None
    column, function = parameters["inputSql"].strip('"'), parameters["sqlExpr"].strip('"').partition("(")[0]
    what = f"The column {column} contains bytes, and {function} needs a string. Kafka's values are bytes."
    proof = f"Spark reports the type BINARY for {column}"
    pattern = rf"\b{function}\(\s*`?{re.escape(column)}`?\s*(?=[,)])"
    for _, text in sql_texts(cell, function):
        if match := re.search(pattern, text, re.IGNORECASE):
            new = f"{function}(cast({column} as string)"
            if explanation := sql_correction(cell, match[0], new, what, proof):
                return explanation
    for call in cell.calls(function):
        code = source_of(cell, call.args[0]) if call.args else ""
        if column.rpartition(".")[2] not in code or "cast" in code:
            continue  # another call of the function
        prefix = source_of(cell, call.func).removesuffix(function)
        if isinstance(call.args[0], ast.Constant):
            if not prefix and "col" not in cell.namespace:
                continue
            code = f"{prefix}col({code})"
        return python_correction(cell, call.args[0], f'{code}.cast("string")', what, proof)
    return None


def path_exists(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the path of a write exists, with its content.

    Remedy: The line with `.mode("overwrite")`, or with another path if the DataFrame reads from this one.
    """
    path = cell.conditions.get("PATH_ALREADY_EXISTS", {}).get("outputPath", "")
    if not path or not filesystem.has_webhdfs(path, settings) or not filesystem.exists(path, settings):
        return None
    plain = filesystem.plain_path(path)
    entries = filesystem.names(path, settings)
    is_source = reads(cell, plain)
    if is_source is None:
        return None
    proof = f"{plain} contains: {', '.join(entries[:6]) or 'nothing'}"
    if is_source:
        proof = f"a file of the DataFrame is in {plain}"
        return _with_another_folder(cell, plain, OVERWRITES_ITS_SOURCE, proof, settings)
    if not has_only_files_of_spark(path, settings):
        what = f"The path {plain} exists, and it is not the output of one DataFrame. The mode `overwrite` would "
        what += "delete all that is there. Write to another folder."
        return _with_another_folder(cell, plain, what, proof, settings)
    line = cell.only_line(r"\.write\b")
    if not line or ".mode(" in cell.source:  # the last mode counts
        return None
    return Explanation(
        f"The path {plain} exists on HDFS. The mode `overwrite` deletes its content and writes the new rows.",
        proof,
        re.sub(r"\.write\b", '.write.mode("overwrite")', line),
        REPLACE_LINE,
    )


def reads(cell: FailedCell, path: str) -> bool | None:
    """Return whether the cell reads a folder; None if it is not known, as where a function gives the DataFrame."""
    inside = f"{path.rstrip('/')}/"
    folders = [call for call in cell.calls(*READERS) if re.search(r"\.read\b", source_of(cell, call.func))]
    paths = [cell.text_of(argument) for call in folders for argument in call.args]
    if any(f"{filesystem.plain_path(text).rstrip('/')}/".startswith(inside) for text in paths if text):
        return True
    session, frames = session_of(cell), [frame for _, frame in dataframes(cell)]
    queries = [(call, cell.text_of(call.args[0]) or "") for call in cell.calls("table", "sql") if call.args]
    for call, text in queries:
        if session is None or not (called_name(call) == "table" or is_query(text)):
            return None
        frames.append(session.table(text) if called_name(call) == "table" else session.sql(text))
    if any(inside in file for frame in frames for file in frame.inputFiles()):
        return True
    return None if None in paths or any(map(inspect.isfunction, cell.variables.values())) else False


def _with_another_folder(
    cell: FailedCell, path: str, what: str, proof: str, settings: Settings
) -> Explanation | None:
    """Explain with the line that writes to a free folder, because overwriting the path would delete data."""
    plain = path.rstrip("/")
    begin = f"{plain}/rows" if plain.count("/") == 1 else plain
    other = free_folder(f"{begin}-", settings, 2)
    for call in cell.failed_calls("parquet", "json", "csv", "orc", "save"):
        if call.args:
            return python_correction(cell, call.args[0], f'"{other}"', what, proof)
    return None


def table_over_files(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the folder of a table that a query fills has files already.

    Remedy: A command that deletes the folder.
    """
    match = re.search(r"cannot create table with location to a non-empty directory (\S+?)\.?(?=\s|$)", cell.text)
    if not match or not filesystem.has_webhdfs(match[1], settings) or not filesystem.exists(match[1], settings):
        return None
    plain = filesystem.plain_path(match[1])
    if not has_only_files_of_spark(plain, settings):
        return None
    return Explanation(
        f"The folder of the new table, {plain}, has files already. The setting that Spark names keeps them: the "
        "table would then have their rows, too.",
        f"{plain} contains: {', '.join(filesystem.names(plain, settings)[:6])}",
        f"!hadoop fs -rm -r -skipTrash {plain}",
        "If you do not need these files, run this, then run the cell again",
    )


def unknown_format(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that Spark has no such format. Name the nearest.

    Remedy: The line with the nearest format, or with one that Spark has.
    """
    external = re.search(r"Failed to find (?:the )?data source: (\w+)", cell.text)
    name = cell.conditions.get("DATA_SOURCE_NOT_FOUND", {}).get("provider", external[1] if external else "")
    if not name or name == "kafka":
        return None
    what = f"Spark has no format {name!r}."
    proof = f"the formats of this Spark are {', '.join(FORMATS[:7])} and others"
    for similar in close_matches(name.lower(), FORMATS)[:1]:
        return correction(cell, name, similar, f"{what} Did you mean {similar!r}?", proof)
    writes = bool(re.search(r"\.write(Stream)?\b", cell.source))
    what += " No program that is installed here brings one of this name."
    if writes:
        return correction(cell, name, "parquet", f"{what} Parquet keeps names and types.", proof)
    return correction(cell, name, "csv", f"{what} Save the data as CSV, for example, and read that file.", proof)


def unknown_function(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that SQL has no function of that name: it is misspelt, or a function of Python.

    Remedy: The line with the nearest function, or a line that registers the notebook's function.
    """
    name = cell.conditions.get("UNRESOLVED_ROUTINE", {}).get("routineName", "").strip("`")
    function = cell.namespace.get(name)
    is_pyspark = str(getattr(function, "__module__", "")).startswith("pyspark.sql.functions")
    if inspect.isfunction(function) and not is_pyspark:
        what = f"{name} is a function of this notebook, and SQL does not know it until it is registered. Then its "
        what += "results are strings. For another type, register takes a third argument."
        remedy = f'{session_variable(cell) or "spark"}.udf.register("{name}", {name})'
        return Explanation(what, f"Spark reports UNRESOLVED_ROUTINE for {name}", remedy)
    functions = dir(sys.modules.get("pyspark.sql.functions")) if name else []
    for similar in close_matches(name.lower(), [item for item in functions if item.islower()])[:1]:
        what = f"SQL has no function {name!r}. Did you mean {similar!r}?"
        proof = f"Spark reports UNRESOLVED_ROUTINE for {name}"
        return sql_correction(cell, name, similar, what, proof)
    return None


EXPLANATIONS: list[Explain] = [
    value_cannot_be_cast,
    division_by_zero,
    binary_is_no_text,
    path_exists,
    table_over_files,
    unknown_format,
    unknown_function,
]
