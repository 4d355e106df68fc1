"""Calls of a learner's function in the kernel, to find the value for which it fails: only without side effects."""

import dis
import sys
import time
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

LIMIT_S = 0.3
"""Seconds for one call; a function may contain an endless loop."""
MODULES = {"json", "re", "math", "datetime", "string", "decimal", "statistics", "unicodedata"}
FORBIDDEN = {"open", "print", "input", "exec", "eval", "compile", "__import__", "globals", "setattr", "delattr"}
FORBIDDEN |= {"getattr", "vars", "locals"}
CHANGING = {"append", "extend", "add", "update", "pop", "popitem", "remove", "insert", "clear", "setdefault"}
CHANGING |= {"sort", "discard", "reverse", "write", "send", "intersection_update", "difference_update"}
CHANGING |= {"symmetric_difference_update"}
STORES = {"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "DELETE_ATTR", "STORE_SUBSCR", "DELETE_SUBSCR"}
STORES |= {"STORE_DEREF", "IMPORT_NAME"}
VALUES = (str, int, float, bool, bytes, tuple, frozenset, dict, list, set, type(None))


class Late(Exception):
    """The call has taken longer than LIMIT_S."""


def is_pure(function: Any, seen: frozenset[Any] = frozenset()) -> bool:
    """Return whether calling the function changes nothing: it uses its arguments, values and pure functions."""
    if not isinstance(function, FunctionType) or not _is_pure_code(function.__code__):
        return False
    if function in seen:
        return True
    seen |= {function}
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    cells += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    used = [function.__globals__[name] for name in names if name in function.__globals__]
    if _changes_in_place(function.__code__) and any(
        isinstance(value, dict | list | set) for value in cells + used
    ):
        return False  # `seen += [name]` may change a list of the notebook
    return all(_is_harmless(value, seen) for value in cells + used)


def _is_harmless(value: Any, seen: frozenset[Any]) -> bool:
    if isinstance(value, ModuleType):
        return value.__name__ in MODULES
    if isinstance(value, FunctionType):
        return value.__module__ in MODULES or is_pure(value, seen)
    return type(value) in VALUES or getattr(value, "__module__", "") in MODULES


def _codes(code: CodeType) -> list[CodeType]:
    """Return the code of a function and of the functions inside it."""
    inner = (item for item in code.co_consts if isinstance(item, CodeType))
    return [code, *(nested for item in inner for nested in _codes(item))]


def _changes_in_place(code: CodeType) -> bool:
    """Return whether the code has an operator such as `+=`."""
    return any(
        step.opname == "BINARY_OP" and step.argrepr.endswith("=")
        for item in _codes(code)
        for step in dis.get_instructions(item)
    )


def _is_pure_code(code: CodeType) -> bool:
    """Return whether the code has no name of a changing function and no instruction that stores outside."""
    for item in _codes(code):
        names = set(item.co_names)
        if names & (FORBIDDEN | CHANGING):
            return False
        if any(step.opname in STORES for step in dis.get_instructions(item)):
            return False
    return True


def error_of(function: Any, arguments: tuple[Any, ...]) -> str | None:
    """Call the function in this thread, at most LIMIT_S, and return the class of its error, or None."""
    deadline = time.monotonic() + LIMIT_S

    def stop_late(frame: FrameType, event: str, argument: Any) -> Any:
        if time.monotonic() > deadline:
            raise Late
        return stop_late

    before = sys.gettrace()
    sys.settrace(stop_late)
    try:
        function(*arguments)
    except Late:
        return None
    except Exception as error:
        return type(error).__name__
    finally:
        sys.settrace(before)
    return None
