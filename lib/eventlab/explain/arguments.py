"""Explains wrong arguments in Python: a misspelt keyword, headers without a dictionary, an address or a string."""

import ast
import builtins
import contextlib
import inspect
import json
import re
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from eventlab.explain.edits import python_correction, source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.names import OF_PYTHON
from eventlab.explain.owners import calls_of_frames, is_of_library
from eventlab.explain.session import is_dataframe
from eventlab.explain.syntax_trees import called_name, literal, python_tree
from eventlab.explain.writer import MODES
from eventlab.settings import Settings

TAKE_TEXTS = ("mode", "partitionBy", "groupBy", "groupby", "orderBy", "sort", "select", "drop", "col")
"""Methods whose arguments are the names of columns, or a mode."""
METHODS = ("get", "post", "put", "delete", "patch", "head", "options", "request", "stream", "Request", "Client")
"""Functions and classes of httpx and requests that take headers or an address."""
OPPOSITES = [("descending", "ascending"), ("ascending", "descending")]
PLOTS = ("plot", "bar", "barh", "line", "scatter", "hist", "pie")


def unknown_keyword(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a function has no argument of that name. Name the nearest one.

    Remedy: The line with the nearest argument.
    """
    match = re.search(r"\w+\(\) got an unexpected keyword argument '(\w+)'", str(cell.error))
    match = match or re.search(r"\bUnrecognized configs: \{'(\w+)'", str(cell.error))  # kafka-python
    if not match:
        return None
    for call in cell.failed_calls():
        for keyword in [keyword for keyword in call.keywords if keyword.arg == match[1]]:
            function = function_of(cell, call.func)
            names: Iterable[str] = getattr(function, "DEFAULT_CONFIG", None) or (
                inspect.signature(function).parameters if callable(function) else ()
            )
            is_get = called_name(call) == "get" and str(getattr(function, "__module__", "")).startswith("httpx")
            if match[1] in ("json", "data", "content") and is_get:
                what = f"A GET request has no body, so get has no argument {match[1]}. A POST request has one."
                code = f"{source_of(cell, call.func)[: -len('get')]}post"
                return python_correction(cell, call.func, code, what, str(cell.error))
            given = [item.arg for item in call.keywords]  # with its right name, it may be there, too
            for similar in (name for name in _similar_argument(match[1], names) if name not in given):
                what = f"{source_of(cell, call.func)} has no argument {match[1]!r}. Did you mean {similar!r}?"
                proof = f"its arguments are: {', '.join([name for name in names if name != 'self'][:15])}"
                code = f"{similar}={source_of(cell, keyword.value)}"
                return python_correction(cell, keyword, code, what, proof)
    return None


def _similar_argument(name: str, names: Iterable[str]) -> list[str]:
    """Return the nearest argument: a similar one, or the only one that begins with the name (`group`)."""
    names = [other for other in names if (name, other) not in OPPOSITES]
    longer = [other for other in names if other.startswith(f"{name}_")]
    return close_matches(name, names)[:1] or (longer if len(longer) == 1 else [])


def function_of(cell: FailedCell, node: ast.expr) -> Any:
    """Return the function that a name or an attribute of a variable stands for, or None.

    The attribute is that of the variable's class: reading one of the variable could call a service.
    """
    if isinstance(node, ast.Name):
        return cell.namespace.get(node.id)
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return None
    owner = cell.namespace.get(node.value.id)
    return getattr(owner if isinstance(owner, ModuleType | type) else type(owner), node.attr, None)


def headers_no_dictionary(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the headers of a request are a dictionary.

    Remedy: The line with a dictionary.
    """
    if not isinstance(cell.error, ValueError | TypeError | AttributeError):
        return None
    calls = cell.failed_calls(*METHODS)
    given = (keyword.value for call in calls for keyword in call.keywords if keyword.arg == "headers")
    for value in given:
        items = value.elts if isinstance(value, ast.Set) else [value]
        texts = [str(item.value) for item in items if isinstance(item, ast.Constant)]
        pairs = [text.partition(":") for text in texts]
        if len(pairs) == len(items) and all(colon for _, colon, _ in pairs):
            code = ", ".join(f"{json.dumps(name.strip())}: {json.dumps(text.strip())}" for name, _, text in pairs)
            shown = source_of(cell, items[0])
            proof = f"{shown} is one string; a dictionary has a name and a value, each with quotes"
        elif len(items) == 2 and not any(colon for _, colon, _ in pairs):
            code = ": ".join(source_of(cell, item) for item in items)
            proof = "between the braces is a comma, which makes a set of them; a dictionary has a colon"
        else:
            continue
        what = "The headers of a request are a dictionary: a name, a colon and a value, between braces."
        return python_correction(cell, value, f"{{{code}}}", what, proof)
    return None


def address_without_server(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a request needs a whole address, with http:// and the server.

    Remedy: The line with the API's address.
    """
    if not cell.matches(r"httpx\.UnsupportedProtocol", r"requests\..*(MissingSchema|InvalidSchema)"):
        return None
    for call in cell.failed_calls(*METHODS):
        for argument in call.args:
            server = re.match(r"(f?[\"'])((?:localhost|[\w.-]+\.\w+)(?=[:/]).*)", source_of(cell, argument))
            if server:
                what = f"The address {source_of(cell, argument)} begins with the server. "
                what += "It needs http:// before it."
                proof = f"the game API is at {settings.api_url}"
                return python_correction(cell, argument, f"{server[1]}http://{server[2]}", what, proof)
        for path in [node for node in call.args if source_of(cell, node).lstrip("f")[1:2] == "/"]:
            is_ours = isinstance(cell.namespace.get("settings"), Settings)
            address = "settings.api_url" if is_ours else repr(settings.api_url)
            what = f"The address {source_of(cell, path)} names no server. A request needs a whole address."
            proof = f"the game API is at {settings.api_url}"
            return python_correction(cell, path, f"{address} + {source_of(cell, path)}", what, proof)
    return None


def text_without_quotes(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a string needs quotes: a key of a dictionary or a column's name without them is a variable.

    Remedy: The line with quotes.
    """
    name = cell.error.name if isinstance(cell.error, NameError) else None
    if name is None:
        return None
    sources = [*cell.history, cell.source]
    may_be_variable = name.lower() in OF_PYTHON or any(_sets(source, name) for source in sources)
    arguments = [(call, *item) for call in cell.failed_calls() for item in enumerate(call.args)]
    for call, position, node in [] if may_be_variable else arguments:
        if isinstance(node, ast.Name) and node.id == name and _was_text(cell, call, position, name):
            what = f"{name} has no quotes, so Python looks for a variable of this name. A string needs quotes."
            proof = f'an earlier cell calls {called_name(call)} with "{name}"; {name} is not set in this kernel'
            return python_correction(cell, node, f'"{name}"', what, proof)
    items = [item for node in cell.nodes(ast.Dict) for item in zip(node.keys, node.values, strict=True)]
    keys = [key for key, _ in items]
    attributes = [(key, value) for key, value in items if isinstance(value, ast.Attribute)]
    hosts = [value for key, value in attributes if str(literal(key)).lower() == "host"]
    pattern = rf"{name}(\.\w+)*\.(com|org|net|de|fr)"
    for host in [value for value in hosts if re.fullmatch(pattern, source_of(cell, value))]:
        code = source_of(cell, host)
        what = f"{code} has no quotes, so Python looks for a variable {name}. A string needs quotes."
        return python_correction(cell, host, f'"{code}"', what, f"{name} is not set in this kernel")
    columns = [argument for call in calls_of_frames(cell, *TAKE_TEXTS) for argument in call.args]
    columns += [keyword.value for call in cell.calls(*PLOTS) for keyword in call.keywords]
    columns += [node.slice for node in cell.nodes(ast.Subscript) if is_of_library(cell, node.value)]
    answers = _answers(cell)
    if explanation := _expression_without_quotes(cell, name, columns):
        return explanation
    if may_be_variable:
        keys, answers = [], []
    for text in [*keys, *columns, *answers]:
        if not isinstance(text, ast.Name) or text.id != name:
            continue
        # the name of a variable may be misspelt, unless a DataFrame has such a column
        is_misspelt = text in columns or close_matches(name, cell.namespace)
        if is_misspelt and name not in MODES and not any(name in known for known in _columns_of_frames(cell)):
            continue
        what = f"{name} has no quotes, so Python looks for a variable of this name. "
        what += "If your answer is a string, it needs quotes." if text in answers else "A string needs quotes."
        return python_correction(cell, text, f'"{name}"', what, f"{name} is not set in this kernel")
    return None


def _expression_without_quotes(cell: FailedCell, name: str, columns: list[ast.expr]) -> Explanation | None:
    """Explain a column with a dash in its name, which Python calculates, or SQL that is written as Python."""
    for node in [node for node in columns if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)]:
        code = source_of(cell, node)
        if code.startswith(f"{name}-") and any(code in known for known in _columns_of_frames(cell)):
            what = f"{code} has no quotes, so Python calculates {code.replace('-', ' minus ')}. "
            what += "The name of a column needs quotes."
            return python_correction(cell, node, f'"{code}"', what, f"{name} is not set in this kernel")
    for sql in [argument for call in calls_of_frames(cell, "selectExpr") for argument in call.args]:
        code, used = source_of(cell, sql), {item.id for item in ast.walk(sql) if isinstance(item, ast.Name)}
        is_sql = re.fullmatch(r"[\w(][\w\s.()+*/,-]*", code) and name in used and not used & {*cell.namespace}
        if is_sql and any(name in known for known in _columns_of_frames(cell)):
            what = f"selectExpr reads {code} as SQL, which is a string. A string needs quotes."
            return python_correction(cell, sql, f'"{code}"', what, f"{name} is not set in this kernel")
    return None


def _was_text(cell: FailedCell, call: ast.Call, position: int, text: str) -> bool:
    """Return whether an earlier cell calls the same function with this string at the same position.

    A function of Python, such as `print`, takes strings and variables.
    """
    function = source_of(cell, call.func)
    if hasattr(builtins, function):
        return False
    for source in cell.history:
        for node in ast.walk(python_tree(source)):
            if not isinstance(node, ast.Call) or literal(next(iter(node.args[position:]), None)) != text:
                continue
            if ast.get_source_segment(source, node.func) == function:
                return True
    return False


def _sets(source: str, name: str) -> bool:
    """Return whether a cell sets or imports a name, or has a function with such an argument."""
    nodes = list(ast.walk(python_tree(source)))
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    defined = {getattr(node, "asname", None) or getattr(node, "name", None) for node in nodes}
    return name in stored | defined | {node.arg for node in nodes if isinstance(node, ast.arg)}


def _columns_of_frames(cell: FailedCell) -> Iterator[list[str]]:
    """Yield the columns of the notebook's DataFrames, of Spark and of pandas."""
    for value in list(cell.namespace.values()):
        with contextlib.suppress(Exception):  # a DataFrame of a session that has ended
            if is_dataframe(value) or type(value).__module__.startswith("pandas"):
                yield list(getattr(value, "columns", ()))


def _answers(cell: FailedCell) -> list[ast.expr]:
    """Return what the cell assigns to the variable that it checks with `course.check`."""
    arguments = [argument for call in cell.calls("check") for argument in call.args]
    checked = {argument.id for argument in arguments if isinstance(argument, ast.Name)}
    return [
        node.value
        for node in cell.nodes(ast.Assign)
        if any(isinstance(target, ast.Name) and target.id in checked for target in node.targets)
    ]


EXPLANATIONS: list[Explain] = [unknown_keyword, headers_no_dictionary, address_without_server, text_without_quotes]
