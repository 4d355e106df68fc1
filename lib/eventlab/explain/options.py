"""The options and topics that a cell's Python names, itself and in the functions that it calls."""

import ast
import contextlib
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

from eventlab.explain.failed_cell import FailedCell, called_name, python_tree

TAKE_TOPICS = ("KafkaConsumer", "TopicPartition", "subscribe", "describe_topics")
"""Functions of kafka-python whose first arguments are topics."""


def options_in(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names and values of keyword arguments, dictionaries, and calls such as `option("path", path)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from ((keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg)
        pairs: list[tuple[ast.expr | None, ast.expr]] = []
        if isinstance(node, ast.Dict):
            pairs = list(zip(node.keys, node.values, strict=True))
        elif isinstance(node, ast.Call) and called_name(node) == "option" and len(node.args) == 2:
            pairs = [(node.args[0], node.args[1])]
        for key, value in pairs:
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value


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
        for name, node in options_in(tree):
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
    """Yield the strings of a literal, a variable, or a list of these."""
    for item in node.elts if isinstance(node, ast.List | ast.Tuple) else [node]:
        value = item.value if isinstance(item, ast.Constant) else variables.get(getattr(item, "id", ""))
        if isinstance(value, str):
            yield value
