"""Explains names in braces (`{broker}`) that a shell command received as text: Jupyter did not replace them."""

import builtins
import os
import re

from eventlab.explain.explanation import INSTEAD, REPLACE_LINE, Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.shell_words import expanded, is_failed_command
from eventlab.settings import Settings

NAME_IN_BRACES = r"(?<![{$%])(?!(?<=')\{[\w.]+\}')\{([A-Za-z_][\w.]*)\}(?!\})"
"""A name between braces, which are not alone between quotes, as a program of `jq` is."""
PROGRAM = r"\b(?:jq|[gm]?awk)\s[^'|\n]*'[^'\n]*'"
"""A program of `jq` or `awk`, which has braces of its own."""
COMMAND_LINE = r"^[ \t]*(?:\w+[ \t]*=[ \t]*)?!.*$"


def no_variable_in_braces(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the variable in braces does not exist: it is misspelt, or its cell has not run.

    Remedy: The line with the nearest variable, or the list of the variables that exist.
    """
    return unset_in_braces(cell, settings) if is_failed_command(cell) else None


def unset_in_braces(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a command got the text `{topic}`, because no variable has this name.

    Remedy: The line with the nearest variable, or the list of the variables that exist.
    """
    lines = "" if cell.is_shell_cell else "\n".join(re.findall(COMMAND_LINE, cell.source, re.MULTILINE))
    lines = re.sub(PROGRAM, "", lines)
    for name in (name.split(".")[0] for name in re.findall(NAME_IN_BRACES, lines)):
        if name in cell.namespace or hasattr(builtins, name):  # `awk '{print}'`
            continue
        what = f"There is no variable {name!r}, so the command got the text {{{name}}}."
        proof = f"{name} is not set in this kernel"
        variables = [other for other in cell.namespace if not other.startswith("_")]
        for similar in close_matches(name, variables)[:1]:
            return correction(cell, f"{{{name}", f"{{{similar}", f"{what} Did you mean {similar!r}?", proof)
        instruction = "Run the cell that sets it, above this one, then this cell again. To see what is set, run"
        return Explanation(what, proof, "%who", instruction)
    return None


def name_in_braces(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a literal `{name}` reached the command: the line has other braces, or it is a `%%bash` cell.

    Remedy: A `%%bash` cell. In a cell with more lines, the line with JSON's braces written twice.
    """
    if not is_failed_command(cell):
        return None
    if cell.is_shell_cell:
        return _name_in_shell_cell(cell)
    for line in cell.source.split("\n"):
        names = [name for name in re.findall(NAME_IN_BRACES, line) if name.split(".")[0] in cell.namespace]
        if not line.lstrip().startswith("!") or not names or expanded(line, cell) is not None:
            continue
        what = f"The command got the text {{{names[0]}}} and not its value. Jupyter replaces nothing "
        what += "in a line that has other braces too, such as JSON's, or a variable of the shell, such as $HOME."
        if line.strip() == cell.source.strip() and (script := _as_shell_cell(line, cell)):
            proof = f"the variable {names[0]} exists; the shell gets the text of a %%bash cell unchanged"
            return Explanation(what, proof, script, INSTEAD)
        doubled = line.strip().replace("{", "{{").replace("}", "}}")
        for name in names:
            doubled = doubled.replace(f"{{{{{name}}}}}", f"{{{name}}}")
        for name in re.findall(r"(?<!\$)\$(\w+)", doubled):  # a variable of the shell, such as $BROKER
            if name not in cell.namespace:
                doubled = doubled.replace(f"${name}", f"$${name}")
        doubled = _with_quoted_json(doubled)
        if expanded(doubled, cell) is None:
            continue
        return Explanation(
            what,
            f"the variable {names[0]} exists; Jupyter cannot expand the line as it is, but the line below",
            doubled,
            f"{REPLACE_LINE} (JSON's braces, and the $ of the shell's variables, are written twice)",
        )
    return None


def _name_in_shell_cell(cell: FailedCell) -> Explanation | None:
    """Explain that a `%%bash` cell contains a Python variable in braces."""
    for name in re.findall(NAME_IN_BRACES, cell.shell_commands):
        if not isinstance(cell.namespace.get(name), str | int):
            continue
        variable, value = name.upper(), str(cell.namespace[name])
        what = f"The command got the text {{{name}}} and not its value. Jupyter replaces nothing in a %%bash cell."
        what += f" The shell's own variables work: ${variable}."
        proof = f"the variable {name} exists in Python, where it is {value!r}"
        if os.environ.get(variable) != value:
            instruction = f"Run this, then write ${variable} for {{{name}}} in the cell"
            return Explanation(what, proof, f"%env {variable}={value}", instruction)
        return correction(cell, f"{{{name}}}", f"${variable}", what, f"{proof}; ${variable} has the same value")
    return None


def _as_shell_cell(line: str, cell: FailedCell) -> str | None:
    """Return a command as a `%%bash` cell: with `$BROKER` for `{broker}`, or with the value."""

    def value(match: re.Match[str]) -> str:
        text, name = str(expanded(match[0], cell)), match[1].upper()
        return f"${name}" if os.environ.get(name) == text else text

    command = re.sub(NAME_IN_BRACES, value, line.strip().removeprefix("!").strip())
    if re.search(r"(?<!\S)(?:None|" + NAME_IN_BRACES + r")(?!\S)", command):
        return None
    command = _with_quoted_json(command.replace("{", "{{").replace("}", "}}"))
    return "%%bash\n" + command.replace("{{", "{").replace("}}", "}")


def _with_quoted_json(line: str) -> str:
    """Return a line with single quotes around JSON that has none: the shell would remove its double quotes."""
    start, end = line.find("{{"), line.rfind("}}") + len("}}")
    json_text = line[start:end]
    if start < 0 or "'" in line or '"' not in json_text or '\\"' in json_text:
        return line
    return f"{line[:start]}'{json_text}'{line[end:]}"


EXPLANATIONS: list[Explain] = [no_variable_in_braces, name_in_braces]
