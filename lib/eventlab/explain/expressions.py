"""Explains expressions of columns in Python: `and`, missing parentheses, Python's `sum`, a name without quotes."""

import ast
import contextlib
from collections.abc import Iterator

from eventlab.explain.columns import similar_columns
from eventlab.explain.conditions import SQL_OPERATORS, sql_of
from eventlab.explain.edits import python_correction, source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.owners import OF_DATAFRAMES, calls_of_frames
from eventlab.explain.session import dataframes, functions_variable, is_dataframe, spark_function
from eventlab.explain.syntax_trees import called_name, literal
from eventlab.settings import Settings

OPERATORS = SQL_OPERATORS | {ast.Eq: "=="}
SIGNS = {ast.And: " & ", ast.Or: " | ", ast.BitAnd: " & ", ast.BitOr: " | "}
PYTHONS_OWN = ("sum", "max", "min", "abs", "round", "pow")


def conditions_need_parentheses(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `and`, `or` and `not`, or `&` and `|` without parentheses, do not combine conditions.

    Remedy: The line with `&`, `|` or `~`, and each condition in parentheses.
    """
    if not cell.has_condition("CANNOT_CONVERT_COLUMN_INTO_BOOL"):
        return None
    nodes = [node for node in _arguments(cell) if cell.failed_in(node)]
    found = [(node, parts) for node in nodes if (parts := _conditions(cell, node))]
    if len(found) != 1:
        return None
    node, new = found[0]
    what = "For columns, write & for `and`, | for `or` and ~ for `not`, with each condition in parentheses."
    proof = f"Spark reports: {str(cell.error).partition(': ')[0]}"
    if isinstance(node, ast.Compare):
        proof = f"Python reads: {ast.unparse(_bracketed(node))}"
        what = "Python combines the two comparisons with `and`, which columns do not have. Write & between them."
        if any(isinstance(item, ast.BinOp) for item in node.comparators):
            what = "In Python, & and | bind more strongly than == and <. Each condition needs its own parentheses."
    return python_correction(cell, node, new, what, proof)


def _bracketed(node: ast.Compare) -> ast.Compare:
    """Return a comparison whose text shows in parentheses what Python reads first."""
    parts = [node.left, *node.comparators]
    texts = [f"({ast.unparse(part)})" if isinstance(part, ast.BinOp) else ast.unparse(part) for part in parts]
    names: list[ast.expr] = [ast.Name(text) for text in texts]
    return ast.Compare(names[0], node.ops, names[1:])


def _arguments(cell: FailedCell) -> Iterator[ast.expr]:
    """Yield the expressions that may be conditions: of methods of DataFrames, and of assignments."""
    for call in calls_of_frames(cell, *OF_DATAFRAMES):
        yield from call.args
    for value in (node.value for node in cell.nodes(ast.Assign)):
        calls = (part for part in ast.walk(value) if isinstance(part, ast.Call))
        if not any(called_name(call) in OF_DATAFRAMES for call in calls):
            yield value


def _conditions(cell: FailedCell, node: ast.expr) -> str | None:
    """Return the code of an expression that combines conditions as columns need it, or None for another one."""
    if isinstance(node, ast.BoolOp):
        return SIGNS[type(node.op)].join(_in_parentheses(cell, value) for value in node.values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return f"~{_in_parentheses(cell, node.operand)}"
    if not isinstance(node, ast.Compare) or len(node.ops) < 2 or any(type(op) not in OPERATORS for op in node.ops):
        return None
    result, left = "", source_of(cell, node.left)
    for operator, right, is_last in zip(
        node.ops, node.comparators, [False] * (len(node.ops) - 1) + [True], strict=True
    ):
        sign, first, second = " & ", source_of(cell, right), source_of(cell, right)
        if isinstance(right, ast.BinOp) and type(right.op) in SIGNS:
            sign = SIGNS[type(right.op)]
            first, second = source_of(cell, right.left), source_of(cell, right.right)
        result += f"({left} {OPERATORS[type(operator)]} {first})" + ("" if is_last else sign)
        left = second
    return result


def _in_parentheses(cell: FailedCell, node: ast.expr) -> str:
    return _conditions(cell, node) or f"({source_of(cell, node)})"


def function_of_python(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the cell calls Python's own `sum`, `max` or similar on a column, not Spark's function.

    Remedy: The line with Spark's function.
    """
    if not cell.has_condition("NOT_ITERABLE") and not cell.matches(
        r"^builtins\.TypeError: .*(unsupported operand|bad operand|doesn't define __round__)"
    ):
        return None
    # `max("price") - 1` calculates with what max returns
    innermost = cell.failed_nodes(ast.BinOp, ast.UnaryOp)[-1:]
    operands = [operand for node in innermost for operand in ast.iter_child_nodes(node)]
    calls = [call for call in cell.calls(*PYTHONS_OWN) if cell.failed_in(call) or call in operands]
    calls = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id not in cell.namespace]
    inside = [node for outer in calls_of_frames(cell, *OF_DATAFRAMES) for node in ast.walk(outer) if node in calls]
    if len(inside) != 1 or not isinstance(inside[0], ast.Call) or not isinstance(inside[0].func, ast.Name):
        return None
    name = inside[0].func.id
    function = spark_function(cell, name)
    what = f"{name}() is Python's own function, which cannot calculate with a column. "
    what += f"Spark's function is {function}()."
    proof = f"this notebook has no variable {name}, so Python uses its own function"
    return python_correction(cell, inside[0].func, function, what, proof) if function else None


