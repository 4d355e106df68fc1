"""Explains text that the shell changes without an error: a variable that it does not know, JSON without quotes."""

import os
import re

from eventlab.explain.explanation import INSTEAD, REPLACE_LINE, Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.shell_words import unquoted_json, unset_names
from eventlab.settings import Settings


def unset_variable(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a variable of Python is empty in a `%%bash` cell, which has variables of its own.

    Remedy: The line with the shell's variable, or a line that gives it the value.
    """
    for name in unset_names(cell):
        variable, value = name.upper(), str(cell.namespace.get(name, ""))
        if not isinstance(cell.namespace.get(name), str | int):
            what = f"${name} is empty: the shell has the variable ${variable}, with capital letters."
            return correction(cell, f"${name}", f"${variable}", what, f"${variable} is {os.environ[variable]}")
        what = f"${name} is empty: a %%bash cell does not know the variables of Python."
        if os.environ.get(variable) == value:
            proof = f"the variable {name} is {value!r} in Python; in the shell, ${variable} has this value"
            return correction(cell, f"${name}", f"${variable}", what, proof)
        proof = f"{name} is {value!r} in Python; the shell has no variable {name}"
        return Explanation(what, proof, f"%env {name}={value}")
    return None


def json_without_quotes(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the shell removes the double quotes of JSON that is not in single quotes.

    Remedy: The line with single quotes around the JSON.
    """
    text = unquoted_json(cell)
    written = cell.only_line(re.escape(text)) if text else ""
    if not text or not written:
        return None
    sent = text.replace('"', "")
    what = f"The message is not JSON: the shell removed the double quotes, and Kafka got {sent}. "
    what += "Put single quotes around the JSON."
    proof = f"the cell has {text} without single quotes, of which bash makes {sent}"
    line = written.replace(text, f"'{text}'")
    if line.startswith("!") and written == cell.source.strip():
        return Explanation(what, proof, f"%%bash\n{line[1:].lstrip()}", INSTEAD)
    return Explanation(what, proof, line, REPLACE_LINE)


EXPLANATIONS: list[Explain] = [unset_variable, json_without_quotes]
