"""Explains errors of Spark SQL: names of tables, grouping, joins and unions.

Spark checks a corrected query before the box proposes it; nothing is executed for that.
"""

import ast
import re

from eventlab.explain.edits import (
    hidden,
    is_in_sql,
    is_query,
    name_correction,
    python_correction,
    quoted_name,
    source_of,
    sql_correction,
    sql_texts,
    statement_correction,
)
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.query_context import fragments
from eventlab.explain.session import dataframes, is_dataframe, session_of, session_variable
from eventlab.explain.syntax_trees import owner_of
from eventlab.explain.views import statement_of_view
from eventlab.settings import Settings

END_OF_GROUP = re.compile(r"\s+(having|order\s+by|limit|union)\b", re.IGNORECASE)
CREATED_VIEW = re.compile(
    r"""TempView\(\s*['"](\w+)|\bview\s+(?:if\s+not\s+exists\s+)?(\w+)\s+as\b""", re.IGNORECASE
)
CREATED_TABLE = re.compile(rf"""{CREATED_VIEW.pattern}|queryName\(\s*['"](\w+)""", re.IGNORECASE)
"""The names of views and of queries; a query of the sink `memory` writes a table with its name."""
OF_ONE_ROW = r"(hour|day|month|year|minute|date|lower|upper|substring\w*|cast|coalesce)\("
"""Functions of SQL that give a value for each row, and so are no aggregates."""
AGGREGATE = re.compile(r"\b(sum|count|avg|mean|min|max|first|last|any_value|collect_\w+)\(", re.IGNORECASE)
TO_SEE = "To see the names that exist, run this"