def column_is_no_variable(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a column's name without quotes is a variable for Python. The name may be misspelt, too.

    Remedy: The line with the column, or with the condition as a string.
    """
    name = next((error.name for error in cell.errors if isinstance(error, NameError)), None)
    nodes = [node for node in cell.nodes(ast.Name) if node.id == name]
    inside = [call for call in calls_of_frames(cell, *OF_DATAFRAMES) if nodes and nodes[0] in ast.walk(call)]
    by_name = len(nodes) == 1 and any(_takes_name(call, nodes[0]) for call in inside)
    if not name or len(nodes) != 1 or not inside:
        return None
    is_function = any(call.func is nodes[0] for call in cell.calls())
    column = name if _frame_with(cell, name, by_name) or is_function else _similar_column(cell, name)
    frame = _frame_with(cell, column, by_name)
    if not frame:
        return None
    what = f"For Python, {name} is a variable, which does not exist."
    what += "" if column == name else f" Did you mean the column {column!r}?"
    proof = f"the DataFrame {frame} has a column {column}"
    prefix, node, path = functions_variable(cell), _with_field(cell, nodes[0]), column
    if isinstance(node, ast.Attribute):
        path = f"{column}.{node.attr}"
        if any(node in call.args for call in cell.calls("select", "groupBy", "orderBy", "sort", "drop")):
            return python_correction(cell, node, f'"{path}"', f"{what} The name of a column is a string.", proof)
    elif by_name:
        return python_correction(cell, node, f'"{path}"', f"{what} The name of a column is a string.", proof)
    if prefix or frame in cell.variables:
        code = f'{prefix}.col("{path}")' if prefix else f'{frame}["{path}"]'
        return python_correction(cell, node, code, f"{what} The column is {code}.", proof)
    for compare in cell.nodes(ast.Compare):
        if compare.left is node and (text := sql_of(compare, path)):
            what += " Write the condition as a string with SQL."
            return python_correction(cell, compare, f'"{text}"', what, proof)
    return None


def _takes_name(call: ast.Call, node: ast.expr) -> bool:
    """Return whether an argument of a method is the name of a column, not a column."""
    by_name = [item.value for item in call.keywords if item.arg == "on"] if called_name(call) == "join" else []
    position = {"withColumn": 0, "join": 1}.get(called_name(call), len(call.args))
    return node in [*by_name, *call.args[position : position + 1]]


def _with_field(cell: FailedCell, node: ast.Name) -> ast.expr:
    """Return the attribute of a name, such as `item.price`, unless it is a method that is called."""
    outer = next((item for item in cell.nodes(ast.Attribute) if item.value is node), None)
    return node if outer is None or any(call.func is outer for call in cell.calls()) else outer


def _similar_column(cell: FailedCell, name: str) -> str:
    """Return the nearest column of the cell's DataFrames; an empty string if a variable has a similar name."""
    columns = [column for _, frame in dataframes(cell) for column in frame.columns]
    variables = [variable for variable in cell.namespace if not variable.startswith("_")]
    return "" if close_matches(name, variables) else next(iter(similar_columns(name, columns)), "")


def _frame_with(cell: FailedCell, column: str, by_name: bool) -> str | None:
    """Return the DataFrame with the column: the only one that the cell uses, or one of a cell that uses none.

    A column that is used by its name may be in several, as for a join.
    """
    used = dict(dataframes(cell))
    frames = [name for name, frame in used.items() if column in frame.columns]
    if used:
        return frames[0] if len(frames) == 1 or (by_name and frames) else None
    for name, value in list(cell.namespace.items()):
        with contextlib.suppress(Exception):  # a DataFrame of a session that has ended
            if is_dataframe(value) and not name.startswith("_") and column in value.columns:
                return name
    return None


def texts_multiplied(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `"price" * "quantity"` calculates with two strings of Python instead of columns.

    Remedy: The line with columns.
    """
    if not cell.matches(
        r"^builtins\.TypeError: (can't multiply sequence by non-int|unsupported operand type\(s\) for [-/+*])"
    ):
        return None
    nodes = [
        node for outer in calls_of_frames(cell, *OF_DATAFRAMES) for node in ast.walk(outer) if _is_of_texts(node)
    ]
    operations = [node for node in nodes if cell.failed_in(node)]
    column = spark_function(cell, "col")
    if len(operations) != 1 or not isinstance(operations[0], ast.BinOp) or column is None:
        return None
    left, right = (source_of(cell, side) for side in (operations[0].left, operations[0].right))
    what = f"{left} and {right} are strings for Python. A column is needed to calculate: {column}({left})."
    sign = {ast.Mult: "*", ast.Div: "/", ast.Sub: "-"}[type(operations[0].op)]
    code = f"{column}({left}) {sign} {column}({right})"
    return python_correction(cell, operations[0], code, what, str(cell.error))


def _is_of_texts(node: ast.AST) -> bool:
    """Return whether a node multiplies, divides or subtracts two literal strings."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult | ast.Div | ast.Sub):
        return False
    return all(isinstance(literal(side), str) for side in (node.left, node.right))


EXPLANATIONS: list[Explain] = [
    conditions_need_parentheses,
    function_of_python,
    column_is_no_variable,
    texts_multiplied,
]
