"""Syntax trees of the Python in cells, and what their nodes mean."""

import ast
import contextlib
import re
from typing import Any

from eventlab.explain import source_text


def python_tree(source: str) -> ast.Module:
    """Return the syntax tree of a cell's Python without magics and `!commands`, or an empty tree."""
    if source_text.SHELL_CELL.match(source):
        return ast.Module([], [])
    # In plain Python, a line can begin with `%` or `!=`: it continues an expression.
    for code in (source, source_text.SHELL_LINE.sub(_pass, source)):
        with contextlib.suppress(SyntaxError, ValueError):
            return ast.parse(code)
    return ast.Module([], [])


def is_python(source: str) -> bool:
    """Return whether Python can read a cell without its magics and `!commands`."""
    return bool(python_tree(source).body)


def _pass(line: re.Match[str]) -> str:
    """Return `pass` with the indentation of a shell command, and with as many lines."""
    return re.match(r"[ \t]*", line[0])[0] + "pass" + "\n" * line[0].count("\n")  # type: ignore[index]


def called_name(call: ast.Call) -> str:
    """Return the name of the called function or method, without the object."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def owner_of(call: ast.expr | None) -> ast.expr | None:
    """Return the object whose method is called, such as `frame` in `frame.show()`; None for other code."""
    method = call.func if isinstance(call, ast.Call) else None
    return method.value if isinstance(method, ast.Attribute) else None


def literal(node: ast.AST | None) -> Any:
    """Return the value of a literal, or None for other code."""
    return node.value if isinstance(node, ast.Constant) else None