def table_not_found(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the session has no such table or view: misspelt, a DataFrame, or of an earlier session.

    Remedy: The line with the nearest name, or the statement that creates the view.
    """
    name = cell.conditions.get("TABLE_OR_VIEW_NOT_FOUND", {}).get("relationName", "").replace("`", "")
    session = session_of(cell)
    if not name or session is None:
        return None
    if is_dataframe(cell.namespace.get(name)):
        what = f"{name} is a DataFrame, and SQL knows only tables and views. The line below makes a view of it."
        proof = f"{name} is a variable with a DataFrame, and this session has no view {name!r}"
        return Explanation(what, proof, f'{name}.createOrReplaceTempView("{name}")')
    views = CREATED_TABLE.findall("\n".join(cell.history))
    created = ["".join(names) for names in views]  # a first list of all tables takes more than a second
    for similar in close_matches(name, created)[:1]:
        if session.catalog.tableExists(similar):
            what = f"There is no table or view {name!r} in this session. Did you mean {similar!r}?"
            if explanation := _other_table(cell, name, similar, what, f"the view {similar!r} exists"):
                return explanation
    if found := statement_of_view(cell, name, session):
        what = f"The view {name!r} belongs to an earlier Spark session. A view ends with its session."
        return Explanation(what, f"this session has no table or view {name!r}; {found[1]}", found[0])
    existing = sorted(table.name for table in session.catalog.listTables())
    if name.lower() in [table.lower() for table in existing]:
        return None
    what = f"There is no table or view {name!r} in this session."
    proof = f"the session's tables and views are: {', '.join(existing) or 'none'}"
    for similar in close_matches(name, existing)[:1]:
        question = f"{what} Did you mean {similar!r}?"
        if explanation := _other_table(cell, name, similar, question, proof):
            return explanation
    return Explanation(
        f"{what} A temporary view exists only in the session that created it.",
        proof,
        f"{session_variable(cell) or 'spark'}.catalog.listTables()",
        TO_SEE,
    )


def _other_table(cell: FailedCell, name: str, similar: str, what: str, proof: str) -> Explanation | None:
    """Explain with the name of another table; a column of the old name stays.

    Spark Connect reports the table only when its rows are needed, perhaps in a later cell.
    """
    pattern = rf"""(?<=\btable\()(["']){re.escape(name)}\1"""
    statements = [cell.assignment_of(variable) for variable, _ in dataframes(cell)]
    for source in filter(None, [cell.source, *statements]):
        if (fixed := re.sub(pattern, f'"{similar}"', source)) != source:
            return statement_correction(cell, source, fixed, what, proof)
    if not is_in_sql(cell) and any(re.search(pattern, source) for source in cell.history):
        return None  # the same text in this cell is a column
    return name_correction(cell, name, similar, what, proof)


def view_exists(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a view of this name exists, as after a cell that ran twice.

    Remedy: The line with `createOrReplaceTempView`.
    """
    calls = cell.failed_calls("createTempView") if cell.has_condition("TEMP_TABLE_OR_VIEW_ALREADY_EXISTS") else []
    for call in filter(owner_of, calls):
        what = "A view of this name exists already. createOrReplaceTempView replaces it."
        code = source_of(cell, call.func).removesuffix("createTempView") + "createOrReplaceTempView"
        return python_correction(cell, call.func, code, what, "Spark reports TEMP_TABLE_OR_VIEW_ALREADY_EXISTS")
    return None


def missing_group_by(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a query counts or sums without grouping by its other columns.

    Remedy: The line with a GROUP BY that Spark accepts.
    """
    if cell.has_condition("MISSING_GROUP_BY"):
        for query in fragments(cell):
            selected = re.match(r"\s*select\s+(.*?)\s+from\b", query, re.IGNORECASE | re.DOTALL)
            items = _split(selected[1]) if selected else []
            columns = [item for item in items if not AGGREGATE.search(item)]
            columns = [item for item in columns if "(" not in item or re.match(OF_ONE_ROW, item, re.IGNORECASE)]
            names = ", ".join(re.sub(r"\s+as\s+\S+$", "", item, flags=re.IGNORECASE) for item in columns)
            end = END_OF_GROUP.search(query, selected.end() if selected else 0)
            position = end.start() if end else len(query.rstrip())
            new = f"{query[:position]} group by {names}{query[position:]}"
            what = f"The query selects {names} and an aggregate such as count(*), but does not group by {names}."
            proof = "Spark reports MISSING_GROUP_BY"
            if names and (explanation := sql_correction(cell, query, new, what, proof)):
                return explanation
    missing = cell.conditions.get("MISSING_AGGREGATION", {}).get("expression", "").strip('"')
    for _, query in sql_texts(cell, "") if missing else ():
        clause = re.search(r"\bgroup\s+by\s+(.*?)(?=\s+(?:having|order\s+by|limit)\b|\s*$)", query, re.I | re.S)
        if not clause:
            continue
        what = f"The query selects {missing}, which is neither in GROUP BY nor in an aggregate such as max()."
        proof = f"Spark reports MISSING_AGGREGATION for {missing}"
        if explanation := sql_correction(cell, clause[0], f"{clause[0]}, {missing}", what, proof):
            return explanation
        if explanation := _without_aggregate(cell, query, clause[1], proof):
            return explanation
    return None


def _without_aggregate(cell: FailedCell, query: str, groups: str, proof: str) -> Explanation | None:
    """Explain a calculation for each row (`price * quantity`) in a query with one row for each group."""
    selected = re.match(r"\s*select\s+(.*?)\s+from\b", query, re.IGNORECASE | re.DOTALL)
    grouped = [item.lower() for item in _split(groups)]
    for item in _split(selected[1]) if selected else []:
        value, name = re.fullmatch(r"(.*?)(\s+as\s+\S+)?", item, re.IGNORECASE | re.DOTALL).groups()  # type: ignore[union-attr]
        if value.lower() in grouped or "(" in value or not re.search(r"[-+*/]", value):
            continue
        what = f"{value} has a value for each row, and the query has one row for each group. Say how to combine "
        what += "the values, for example with sum()."
        if explanation := sql_correction(cell, item, f"sum({value}){name or ''}", what, proof):
            return explanation
    return None


def aggregate_in_where(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `where` cannot use an aggregate such as count(*). HAVING filters the groups.

    Remedy: The line with HAVING after GROUP BY.
    """
    unknown = cell.conditions.get("UNRESOLVED_COLUMN.WITH_SUGGESTION", {}).get("objectName", "").replace("`", "")
    if not unknown and not cell.has_condition("INVALID_WHERE_CONDITION"):
        return None
    pattern = r"\s*\bwhere\s+(.*?)(\s+group\s+by\s+.*?)(?=\s+(?:order\s+by|limit)\b|\s*$)"
    name = rf"\b{re.escape(unknown)}\b"
    for _, query in sql_texts(cell, "("):
        match = re.search(pattern, query, re.IGNORECASE | re.DOTALL)
        if not match or "having" in match[0].lower():
            continue
        reason = "it cannot use an aggregate such as count(*)"
        proof = f"Spark reports INVALID_WHERE_CONDITION for {match[1]}"
        if unknown:
            named = re.search(rf"{AGGREGATE.pattern}.*\bas\s+{name}", query[: match.start()], re.I | re.S)
            if not named or not re.search(name, match[1], re.IGNORECASE):
                continue
            reason, proof = f"it does not know {unknown}", f"Spark finds no column {unknown}"
        what = f"where chooses rows before they are grouped, so {reason}. having chooses groups."
        return sql_correction(cell, match[0], f"{match[2]} having {match[1]}", what, proof)
    return None


def _split(items: str) -> list[str]:
    """Split the list of a SELECT at its commas, but not inside of parentheses."""
    parts, depth = [""], 0
    for character in items:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def ambiguous_column(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that both sides of a join have a column of this name.

    Remedy: The line with the table's name before the column, or a join by name.
    """
    parameters = cell.conditions.get("AMBIGUOUS_REFERENCE")
    if not parameters:
        return None
    name = parameters["name"].strip("`")
    references = [text.replace("`", "") for text in re.findall(r"(?:`[^`]*`\.?)+", parameters["referenceNames"])]
    what = f"Both sides of the join have a column {name!r}."
    proof = f"Spark finds {' and '.join(references)}"
    for reference in references if fragments(cell) else ():
        for _, text in sql_texts(cell, name):
            code, shown = hidden(text)
            corrected = shown(re.sub(rf"(?<![\w.]){re.escape(name)}(?!\w)", reference, code, count=1))
            if "." not in reference:
                continue
            if explanation := sql_correction(cell, text, corrected, what, proof):
                return explanation
    for call in cell.calls("join"):
        left, arguments = getattr(call.func, "value", None), call.args
        if not (isinstance(left, ast.Name) and len(arguments) >= 2 and isinstance(arguments[0], ast.Name)):
            continue
        if not _compares_only(arguments[1], name):
            continue
        frames = [cell.namespace.get(node.id) for node in (left, arguments[0])]
        if all(frame is not None and name in frame.columns for frame in frames):
            sides = f"{proof}: {left.id} and {arguments[0].id} have it"
            by_name = f"{what} A join by name keeps it once."
            return python_correction(cell, arguments[1], repr(name), by_name, sides)
    return None


def _compares_only(condition: ast.expr, name: str) -> bool:
    """Return whether a join's condition is `left.name == right.name`: a join by this name means the same."""
    if not isinstance(condition, ast.Compare) or [type(operator) for operator in condition.ops] != [ast.Eq]:
        return False
    return all(_column(side) == name for side in (condition.left, condition.comparators[0]))


def _column(side: ast.expr) -> object:
    """Return the column that `frame.name` or `frame["name"]` means."""
    if isinstance(side, ast.Subscript) and isinstance(side.slice, ast.Constant):
        return side.slice.value
    return side.attr if isinstance(side, ast.Attribute) else None


def union_of_different_columns(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the two sides of a union have different numbers of columns.

    Remedy: The line with `unionByName(..., allowMissingColumns=True)`, or with NULL for missing columns of SQL.
    """
    if not cell.has_condition("NUM_COLUMNS_MISMATCH"):
        return None
    for call in cell.calls("union", "unionAll"):
        left = getattr(call.func, "value", None)
        if not (isinstance(left, ast.Name) and len(call.args) == 1 and isinstance(call.args[0], ast.Name)):
            continue
        first, second = (cell.namespace.get(node.id) for node in (left, call.args[0]))
        if first is None or second is None or len(first.columns) == len(second.columns):
            continue
        _ = first.unionByName(second, allowMissingColumns=True).schema  # raises if the types do not fit
        columns = [f"{node.id} has {', '.join(cell.namespace[node.id].columns)}" for node in (left, call.args[0])]
        return python_correction(
            cell,
            call,
            f"{left.id}.unionByName({call.args[0].id}, allowMissingColumns=True)",
            "A union needs the same columns on both sides. By name, it fills missing columns with NULL.",
            "; ".join(columns),
        )
    return _union_in_sql(cell)


def _union_in_sql(cell: FailedCell) -> Explanation | None:
    """Explain a union in SQL: Spark is asked for the columns of both sides."""
    session = session_of(cell)
    for _, text in sql_texts(cell, ""):
        sides = re.split(r"\bunion\b(?:\s+(?:all|distinct)\b)?", text, flags=re.IGNORECASE)
        if session is None or len(sides) != 2 or not all(map(is_query, sides)):
            continue
        columns = [session.sql(side).columns for side in sides]
        short, wide = sorted((0, 1), key=lambda side: len(columns[side]))
        select = re.match(r"(\s*select\s+(?:distinct\s+)?)(.+?)(\s+from\b)", sides[short], re.I | re.S)
        if not select or len(columns[0]) == len(columns[1]):
            continue
        nulls = [f"null as {quoted_name(name)}" for name in columns[wide][len(columns[short]) :]]
        new = f"{select[1]}{', '.join([select[2], *nulls])}{select[3]}"
        what = "A union needs the same number of columns on both sides. NULL fills the missing ones."
        proof = "; ".join(f"side {n + 1} has {', '.join(columns[n])}" for n in (0, 1))
        if explanation := sql_correction(cell, select[0], new, what, proof):
            return explanation
    return None


EXPLANATIONS: list[Explain] = [
    view_exists,
    table_not_found,
    missing_group_by,
    aggregate_in_where,
    ambiguous_column,
    union_of_different_columns,
]
