"""Explains names that are not columns: a field of a string, such as `item.name`, an expression, several names."""

import ast
import re
from typing import Any

from eventlab.explain.columns import sources, unresolved
from eventlab.explain.edits import (
    has_schema,
    is_in_sql,
    python_correction,
    replaced_in_code,
    source_of,
    sql_correction,
    sql_texts,
)
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.query_context import fragments
from eventlab.explain.session import spark_function
from eventlab.explain.syntax_trees import called_name
from eventlab.settings import Settings

NO_NAME = re.compile(r"[-+*/%(),<>=]|\s(as|desc|asc)\b", re.IGNORECASE)
"""Signs and words of expressions."""
TAKE_NAMES = ("select", "groupBy", "groupby", "orderBy", "sort")


def field_of_a_text(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a column contains strings or bytes, so no fields: JSON that is not parsed, or other text.

    Remedy: The line with `get_json_object`, or with the column itself.
    """
    parameters = cell.conditions.get("INVALID_EXTRACT_BASE_FIELD_TYPE", {})
    column, kind = parameters.get("base", "").strip('"').rpartition(".")[2], parameters.get("other", "").strip('"')
    path = next((path for path in _paths(cell, column)), None) if kind in ("STRING", "BINARY") else None
    if not column or path is None:
        return None
    field = path.rpartition(".")[2]
    sample = sample_of(cell, column)
    if sample is None and kind == "STRING":
        return None
    text = sample.decode(errors="replace") if isinstance(sample, bytes | bytearray) else str(sample or "{")
    proof = f"Spark reports the type {kind} for {column}"
    proof += f"; its first value is {text[:80]!r}" if sample else ""
    if not text.lstrip().startswith("{"):
        what = f"The column {column} has no field {field!r}: it contains strings. They are not JSON."
        return _replaced(cell, path, column, column, what, proof)
    what = f"The column {column} contains JSON that is not parsed, so it has no field {field!r} yet. "
    what += "get_json_object takes one field out of such a string, and from_json makes columns of all."
    in_sql = column if kind == "STRING" else f"cast({column} as string)"
    sql = f"get_json_object({in_sql}, '$.{field}')"
    function, col = spark_function(cell, "get_json_object"), spark_function(cell, "col")
    text_column = f'"{column}"' if kind == "STRING" else f'{col}("{column}").cast("string")'
    python = f'{function}({text_column}, "$.{field}")' if function and col else None
    return _replaced(cell, path, sql, python, what, proof)


def _paths(cell: FailedCell, column: str) -> list[str]:
    """Return the paths in the cell's strings that begin with a column: `item.name`."""
    pattern = rf"(?<![\w.`'])((?:\w+\.)?`?{re.escape(column)}`?\.\w+)"
    return [path for _, text in cell.strings() for path in re.findall(pattern, text)]


def sample_of(cell: FailedCell, column: str) -> Any:
    """Return the first value of a column of the cell's DataFrames and tables, or None."""
    for frame in sources(cell):
        if column in frame.columns:
            row = frame.where(f"`{column}` is not null").select(f"`{column}`").first()
            return row[0] if row else None
    return None


def _replaced(
    cell: FailedCell, path: str, sql: str, python: str | None, what: str, proof: str
) -> Explanation | None:
    """Explain with the line that has other code for a path, in SQL or as the argument of a method."""
    if is_in_sql(cell) and any(text != path for _, text in sql_texts(cell, path)):
        return sql_correction(cell, path, sql, what, proof)
    nodes = [node for node in cell.nodes(ast.Constant) if node.value == path]
    if len(nodes) != 1 or python is None:
        return None
    outer = next((call for call in cell.calls("col", "column") if nodes[0] in call.args), None)
    if python == sql:  # the column's name
        return python_correction(cell, nodes[0], f'"{python}"', what, proof)
    return python_correction(cell, outer or nodes[0], python, what, proof)


def expression_as_name(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a method got an expression, or several names, as the name of one column.

    Remedy: The line with `F.expr` or `F.desc`, or with quotes around each name.
    """
    of_agg = cell.failed_calls("agg") if cell.matches(r"AssertionError: all exprs should be Column") else []
    names = [] if is_in_sql(cell) else [unknown.name for unknown in unresolved(cell)]
    found = [
        (call, node, node.value)
        for call in cell.calls()
        for node in call.args
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and NO_NAME.search(node.value)
        if call in of_agg or any(name in node.value.split(".") for name in names)
    ]
    if len(found) != 1:
        return None
    call, node, text = found[0]
    expr, frames = spark_function(cell, "expr"), list(sources(cell))
    columns = {column for frame in frames for column in frame.columns}
    parts, order = [part.strip() for part in text.split(",")], re.fullmatch(r"(\w+)\s+(desc|asc)", text, re.I)
    what, code = "Spark takes this string as the name of one column. ", ""
    if len(parts) > 1 and set(parts) <= columns and called_name(call) in TAKE_NAMES:
        what, code = f"{what}Each name needs quotes of its own.", ", ".join(f'"{part}"' for part in parts)
    elif order and order[1] in columns and (function := spark_function(cell, order[2].lower())):
        what, code = f"{what}{function}() sorts by a column in that order.", f'{function}("{order[1]}")'
    elif expr and not order and any(has_schema(lambda frame=frame: frame.selectExpr(text)) for frame in frames):
        what, code = f"{what}{expr}() reads it as an expression.", f"{expr}({source_of(cell, node)})"
    old = call if called_name(call) in ("col", "column") else node
    proof = f"there is no column {text!r}; columns that exist: {', '.join(sorted(columns))}"
    return python_correction(cell, old, code, what, proof) if code else None


def column_is_no_list(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `explode` got a column with fields, or one of strings: it makes rows of the elements of a list.

    Remedy: The line with `item.*`, which makes a column of each field, or with a list that a string contains.
    """
    parameters = cell.conditions.get("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", {})
    function = parameters.get("sqlExpr", "").strip('"').partition("(")[0]
    column, kind = parameters.get("inputSql", "").strip('"'), parameters.get("inputType", "")
    if "explode" not in function:
        return None
    what = f"{function} makes a row of each element of a list. The column {column} "
    if kind == '"STRING"':
        return _string_is_no_list(cell, function, column, what)
    if not kind.startswith('"STRUCT'):
        return None
    fields = re.findall(r"(?<=[<, ])`?([\w-]+)`?:", kind)
    what += f"has fields and is not a list. {column}.* makes a column of each field."
    proof = f"Spark reports the type {kind[:60].strip(chr(34))} for {column}; its fields are {', '.join(fields)}"
    for fragment in fragments(cell):
        for _, text in sql_texts(cell, fragment):
            corrected = replaced_in_code(rf"{re.escape(fragment)}(?:\s+as\s+\w+)?", f"{column}.*", text)
            if explanation := sql_correction(cell, text, corrected, what, proof):
                return explanation
    columns = [(node, source_of(cell, node)) for call in cell.calls("select") for node in call.args]
    pattern = rf"\b{function}\(.*\b{re.escape(column.rpartition('.')[2])}\b"
    found = [node for node, code in columns if re.search(pattern, code)]
    return python_correction(cell, found[0], f'"{column}.*"', what, proof) if len(found) == 1 else None


def _string_is_no_list(cell: FailedCell, function: str, column: str, what: str) -> Explanation | None:
    """Explain with the line that makes a list of a string: of JSON, or of words between commas."""
    sample = str(sample_of(cell, column.rpartition(".")[2]) or "")
    proof = f"Spark reports the type STRING for {column}; its first value is {sample[:80]!r}"
    if sample.lstrip().startswith("["):
        new, argument = "from_json", "array<string>"
        what += "contains JSON, a string. from_json reads the list."
    elif "," in sample:
        new, argument = "split", ", " if ", " in sample else ","
        what += "contains strings. split makes a list of each."
    else:
        return None
    for fragment in fragments(cell):
        inner = fragment[len(function) + 1 : -1]
        if is_in_sql(cell) and fragment == f"{function}({inner})":
            return sql_correction(cell, fragment, f"{function}({new}({inner}, '{argument}'))", what, proof)
    calls = [call for call in cell.calls(function) if len(call.args) == 1]
    calls = [call for call in calls if re.search(rf"\b{column.rpartition('.')[2]}\b", source_of(cell, call))]
    code = spark_function(cell, new)
    if len(calls) != 1 or not code:
        return None
    code = f'{code}({source_of(cell, calls[0].args[0])}, "{argument}")'
    return python_correction(cell, calls[0].args[0], code, what, proof)


EXPLANATIONS: list[Explain] = [field_of_a_text, expression_as_name, column_is_no_list]
