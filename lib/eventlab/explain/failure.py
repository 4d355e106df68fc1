"""A failed cell: its error with all that caused it, its source, and what the names in it stand for.

Only the standard library is needed here, so that an error can be looked at in a Python that has nothing else.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import FunctionType
from typing import Any

ADDRESS = re.compile(r"[\w.-]+:\d{1,5}")
MOST_TEXT = 100_000
"""Characters of an error that are looked at; a Java stack trace is long, and what matters comes first."""


@dataclass(frozen=True)
class Failure:
    """What an explanation gets to see.

    error: the exception that ended the cell; None for a cell that ended well (a `!command` failed, or its data
        is not what it seems).
    source: the cell as it was typed. names: the notebook's variables.
    """

    error: BaseException | None
    source: str = ""
    names: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def chain(self) -> list[BaseException]:
        """The error and, nearest first, the errors behind it."""
        found: list[BaseException] = []
        waiting = [self.error]
        while waiting:
            error = waiting.pop(0)
            if error is not None and error not in found:
                found.append(error)
                waiting += [error.__cause__, error.__context__]
        return found

    @cached_property
    def text(self) -> str:
        """All that the errors say, Java's causes included."""
        said = [f"{type(each).__module__}.{type(each).__name__}: {each}" for each in self.chain]
        said += [str(getattr(each, "_stacktrace", None) or "") for each in self.chain]
        return "\n".join(said)[:MOST_TEXT]

    @cached_property
    def conditions(self) -> dict[str, dict[str, str]]:
        """Spark's error conditions, each with its parameters."""
        found = {}
        for error in self.chain:
            ask = getattr(error, "getCondition", None)
            if condition := ask() if callable(ask) else None:
                found[str(condition)] = dict(error.getMessageParameters() or {})  # type: ignore[attr-defined]
        return found

    def says(self, *patterns: str) -> bool:
        """Whether one of the regular expressions is found in what the errors say."""
        return any(re.search(pattern, self.text) for pattern in patterns)

    def has(self, *conditions: str) -> bool:
        """Whether Spark named one of the conditions, or a finer one below it."""
        return any(name == each or name.startswith(each + ".") for name in self.conditions for each in conditions)

    @cached_property
    def tree(self) -> ast.AST:
        """The cell's Python; magics and `!commands` are left out, a cell that is no Python is empty."""
        lines = self.source.split("\n")
        kept = ["pass" if re.match(r"\s*[!%]", line) else line for line in lines]
        pads = [line[: len(line) - len(line.lstrip())] for line in lines]
        try:
            return ast.parse(
                "\n".join(pad + text if text == "pass" else text for pad, text in zip(pads, kept, strict=True))
            )
        except (SyntaxError, ValueError):
            return ast.Module([], [])

    @cached_property
    def literals(self) -> list[str]:
        """The texts in the cell."""
        nodes = ast.walk(self.tree)
        return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]

    @cached_property
    def used(self) -> dict[str, Any]:
        """The notebook's variables that the cell mentions, and those that its functions mention."""
        found: dict[str, Any] = {}
        waiting = [node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)]
        waiting += re.findall(r"\{(\w+)\}", self.commands)
        while waiting:
            name = waiting.pop()
            if name in self.names and name not in found:
                found[name] = value = self.names[name]
                if isinstance(value, FunctionType):
                    waiting += value.__code__.co_names
        return found

    @cached_property
    def commands(self) -> str:
        """The cell's shell commands, one a line."""
        if re.match(r"%%(bash|sh|script|!)", self.source):
            return self.source.partition("\n")[2]
        lines = re.findall(r"^\s*(?:\w+\s*=\s*)?!+(.*)$", self.source, re.MULTILINE)
        return "\n".join(lines)

    def texts(self) -> Iterator[tuple[str | None, str]]:
        """Every text that the cell works with: (None, literal) or (variable, its value)."""
        yield from ((None, text) for text in self.literals)
        for name, value in self.used.items():
            if isinstance(value, str):
                yield name, value

    def options(self) -> Iterator[Mapping[str, str]]:
        """What the Spark DataFrames of the cell are read with (their source's options)."""
        seen = set()
        for value in self.used.values():
            plan = getattr(value, "_plan", None)
            while plan is not None and id(plan) not in seen:
                seen.add(id(plan))
                if options := getattr(plan, "_options", None):
                    yield options
                plan = getattr(plan, "_child", None)

    def mended(self, old: str, new: str, name: str | None = None) -> str | None:
        """The line that says `new` instead of `old`: the variable's, or the cell's one line with that text."""
        if name:
            return f"{name} = {new!r}"
        lines = [line for line in self.source.split("\n") if old in line]
        return lines[0].strip().replace(old, new) if len(lines) == 1 else None


def nearest(text: str, others: Iterable[str]) -> str | None:
    """The one that was probably meant."""
    found = difflib.get_close_matches(text, list(others), n=1, cutoff=0.75)
    return found[0] if found else None
