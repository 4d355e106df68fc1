"""Explains cells that Python cannot read: a command without `!`, `%%bash` in another line than the first."""

import ast
import re
import shutil

from eventlab.explain.explanation import INSTEAD, REPLACE_LINE, Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import Settings
from eventlab.stack import environment

COMMANDS = {"curl", "ab", "eventlab", "echo", "head", "tail", "grep", "wc", "sort", "jq", "make", "export", "sudo"}
"""Commands of the lessons that are none of the kit's. `ls`, `cat` and others work without `!` in Jupyter."""
CELL_MAGIC = re.compile(r"^[ \t]*%%\w+.*$", re.MULTILINE)
INNER_QUOTES = re.compile(r"""\("([^'"]*(?:(?:[=<>(]|\blike)\s*"[^'"\s](?:[^'"]*[^'"\s])?"[^'"]*)+)"(?=\))""")
"""A string in a call that compares with strings in the same quotes: `"Host = "a""`."""


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
        variable = re.match(r"\s*\w+\s*=(?!=)\s*|\s*", line)[0]  # type: ignore[index]
        words = line[len(variable) :].strip()
        command = words.split()[0] if words else ""
        if command not in kit | COMMANDS:
            continue
        is_option = re.search(r"\s--?\w", words) or words == command
        if isinstance(error, NameError) and not ("-" in command or is_option):
            continue  # `head - 1`, with a variable that does not exist
        if variable.strip() and (isinstance(error, NameError) or words == command or not is_option):
            continue
        what = f"{command} is a command of the shell, and Jupyter reads this line as Python: the ! is missing."
        place = shutil.which(command)
        proof = f"{command} is {place}" if place else f"{command} is a command of the shell"
        return Explanation(what, proof, f"{variable.lstrip()}!{words}", REPLACE_LINE)
    return None


def mark_before_variable(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `!` is directly before the command whose output is assigned.

    Remedy: The line with `!` after the equals sign.
    """
    match = re.search(r"^[ \t]*!\s*(\w+)\s+=\s*(\w.*)$", cell.source, re.MULTILINE)
    if not match or cell.error is not None or cell.exit_code != 127 or cell.is_shell_cell:
        return None
    if not shutil.which(command := match[2].split()[0]) and not (environment.BIN_FOLDER / command).exists():
        return None  # an assignment of Python
    what = f"The shell looked for a command {match[1]!r}: everything after ! is a command of the shell."
    proof = f"there is no command {match[1]!r}, and {command} follows the equals sign"
    return Explanation(what, proof, f"{match[1]} = !{match[2].strip()}", REPLACE_LINE)


def exercise_without_quotes(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the name of an exercise or a question is a string, in quotes.

    Remedy: The line with quotes.
    """
    match = re.search(r"^(.*course\.(?:check|predict)\()(\d\d-\d)(.*)$", cell.source, re.MULTILINE)
    if not match or not isinstance(cell.error, SyntaxError):
        return None
    what = f"The name of an exercise or a question is a string, so it needs quotes: {match[2]!r}."
    proof = f"without quotes, Python reads {match[2]} as two numbers"
    return Explanation(what, proof, f'{match[1].strip()}"{match[2]}"{match[3]}', REPLACE_LINE)


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


def quotes_of_text(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a query or a path needs quotes, or double quotes when it contains single ones.

    Remedy: The line with double quotes.
    """
    error, lines = cell.error, cell.source.split("\n")
    if not isinstance(error, SyntaxError) or not error.lineno or error.lineno > len(lines):
        return None
    line = lines[error.lineno - 1].strip()
    inner = INNER_QUOTES.search(line)
    single = line.replace(inner[1], inner[1].replace('"', "'")) if inner else ""
    if inner and not re.search(r"'\s*,|,\s*'", single) and _is_python(single):
        what = "A double quote ends the string. Inside of it, write single quotes."
        proof = f"with single quotes, Python can read the line: {inner[1]}"
        return Explanation(what, proof, single, REPLACE_LINE)
    for pattern in (r"\('([^\"]*'[^\"]*)'(?=\))", r"\(((?:select\b|/)[^\"]*?)(?=\)\.|\)$)"):
        match = re.search(pattern, line, re.IGNORECASE)
        corrected = re.sub(pattern, r'("\1"', line, count=1, flags=re.IGNORECASE)
        is_list = match and re.search(r"'\s*,|,\s*'", match[1]) and not re.search(r"\bin\s*\(", match[1], re.I)
        if match and not is_list and _is_python(corrected):
            what = "A string with single quotes in it needs double quotes around it: "
            what += "the second quote would end it."
            if not match[0].startswith("('"):
                what = "A query or a path is a string, so it needs quotes around it."
            proof = f"with double quotes, Python can read the line: {match[1]}"
            return Explanation(what, proof, corrected, REPLACE_LINE)
    return None


def _is_python(line: str) -> bool:
    """Return whether Python can read a line."""
    try:
        ast.parse(line)
    except SyntaxError:
        return False
    return True


EXPLANATIONS: list[Explain] = [
    cell_magic_not_first,
    command_without_mark,
    mark_before_variable,
    exercise_without_quotes,
    quotes_of_text,
]
