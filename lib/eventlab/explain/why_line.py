"""The argument of `%why`: a query or another variable (`%why(query)`), or a command (`%why kafkacat ...`)."""

from __future__ import annotations

import ast
import contextlib
import re
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eventlab.explain.explanation import Explanation
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.query_program import is_active, is_query, program_of

if TYPE_CHECKING:  # another Python may lack what the settings need
    from eventlab.settings import Settings

CALL = re.compile(r"^(\s*%why)\s*\((.*)\)\s*$")
ALLOWED = (ast.Expression, ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.UnaryOp, ast.USub, ast.Load)


def call_as_line(lines: list[str]) -> list[str]:
    """Return a cell's lines with `%why query` for `%why(query)`, which IPython takes for the name of a magic."""
    return [CALL.sub(r"\1 \2\n", line) for line in lines]


def cell_of(line: str, variables: Mapping[str, Any]) -> FailedCell:
    """Return what `%why` has to explain: the statements that define a query, a DataFrame, or a command."""
    name = line.strip().removeprefix("(").removesuffix(")").strip()
    query = _value(name, variables)
    if not is_query(query):
        is_name = name.isidentifier() and type(query).__module__.startswith(("pyspark.", "kafka."))
        return FailedCell(None, name if is_name else f"!{line}", variables)
    if not name.isidentifier():  # `spark.streams.active[0]`
        name = query.name if str(query.name).isidentifier() else "query"
        variables = {**variables, name: query}
    if not is_active(query):  # its topic may be empty now, which is no reason that it ended
        return FailedCell(None, name, variables)
    program = program_of(FailedCell(None, "", variables), name)
    has_name = re.search(rf"^{name}\b", program, re.MULTILINE)
    return FailedCell(None, program if has_name else f"{program}\n{name}", variables)


def unknown_name(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `%why` got a name that is neither a variable nor a command.

    Remedy: The line with the name of a query, or the list of the variables.
    """
    name = cell.source.removeprefix("!")
    if not cell.source.startswith("!") or not name.isidentifier() or not cell.namespace:
        return None
    if name in cell.namespace or shutil.which(name):
        return None
    queries = [key for key, value in cell.namespace.items() if is_query(value) and not key.startswith("_")]
    what = f"There is no variable {name!r}."
    proof = f"{name} is not set in this kernel, and no program has this name"
    for query in [*close_matches(name, queries), *queries][:1]:
        return Explanation(
            f"{what} Did you mean {query!r}?", proof, f"%why({query})", "To explain that query, run"
        )
    return Explanation(what, proof, "%who", "To see what is set, run")


def _value(expression: str, variables: Mapping[str, Any]) -> Any:
    """Return the value of an expression of names, attributes and indexes; None for anything else, as a command."""
    with contextlib.suppress(Exception):
        tree = ast.parse(expression, mode="eval")
        if all(isinstance(node, ALLOWED) for node in ast.walk(tree)):
            return eval(compile(tree, "%why", "eval"), dict(variables))
    return None
