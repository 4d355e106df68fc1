"""Explains names of the notebook that are not defined, and programs whose cell lacks its line `%%writefile`.

A kernel that does nothing ends after an hour, and so does the kernel of a notebook that was closed. The next one
knows nothing of the cells that ran before.
"""

import ast
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.syntax_trees import python_tree
from eventlab.settings import Settings

TOO_FEW = "IndexError: list index out of range", "ValueError: not enough values to unpack"
MENU = "Run > Run All Above Selected Cell"


def cell_has_not_run(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that another cell of the notebook defines a name, and has not run in this kernel, or has failed.

    Remedy: Run the cells above.
    """
    unknown = re.search(r"NameError: name '(\w+)' is not defined", cell.text)
    notebook = Path(os.environ.get("JPY_SESSION_NAME", ""))
    if not unknown or notebook.suffix != ".ipynb" or unknown[1] in cell.namespace:
        return None
    name = unknown[1]
    sources = code_cells(notebook)
    place = sources.index(cell.source) if cell.source in sources else len(sources)
    above, from_here = sources[:place], [as_run(source) for source in [cell.source, *sources[place:]]]
    for source in reversed(cell.history):
        if source not in from_here and (line := definition_in(source, name)):
            return _cell_has_failed(name, line, cell.history)
    found = ((source, line) for source in reversed(above) if (line := definition_in(source, name)))
    defining, line = next(found, ("", ""))
    if not line:
        return None
    if as_run(defining) in cell.history:  # a cell with %%time
        return _cell_has_failed(name, line, cell.history)
    started = time.strftime("%H:%M", time.localtime(psutil.Process().create_time()))
    return Explanation(
        f"`{name}` is not defined, because the cell that defines it has not run in this kernel.",
        f"{notebook.name} contains the line {line!r}, and this kernel, which started at {started}, has not run it",
        MENU,
        "To fix it, choose this in JupyterLab's menu, then run the cell again",
    )


def _cell_has_failed(name: str, line: str, history: Sequence[str]) -> Explanation | None:
    """Explain that a cell that ran did not reach its line with a name, unless that line may be left out."""
    is_deleted = any(re.search(rf"^\s*del\b.*\b{name}\b|^%reset\b", source, re.MULTILINE) for source in history)
    if is_deleted or re.match(r"(?:if|for|while|with|try|match)\b", line):
        return None
    return Explanation(
        f"`{name}` is not defined, because the cell that defines it has ended with an error before that.",
        f"a cell that ran in this kernel contains the line {line!r}, and {name} is not set",
        MENU,
        "Correct the error of that cell, and run it again. To run all cells down to the first error, choose this "
        "in JupyterLab's menu",
    )


def as_run(source: str) -> str:
    """Return a cell as the kernel's history has it: with calls of IPython for magics and commands."""
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(source).rstrip("\n")


def code_cells(notebook: Path) -> list[str]:
    """Return the sources of a notebook's code cells as they were saved."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def definition_in(source: str, name: str) -> str | None:
    """Return the first line of the statement of a cell that defines a global name, or None."""
    if command := re.search(rf"^\s*{re.escape(name)}\s*=\s*[!%].*", source, re.MULTILINE):
        return command[0].strip()
    source = re.sub(r"^(\s*\w+\s*=\s*)[!%].*", r"\g<1>0", source, flags=re.MULTILINE)
    for statement in python_tree(source).body:
        if name in _defined_names(statement):
            return (ast.get_source_segment(source, statement) or name).split("\n")[0]
    return None


def _defined_names(statement: ast.stmt) -> set[str]:
    """Return the names that a statement assigns, imports or defines."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    loops = [node for node in ast.walk(statement) if isinstance(node, ast.comprehension)]
    local = [node for loop in loops for node in ast.walk(loop.target)]
    names = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node not in local:
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
    return names


def arguments_in_cell(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a program reads its arguments in a cell, where it has none: `%%writefile` is missing above it.

    Remedy: The first line of a cell that is written to a file.
    """
    if sys.argv[1:] or not cell.matches(rf"^builtins\.(?:{'|'.join(TOO_FEW)})"):
        return None
    failed = cell.failed_nodes(ast.stmt, ast.expr)
    statements = [node for node in failed if isinstance(node, ast.Assign | ast.Expr | ast.Call)]
    read = [ast.unparse(node) for node in statements if "sys.argv" in ast.unparse(node)]
    inner = [ast.unparse(node) for node in failed if isinstance(node, ast.Assign | ast.Subscript)]
    if not read or (cell.place and "sys.argv" not in "".join(inner[-1:])):  # another index of the statement
        return None
    return Explanation(
        "This cell is a program that reads the arguments of its command. A cell has none.",
        f"the cell contains {read[-1]!r}, and in this kernel sys.argv is {sys.argv}",
        "%%writefile my_job.py",
        "To write the program to a file, let this be the first line of the cell, with the name of your file. Then "
        "run the cell again",
    )


EXPLANATIONS: list[Explain] = [cell_has_not_run, arguments_in_cell]
