"""Explains calls with wrong arguments, of an object that is not a function, or of another object's method."""

import ast
import builtins
import inspect
import re
import sys
from typing import Any

from eventlab.explain.arguments import function_of
from eventlab.explain.edits import arguments_of, python_correction, source_of, statement_correction
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import CELL_FILE, FailedCell
from eventlab.explain.owners import OF_DATAFRAMES, is_frame
from eventlab.explain.session import OF_FUNCTIONS, session_variable, spark_function
from eventlab.explain.syntax_trees import called_name, literal, owner_of
from eventlab.settings import Settings

NO_ARGUMENT = re.compile(r"\b(\w+)\.(\w+)\(\) takes 1 positional argument but \d+ (?:was|were) given")
"""The message for a method has its class. Without a class it is a function, whose one argument is not `self`."""
MISSING = re.compile(r"(\w+)\(\) missing \d+ required positional arguments?: '(\w+)'")
FIRST_PARAMETERS = ("col", "str", "string", "date", "timestamp", "e")
"""Names of a function's first parameter that mean the column."""
NOT_CALLABLE = r"^builtins\.TypeError: 'Column' object is not callable"


def parenthesis_before_method(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a method of the DataFrame is inside of the parentheses: `select(column.show())`.

    Remedy: The line with the parenthesis before the method.
    """
    if not cell.matches(NOT_CALLABLE):
        return None
    from pyspark.sql import Column, DataFrame

    for outer in cell.failed_calls(*OF_DATAFRAMES):
        last = outer.args[-1] if outer.args else None
        owner = owner_of(last)
        if not isinstance(last, ast.Call) or owner is None:
            continue
        if called_name(outer) == "join" or is_frame(cell, owner):
            continue  # a DataFrame may have it there: `join(other.distinct())`
        name, whole, column = called_name(last), source_of(cell, outer), source_of(cell, owner)
        inner = source_of(cell, last)
        if hasattr(Column, name) or not hasattr(DataFrame, name) or not whole.endswith(f"{inner})"):
            continue
        code = f"{whole.removesuffix(f'{inner})')}{column}){inner[len(column) :]}"
        what = f"{name} is a method of the DataFrame, and it follows a column: a parenthesis is missing before it."
        proof = f"pyspark's DataFrame has {name}, and its Column has none"
        return python_correction(cell, outer, code, what, proof)
    return None


def function_as_method(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a name is one of Spark's functions: a DataFrame or a column has no such method.

    Remedy: The line that calls the function.
    """
    if not cell.matches(NOT_CALLABLE):
        return None
    from pyspark.sql import Column, DataFrame, GroupedData, functions

    for call in cell.failed_calls():
        name = called_name(call)
        if any(hasattr(kind, name) for kind in (Column, DataFrame, GroupedData)):
            continue
        if not callable(getattr(functions, name, None)) or not (function := spark_function(cell, name)):
            continue
        code, owner = _with_function(cell, call, function, getattr(functions, name))
        if not code:
            continue
        what = f"A {owner} has no method {name}. It is a function of Spark."
        what += " select() takes its result." if owner == "DataFrame" else ""
        proof = f"pyspark.sql.functions has {name}, and a {owner} has none"
        return python_correction(cell, call, code, what, proof)
    return None


def _with_function(cell: FailedCell, call: ast.Call, function: str, value: Any) -> tuple[str, str]:
    """Return the code that calls a function for a method that does not exist, and the class of the method's owner.

    Returns:
        Two empty strings when it is not clear what the owner is, or what the function's arguments are.
    """
    owner, arguments = owner_of(call), arguments_of(cell, call)
    if owner is None:
        return "", ""
    texts = [isinstance(literal(item), str) for item in call.args]
    if is_frame(cell, owner):
        code = f"{source_of(cell, owner)}.select({function}{arguments})"
        return (code, "DataFrame") if texts and all(texts) and not call.keywords else ("", "")
    parameters = list(inspect.signature(value).parameters)
    if not _is_column(cell, owner) or not parameters or parameters[0] not in FIRST_PARAMETERS:
        return "", ""
    try:
        inspect.signature(value).bind(owner, *call.args, **{str(item.arg): item for item in call.keywords})
    except TypeError:
        return "", ""
    comma = ", " if call.args or call.keywords else ""
    return f"{function}({source_of(cell, owner)}{comma}{arguments[1:]}", "column"


def _is_column(cell: FailedCell, node: ast.expr) -> bool:
    """Return whether code is a column: `frame.price`, `frame["price"]` or what a function of Spark returns."""
    if isinstance(node, ast.Attribute | ast.Subscript):
        frame = cell.value_of(node.value)
        has_column = frame is None or getattr(node, "attr", None) in (None, *frame.columns)
        return is_frame(cell, node.value) and has_column
    function = function_of(cell, node.func) if isinstance(node, ast.Call) else None
    return callable(function) and str(getattr(function, "__module__", "")).startswith(OF_FUNCTIONS)


def too_many_arguments(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a method takes no argument: `first("item")`, `count("Host")`.

    Remedy: The line without the argument; after `first()`, the field is in brackets.
    """
    match = NO_ARGUMENT.search(str(cell.error))
    if not isinstance(cell.error, TypeError) or not match:
        return None
    calls = [call for call in cell.failed_calls(match[2]) if call.args and owner_of(call)]
    if not calls or not _takes_nothing(cell, match[1], match[2]):
        return None
    name, argument = match[2], source_of(cell, calls[0].args[0])
    what, code = f"{name}() takes no argument.", f"{source_of(cell, calls[0].func)}()"
    value = literal(calls[0].args[0])
    if name == "first" and isinstance(value, str):
        what += " It returns the first row, and the row's field follows in brackets."
        code += f"[{argument}]"
    elif name == "first" and isinstance(value, int):
        what += " It returns one row. head() takes the number of rows."
        code = f"{code.removesuffix('first()')}head({argument})"
    elif name == "json" and isinstance(value, str):
        what = "json() reads the whole answer. The name of a field follows it in brackets."
        code += f"[{argument}]"
    return python_correction(cell, calls[0], code, what, f"Python reports: {cell.error}")


def _takes_nothing(cell: FailedCell, owner: str, name: str) -> bool:
    """Return whether a method of a class with this name has no parameter, also none that is passed by its name."""
    kinds = {kind for value in cell.namespace.values() for kind in type(value).__mro__ if kind.__name__ == owner}
    modules = map(sys.modules.get, ("httpx", "pyspark.sql.connect.dataframe", "pyspark.sql.connect.group"))
    kinds |= {getattr(module, owner) for module in modules if hasattr(module, owner)}
    methods = [method for kind in kinds if inspect.isfunction(method := getattr(kind, name, None))]
    others = [list(inspect.signature(method).parameters.values())[1:] for method in methods]
    if name == "json":  # its options are those of json.loads
        others = [[item for item in items if item.kind is not item.VAR_KEYWORD] for items in others]
    fitting = [items for items in others if all(item.kind is item.KEYWORD_ONLY for item in items)]
    return bool(fitting) and not any(fitting)


def missing_argument(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a call lacks an argument; the notebook may have a variable of its name.

    Remedy: The line with this variable, or a line that shows the arguments.
    """
    match = MISSING.search(str(cell.error))
    if not isinstance(cell.error, TypeError) or not match or match[2] == "self":
        return None
    for call in cell.failed_calls(match[1]):
        function = function_of(cell, call.func)
        if not callable(function):
            continue
        parameters = [str(item) for name, item in inspect.signature(function).parameters.items() if name != "self"]
        what = f"{match[1]}() also needs the argument {match[2]}."
        proof = f"its arguments are: {', '.join(item.partition(':')[0] for item in parameters)}"
        value = cell.namespace.get(match[2])
        is_value = match[2] in cell.namespace and not callable(value) and not inspect.ismodule(value)
        if is_value and "missing 1 " in match[0]:
            given, start = source_of(cell, call), source_of(cell, call.func)
            inner = given[len(start) + 1 : -1].rstrip().rstrip(",")
            argument = f"{match[2]}={match[2]}" if call.keywords else match[2]
            code = f"{start}({inner}{', ' if inner else ''}{argument})"
            return python_correction(cell, call, code, what, f"{proof}; {match[2]} is a variable of this notebook")
        shown = f"help({source_of(cell, call.func)})"
        return Explanation(what, proof, shown, "To see what the arguments mean, run this")
    return None


def method_without_object(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a name is a method of the Spark session or of `course`: `sql(...)` for `spark.sql(...)`.

    Remedy: The line with the object before the method.
    """
    name = cell.error.name if isinstance(cell.error, NameError) else None
    calls = [call for call in cell.failed_calls(str(name)) if isinstance(call.func, ast.Name)] if name else []
    session = session_variable(cell)
    owners: list[Any] = [(session, cell.namespace[session])] if session else []
    owners += [("course", cell.namespace["course"])] if "course" in cell.namespace else []
    for variable, owner in owners:
        if len(calls) == 1 and callable(getattr(type(owner), str(name), None) or getattr(owner, str(name), None)):
            what = f"{name} is a method of {variable}: write {variable} and a dot before it."
            code = f"{variable}.{name}"
            proof = f"there is no variable {name}, and {variable} has {name}"
            return python_correction(cell, calls[0].func, code, what, proof)
    return None


def variable_is_a_method(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a variable has a method instead of its result, because the parentheses are missing.

    Remedy: The statement with parentheses.
    """
    method = cell.error.obj if isinstance(cell.error, AttributeError) else None
    is_operand = cell.matches(r"^builtins\.TypeError: unsupported operand type\(s\) .*'\w*(method|function)\w*'")
    for node in ast.walk(cell.tree) if is_operand or inspect.isroutine(method) else ():
        operands = [node.left, node.right] if isinstance(node, ast.BinOp) and is_operand else []
        operands += [node.value] if isinstance(node, ast.Attribute) and not is_operand else []
        for name in [item.id for item in operands if isinstance(item, ast.Name) and cell.failed_in(node)]:
            value = cell.namespace.get(name)  # Python reports a bound method as its function
            if not inspect.isroutine(value) or (method and getattr(value, "__func__", value) is not method):
                continue
            if inspect.ismodule(getattr(value, "__self__", None)) or not hasattr(value, "__self__"):
                continue  # a function
            statement, parameters = cell.assignment_of(name), inspect.signature(value).parameters.values()
            needed = [
                item.name for item in parameters if item.default is item.empty and item.kind < item.VAR_POSITIONAL
            ]
            if any(item.kind is item.VAR_POSITIONAL for item in parameters):
                continue  # select() without columns
            if (
                statement
                and statement.endswith(f".{value.__name__}")
                and (method or set(needed) <= set(cell.namespace))
            ):
                what = f"{name} is the method {value.__name__}, not its result: the parentheses are missing."
                code = f"{statement}({', '.join(name for name in needed if name in cell.namespace)})"
                return statement_correction(cell, statement, code, what, f"it was assigned by: {statement}")
    return None


def method_in_brackets(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that brackets follow a method that was not called: `answer.json["error"]`.

    Remedy: The line with parentheses before the brackets.
    """
    if not cell.matches(r"^builtins\.TypeError: '\w*(method|function)\w*' object is not subscriptable"):
        return None
    for method in (node.value for node in cell.failed_nodes(ast.Subscript)):
        if isinstance(method, ast.Attribute) and method.attr in ("json", "first", "collect", "toPandas"):
            what = f"{method.attr} is a method. It is called with parentheses: {method.attr}()."
            return python_correction(cell, method, f"{source_of(cell, method)}()", what, str(cell.error))
    return None


def value_is_called(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a value is called like a function: `answer.text()`, or `list(...)` with a variable `list`.

    Remedy: The line without the parentheses, or a line that deletes the variable.
    """
    match = re.match(r"'(\w+)' object is not callable", str(cell.error))
    files = [step.tb_frame.f_code.co_filename for step in cell.trace]
    is_here = cell.place is not None and files[-1] == next(filter(CELL_FILE.search, files))
    calls = cell.failed_calls() if isinstance(cell.error, TypeError) and is_here else []
    if not match or not calls or match[1] in ("Column", "module", "NoneType"):
        return None
    name = called_name(calls[0])
    is_value = type(cell.namespace.get(name)).__name__ == match[1]
    if isinstance(calls[0].func, ast.Name) and hasattr(builtins, name) and is_value:
        what = f"{name} is a function of Python. Your variable {name} has replaced it."
        instruction = "To fix it, give your variable another name, and run this"
        return Explanation(what, f"{name} is a value of the type {match[1]} now", f"del {name}", instruction)
    if not isinstance(calls[0].func, ast.Attribute) or calls[0].args or calls[0].keywords:
        return None
    what = f"{name} is a value, not a method. Write it without parentheses."
    code = source_of(cell, calls[0].func)
    return python_correction(cell, calls[0], code, what, f"its value has the type {match[1]}")


EXPLANATIONS: list[Explain] = [
    parenthesis_before_method,
    function_as_method,
    too_many_arguments,
    missing_argument,
    method_without_object,
    variable_is_a_method,
    method_in_brackets,
    value_is_called,
]
