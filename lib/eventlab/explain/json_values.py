"""Explains values that are not JSON, and objects of Python that a cell reads or writes as JSON."""

import ast
import contextlib
import json
from typing import Any

from eventlab.explain.edits import python_correction, source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.syntax_trees import literal, owner_of
from eventlab.settings import Settings


def json_module(cell: FailedCell) -> str:
    """Return code for the module json, which the notebook may not have imported."""
    return "json" if cell.namespace.get("json") is json else "__import__('json')"


def text_is_no_json(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `json.loads` got a string that is not JSON.

    The box never reads the values: they may come from a consumer, which gives each message once.

    Remedy: The line that reads only the values that begin with a brace.
    """
    document = getattr(cell.error, "doc", None)
    if type(cell.error).__name__ != "JSONDecodeError" or not isinstance(document, str):
        return None
    what = f"This value is not JSON: {document[:80]!r}." if document.strip() else "This value is an empty string."
    proof = f"Python reports: {cell.error}"
    loops: list[ast.ListComp | ast.GeneratorExp] = cell.failed_nodes(ast.ListComp, ast.GeneratorExp)
    for node in loops:
        if len(node.generators) != 1:
            continue
        calls = [call for call in ast.walk(node.elt) if isinstance(call, ast.Call)]
        read = [call.args[0] for call in calls if source_of(cell, call.func) == "json.loads" and call.args]
        loop = node.generators[0]
        if not read or loop.ifs or document.lstrip()[:1] == "{":
            continue
        value = source_of(cell, read[0])
        code = f'{source_of(cell, loop.iter)} if {value}.lstrip()[:1] in ("{{", b"{{")'
        what += " The line below leaves such values out: an event begins with a brace."
        return python_correction(cell, loop.iter, code, what, proof)
    for call in cell.failed_calls("json"):
        if answer := owner_of(call):
            what = f"The answer is not JSON: {document[:80]!r}. The attribute text contains it as a string."
            return python_correction(cell, call, f"{source_of(cell, answer)}.text", what, proof)
    return None


def text_has_no_json(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a string has no method `json()`, as the answer to a request has: `answer.text.json()`.

    Remedy: The line with `json.loads`.
    """
    error = cell.error
    text = error.obj if isinstance(error, AttributeError) and error.name == "json" else None
    for call in cell.failed_calls("json") if isinstance(text, str | bytes) and _is_json(text) else ():
        if owner := owner_of(call):
            value = source_of(cell, owner)
            what = f"{value} is a string, which has no method json(). json.loads reads it."
            code = f"{json_module(cell)}.loads({value})"
            return python_correction(cell, call, code, what, f"Python reports: {error}")
    return None


def list_is_no_json(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `json.loads` got a list instead of a string, or `json.dumps` got bytes.

    Remedy: The line that reads each of the values, or that reads the value first.
    """
    is_list = cell.matches(r"^builtins\.TypeError: the JSON object must be str, bytes or bytearray, not S?[lL]ist")
    if not is_list and not cell.matches(r"^builtins\.TypeError: Object of type bytes is not JSON serializable"):
        return None
    calls = [call for call in cell.failed_calls("loads" if is_list else "dumps") if len(call.args) >= 1]
    if len(calls) != 1:
        return None
    function, argument = source_of(cell, calls[0].func), source_of(cell, calls[0].args[0])
    if is_list:
        values = cell.value_of(calls[0].args[0])
        if not isinstance(values, list) or not all(isinstance(value, str | bytes) for value in values):
            return None  # it is JSON that is parsed, or not known
        what = "json.loads reads one string, and this is a list of strings. Read one after the other."
        code = f"[{function}(value) for value in {argument}]"
        return python_correction(cell, calls[0], code, what, str(cell.error))
    if not _is_json_in_bytes(cell, calls[0].args[0]):
        return None  # the bytes are a part of it, or they are no JSON
    what = "json.dumps writes Python's objects as JSON, and this value is bytes, the JSON itself. Read it first."
    code = f"{function.replace('dumps', 'loads')}({argument})"
    return python_correction(cell, calls[0].args[0], code, what, str(cell.error))


def object_is_no_json(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `json.loads` got the answer to a request, a row or a dictionary instead of a string.

    Remedy: The line with `json()`, with the field of the row that is JSON, or without `json.loads`.
    """
    if not cell.matches(r"^builtins\.TypeError: the JSON object must be str, bytes or bytearray, not \w+"):
        return None
    calls = [call for call in cell.failed_calls("loads") if len(call.args) == 1 and not call.keywords]
    value: Any = cell.trace[-1].tb_frame.f_locals.get("s") if cell.trace else None
    if len(calls) != 1 or not isinstance(calls[0].args[0], ast.Name | ast.Attribute | ast.Subscript | ast.Call):
        return None
    function, argument = source_of(cell, calls[0].func), source_of(cell, calls[0].args[0])
    code, what = "", f"json.loads reads a string, and {argument} is "
    if type(value).__name__ == "Response" and type(value).__module__.startswith(("httpx", "requests")):
        code, reason = f"{argument}.json()", "the answer to a request. Its method json() reads it."
        content = vars(value).get("_content")  # the property would read an answer that is still a stream
        if not isinstance(content, bytes):
            return None
        if not _is_json(content):
            code, reason = f"{argument}.text", "the answer to a request. It is not JSON; its text is a string."
    elif type(value).__name__ == "Row" and hasattr(value, "asDict"):
        fields = value.asDict()
        found = [name for name, text in fields.items() if isinstance(text, str | bytes | bytearray)]
        found = [name for name in found if isinstance(_parsed(fields[name]), dict | list)]
        if len(found) == 1:
            code, reason = f'{function}({argument}["{found[0]}"])', f"a row. Its field {found[0]} is JSON."
        elif not found:
            code, reason = f"{argument}.asDict()", "a row. asDict() makes a dictionary of its fields."
    elif type(value) is dict:
        code, reason = argument, "a dictionary already."
    return (
        python_correction(cell, calls[0], code, what + reason, f"Python reports: {cell.error}") if code else None
    )


def _is_json_in_bytes(cell: FailedCell, node: ast.expr) -> bool:
    """Return whether an expression is a variable, or an item or attribute of one, that is JSON in bytes."""
    value = cell.value_of(node.value if isinstance(node, ast.Subscript | ast.Attribute) else node)
    if isinstance(node, ast.Subscript):
        index = literal(node.slice)
        with contextlib.suppress(LookupError, TypeError):
            value = value[index] if isinstance(value, list | tuple | dict) else None
    elif isinstance(node, ast.Attribute):  # reading an attribute of another class could call a service
        value = getattr(value, node.attr, None) if type(value).__name__ == "ConsumerRecord" else None
    return isinstance(value, bytes) and _is_json(value)


def _is_json(text: str | bytes) -> bool:
    return _parsed(text) is not None


def _parsed(text: str | bytes | bytearray) -> Any:
    """Return what a text is as JSON, or None if it is not JSON."""
    with contextlib.suppress(ValueError):
        return json.loads(text)
    return None


EXPLANATIONS: list[Explain] = [text_is_no_json, text_has_no_json, list_is_no_json, object_is_no_json]
