"""Explains conditions in a wrong form: keywords, several strings, strings that Python compares or combines."""

import ast
import re

from eventlab.explain.edits import python_correction, quoted_name, source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.session import functions_variable
from eventlab.explain.syntax_trees import literal, owner_of
from eventlab.settings import Settings

FILTERS = ("where", "filter")
SQL_OPERATORS = {ast.Eq: "=", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
WORDS = {ast.BitAnd: " and ", ast.And: " and ", ast.BitOr: " or ", ast.Or: " or "}
ONE_TEXT = "The condition of where() is one string with SQL"


def condition_as_keyword(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a condition is not a keyword argument: `where(Host="a")`.

    Remedy: The line with the condition as a string.
    """
    if not cell.matches(r"^builtins\.TypeError: DataFrame\.(where|filter)\(\) got an unexpected keyword argument"):
        return None
    for call in cell.failed_calls(*FILTERS):
        names = [keyword.arg for keyword in call.keywords if keyword.arg]
        if "condition" in names or len(names) < len(call.keywords):
            continue
        parts = [_comparison(str(keyword.arg), "=", keyword.value) for keyword in call.keywords]
        are = "is the name of an argument" if len(names) == 1 else "are names of arguments"
        what = f"For Python, {' and '.join(names)} {are} here. "
        prefix, values = functions_variable(cell), [keyword.value for keyword in call.keywords]
        owner = cell.value_of(owner_of(call))
        if call.args or not parts or type(owner).__module__.startswith("pandas"):
            continue
        if prefix and len(parts) == 1 and _is_one_value(cell, values[0]):
            code = f'{source_of(cell, call.func)}({prefix}.col("{names[0]}") == {source_of(cell, values[0])})'
            what += "A condition compares a column with a value, with ==."
            return python_correction(cell, call, code, what, str(cell.error))
        if all(parts):
            return _with_text(cell, call, " and ".join(map(str, parts)), f"{what}{ONE_TEXT}.", str(cell.error))
    return None


def _is_one_value(cell: FailedCell, node: ast.expr) -> bool:
    """Return whether code other than a literal can follow `==` as it is, and is not a list in a variable."""
    is_code = isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.JoinedStr)
    return is_code and not isinstance(cell.value_of(node), list | tuple | set | dict)


def several_conditions(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `where` takes one string with `and` and `or` in it: no second one, and no `&` between strings.

    Remedy: The line with one string.
    """
    if not cell.matches(
        r"^builtins\.TypeError: DataFrame\.(where|filter)\(\) takes 2 positional arguments",
        r"^builtins\.TypeError: unsupported operand type\(s\) for [&|]: 'str' and 'str'",
    ):
        return None
    for call in cell.failed_calls(*FILTERS):
        node, word, nodes = call.args[0] if call.args else None, " and ", call.args
        if len(nodes) == 1 and isinstance(node, ast.BinOp) and type(node.op) in WORDS:
            word, nodes = WORDS[type(node.op)], [node.left, node.right]
        texts = [_text(item) for item in nodes]
        if len(texts) > 1 and all(texts):
            what = f"{ONE_TEXT}: write{word}in it. & and | combine columns, not strings."
            joined = word.join(_part(str(text)) for text in texts)
            return _with_text(cell, call, joined, what, f"Python reports: {cell.error}")
    return None


def texts_compared_by_python(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `where("Host" == "a")` compares two strings in Python, which gives True or False.

    Remedy: The line with the condition as a string.
    """
    if not cell.matches(r"NOT_EXPECTED_TYPE", r"NOT_COLUMN_OR_STR", r"bool"):
        return None
    for call in cell.failed_calls(*FILTERS):
        node = call.args[0] if len(call.args) == 1 else None
        if not isinstance(node, ast.Compare) or len(node.ops) != 1 or type(node.ops[0]) not in SQL_OPERATORS:
            continue
        left = literal(node.left)
        condition = sql_of(node, left) if isinstance(left, str) else None
        if condition:
            what = f"Python compares the two values, and where() gets True or False. {ONE_TEXT}."
            return _with_text(cell, call, condition, what, str(cell.error).partition(" SQLSTATE")[0])
    return None


def sql_of(node: ast.Compare, column: str) -> str | None:
    """Return a comparison of a column with a string or a number as SQL, or None for another one."""
    operator = SQL_OPERATORS.get(type(node.ops[0])) if len(node.ops) == 1 else None
    return _comparison(column, operator, node.comparators[0]) if operator else None


def _comparison(column: str | None, operator: str, value: ast.expr) -> str | None:
    """Return SQL that compares a column with a literal."""
    other = literal(value)
    if not column or isinstance(other, bool) or not isinstance(other, str | int | float):
        return None
    if isinstance(other, str) and ("'" in other or '"' in other or "\\" in other):
        return None
    return f"{quoted_name(column)} {operator} " + (f"'{other}'" if isinstance(other, str) else repr(other))


def _part(condition: str) -> str:
    """Return a condition as a part of a longer one: `and` binds more strongly than `or`."""
    return f"({condition})" if re.search(r"\bor\b", condition, re.IGNORECASE) else condition


def _text(node: ast.expr) -> str | None:
    """Return the text of a literal that can stand between double quotes, or None."""
    value = literal(node)
    return value if isinstance(value, str) and '"' not in value and "\\" not in value else None


def _with_text(cell: FailedCell, call: ast.Call, text: str, what: str, proof: str) -> Explanation | None:
    """Explain with the line in which the call has the string as its only argument."""
    return python_correction(cell, call, f'{source_of(cell, call.func)}("{text}")', what, proof)


EXPLANATIONS: list[Explain] = [
    condition_as_keyword,
    several_conditions,
    texts_compared_by_python,
]
