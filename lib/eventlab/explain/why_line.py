"""The argument of `%why`: a streaming query (`%why query`, `%why(query)`) or a command (`%why kafkacat ...`)."""

import ast
import contextlib
import re
from collections.abc import Mapping
from typing import Any

from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.query_program import is_query, program_of

CALL = re.compile(r"^(\s*%why)\s*\((.*)\)\s*$")

ALLOWED = (ast.Expression, ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.UnaryOp, ast.USub, ast.Load)


def call_as_line(lines: list[str]) -> list[str]:
    """Return a cell's lines with `%why query` for `%why(query)`, which IPython takes for the name of a magic."""
    return [CALL.sub(r"\1 \2\n", line) for line in lines]


def cell_of(line: str, variables: Mapping[str, Any]) -> FailedCell:
    """Return what `%why` has to explain: the statements that define a query, or a command."""
    name = line.strip().removeprefix("(").removesuffix(")").strip()
    query = _value(name, variables)
    if not is_query(query):
        return FailedCell(None, f"!{line}", variables)
    if not name.isidentifier():  # `spark.streams.active[0]`
        name = query.name if str(query.name).isidentifier() else "query"
        variables = {**variables, name: query}
    if not _is_active(query):  # its topic may be empty now, which is no reason that it ended
        return FailedCell(None, name, variables)
    program = program_of(FailedCell(None, "", variables), name)
    has_name = re.search(rf"^{name}\b", program, re.MULTILINE)
    return FailedCell(None, program if has_name else f"{program}\n{name}", variables)


def _is_active(query: Any) -> bool:
    """Return whether a query runs; one whose server does not answer counts as ended."""
    with contextlib.suppress(Exception):
        return bool(query.isActive)
    return False


def _value(expression: str, variables: Mapping[str, Any]) -> Any:
    """Return the value of an expression of names, attributes and indexes; None for anything else, as a command."""
    with contextlib.suppress(Exception):
        tree = ast.parse(expression, mode="eval")
        if all(isinstance(node, ALLOWED) for node in ast.walk(tree)):
            return eval(compile(tree, "%why", "eval"), dict(variables))
    return None
