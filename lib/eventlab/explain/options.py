"""The options and topics that a cell's Python names, itself and in the functions that it calls."""

import ast
import contextlib
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.syntax_trees import called_name, python_tree

TAKE_TOPICS = ("KafkaConsumer", "TopicPartition", "subscribe", "describe_topics")
"""Functions of kafka-python whose first arguments are topics."""


def options_in(tree: ast.AST, variables: Mapping[str, Any] | None = None) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names and values of keyword arguments, dictionaries, and calls such as `option("path", path)`.

    Args:
        tree: The code.
        variables: The variables of the code, for dictionaries of options: `options(**variable)`.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _options_of(node, variables or {})
        elif isinstance(node, ast.Dict):
            yield from _items_of(node)


def _options_of(call: ast.Call, variables: Mapping[str, Any]) -> Iterator[tuple[str, ast.expr]]:
    """Yield the options that one call gets by their names."""
    for keyword in call.keywords:
        given = variables.get(getattr(keyword.value, "id", "")) if keyword.arg is None else None
        if keyword.arg:
            yield keyword.arg, keyword.value
        elif isinstance(given, dict):
            yield from ((str(name), ast.Constant(value)) for name, value in given.items())
    if called_name(call) == "option" and len(call.args) == 2:
        yield from _items_of(ast.Dict([call.args[0]], [call.args[1]]))


def _items_of(node: ast.Dict) -> Iterator[tuple[str, ast.expr]]:
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value, value


def sink_option(cell: FailedCell, option: str) -> str | None:
    """Return an option of the query's sink, as Spark prints it or as the cell sets it; None if it sets several."""
    if printed := re.search(rf"[\[\s,]{option}=([^,\]\s]+)", cell.text):
        return printed[1]
    found = (item for tree, variables in programs(cell) for item in _sink_options(tree, variables))
    values = {value for name, value in found if name == option}
    return values.pop() if len(values) == 1 else None


def _sink_options(tree: ast.AST, variables: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the options of the queries that code starts; a path may also be that of a source or of a table."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        given = list(_options_of(call, variables))
        for keyword in call.keywords:
            given += _items_of(keyword.value) if isinstance(keyword.value, ast.Dict) else ()
        is_start = called_name(call) == "start" and isinstance(call.func, ast.Attribute)
        given += [("path", path) for path in call.args[:1] if is_start]
        for name, node in given:
            if name == "checkpointLocation" or is_start or _is_of_writer(call.func, variables):
                yield from ((name, text) for text in _texts(node, variables))


def _is_of_writer(node: ast.expr, variables: Mapping[str, Any]) -> bool:
    """Return whether code is a method of a stream's writer: `frame.writeStream.option`."""
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Attribute) and node.attr == "writeStream":
            return True
        node = node.func if isinstance(node, ast.Call) else node.value
    return type(variables.get(getattr(node, "id", ""))).__name__ == "DataStreamWriter"


def programs(cell: FailedCell) -> Iterator[tuple[ast.AST, Mapping[str, Any]]]:
    """Yield the tree of the cell, and of each call of a function of the notebook, with the variables that it has.

    In a function, a parameter has the value that the call passes, or its default.
    """
    yield cell.tree, cell.namespace
    for name, function in cell.variables.items():
        if not isinstance(function, FunctionType):
            continue
        with contextlib.suppress(OSError, TypeError):
            tree = python_tree(textwrap.dedent(inspect.getsource(function)))
            signature = inspect.signature(function)
            stored = {item.id for item in ast.walk(tree) if isinstance(getattr(item, "ctx", None), ast.Store)}  # type: ignore[attr-defined]
            own = dict.fromkeys(stored) | {key: item.default for key, item in signature.parameters.items()}
            calls = [call for call in cell.calls(name) if isinstance(call.func, ast.Name)]
            for call in calls or [ast.Call(ast.Name(name), [], [])]:
                keywords = {item.arg: item.value for item in call.keywords if item.arg}
                passed = signature.bind_partial(*call.args, **keywords).arguments
                texts = {key: cell.text_of(node) for key, node in passed.items() if isinstance(node, ast.expr)}
                yield tree, {**cell.namespace, **own, **texts}


def option_values(cell: FailedCell, *names: str) -> Iterator[str]:
    """Yield the strings that the cell gives to the options with these names."""
    for tree, variables in programs(cell):
        for name, node in options_in(tree, variables):
            yield from _texts(node, variables) if name in names else ()


def named_topics(cell: FailedCell) -> Iterator[str]:
    """Yield the topics that the cell gives to clients of Kafka, and to Spark as `subscribe`."""
    yield from option_values(cell, "subscribe")
    for tree, variables in programs(cell):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called_name(node) in TAKE_TOPICS:
                for argument in node.args:
                    yield from _texts(argument, variables)


def _texts(node: ast.expr, variables: Mapping[str, Any]) -> Iterator[str]:
    """Yield the strings of a literal, a variable, an f-string or a sum of these, or a list of these."""
    for item in node.elts if isinstance(node, ast.List | ast.Tuple) else [node]:
        if (text := _text(item, variables)) is not None:
            yield text


def _text(node: ast.expr, variables: Mapping[str, Any]) -> str | None:
    """Return the string of code, or None for code that is none of these or has a variable without a string."""
    parts: list[ast.expr] = []
    if isinstance(node, ast.FormattedValue):
        return None if node.format_spec or node.conversion != -1 else _text(node.value, variables)
    if isinstance(node, ast.JoinedStr):
        parts = node.values
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [node.left, node.right]
    if parts:
        texts = [_text(part, variables) for part in parts]
        return None if None in texts else "".join(map(str, texts))
    value = node.value if isinstance(node, ast.Constant) else variables.get(getattr(node, "id", ""))
    return value if isinstance(value, str) else None
