"""Explains commands without `!`, and `%%bash` in another place than the cell's first line."""

import re
import shutil

from eventlab.explain.explanation import REPLACE_LINE, Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import Settings
from eventlab.stack import environment

COMMANDS = {"curl", "ab", "eventlab", "echo", "head", "tail", "grep", "wc", "sort", "jq", "make", "export", "sudo"}
"""Commands of the lessons that are none of the kit's. `ls`, `cat` and others work without `!` in Jupyter."""
CELL_MAGIC = re.compile(r"^[ \t]*%%\w+.*$", re.MULTILINE)
INSTEAD = "To fix it, write this in the cell instead"


def command_without_mark(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a line is a command of the shell, which Jupyter runs only with `!` before it.

    Remedy: The line with `!`.
    """
    error, lines = cell.error, cell.source.split("\n")
    if isinstance(error, SyntaxError) and error.lineno and error.lineno <= len(lines):
        suspects = [lines[error.lineno - 1]]
    elif isinstance(error, NameError) and error.name:
        suspects = [line for line in lines if error.name in re.split(r"[\s-]", line.strip(), maxsplit=3)[:3]]
    else:
        return None
    kit = {path.name for path in environment.BIN_FOLDER.iterdir()}
    for line in suspects:
        command = line.split()[0] if line.split() else ""
        if command not in kit | COMMANDS or re.match(r"\s*\w+\s*=[^=]", line):
            continue
        is_option = re.search(r"\s--?\w", line) or line.strip() == command
        if isinstance(error, NameError) and not ("-" in command or is_option):
            continue  # `head - 1`, with a variable that does not exist
        what = f"{command} is a command of the shell, and Jupyter reads this line as Python: the ! is missing."
        place = shutil.which(command)
        proof = f"{command} is {place}" if place else f"{command} is a command of the shell"
        return Explanation(what, proof, f"!{line.strip()}", REPLACE_LINE)
    return None


def cell_magic_not_first(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `%%bash` must be at the beginning of the cell's first line.

    Remedy: The cell with `%%bash` in its first line.
    """
    magic = CELL_MAGIC.search(cell.source)
    if cell.error is None or magic is None or cell.source.startswith("%%"):
        return None
    if not isinstance(cell.error, SyntaxError) and not cell.matches(r"UsageError: .*%%"):
        return None
    name = magic[0].split()[0]
    before, after = cell.source[: magic.start()], cell.source[magic.end() :].removeprefix("\n")
    if any(line.strip() and not line.lstrip().startswith("#") for line in before.split("\n")):
        what = f"{name} makes the whole cell a program of the shell, so it must be the cell's first line."
        first = "Move the lines before it to a cell of their own. Then this cell begins with"
        return Explanation(what, f"line {before.count(chr(10)) + 1} is {magic[0].strip()}", name, first)
    what = f"{name} must be at the very beginning of the cell: no space, comment or empty line may be before it."
    proof = f"before {name}, this cell has {before!r}" if before else f"{magic[0]!r} begins with a space"
    return Explanation(what, proof, f"{magic[0].strip()}\n{before}{after}".rstrip("\n"), INSTEAD)


EXPLANATIONS: list[Explain] = [command_without_mark, cell_magic_not_first]
