"""The argument of `%why`: a streaming query (`%why query`, `%why(query)`) or a command (`%why kafkacat ...`)."""

import re
from collections.abc import Mapping
from typing import Any

from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.query_program import is_query, program_of

CALL = re.compile(r"^(\s*%why)\s*\((.*)\)\s*$")


def call_as_line(lines: list[str]) -> list[str]:
    """Return a cell's lines with `%why query` for `%why(query)`, which IPython takes for the name of a magic."""
    return [CALL.sub(r"\1 \2\n", line) for line in lines]


def cell_of(line: str, variables: Mapping[str, Any]) -> FailedCell:
    """Return what `%why` has to explain: the statements that define a query, or a command."""
    name = line.strip().removeprefix("(").removesuffix(")").strip()
    if not is_query(variables.get(name)):
        return FailedCell(None, f"!{line}", variables)
    program = program_of(FailedCell(None, "", variables), name)
    has_name = re.search(rf"^{name}\b", program, re.MULTILINE)
    return FailedCell(None, program if has_name else f"{program}\n{name}", variables)
