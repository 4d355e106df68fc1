"""A student's executed cells as HTML that does nothing: text is escaped, and only pictures of two kinds are shown.

What the student's outputs call HTML, SVG, JavaScript or widgets is never passed on; each such output also has a
plain form, which is shown. Markdown is rendered with its HTML escaped and goes through a list of allowed tags.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import bleach
import mistune
from nbformat import NotebookNode

from eventlab.grading.reports.words import clean

PICTURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
PICTURE_LIMIT = 2_000_000
TEXT_LIMIT = 20_000
OUTPUTS_LIMIT = 50
WITHHELD = "(the instructor's; not shown)"
SECRET = re.compile(
    r"^[^\n]*BEGIN (SOLUTION|HIDDEN TESTS)[^\n]*$.*?(?:^[^\n]*END \1[^\n]*$|\Z)", re.DOTALL | re.MULTILINE
)
TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em"),
    *("strong", "del", "table", "thead", "tbody", "tr", "th", "td", "a"),
}
_markdown = mistune.create_markdown(escape=True, plugins=["table", "strikethrough"])


def cell_html(cell: NotebookNode) -> str:
    """One cell; of a cell that is the instructor's own (put in place of a broken one) only that it is."""
    if is_instructors(cell):
        return f'<div class="cell"><pre class="source withheld">{WITHHELD}</pre></div>'
    source = without_secrets(joined(cell.get("source"))[: 2 * TEXT_LIMIT])
    if cell.get("cell_type") == "markdown":
        return f'<div class="cell text">{markdown(source)}</div>'
    if cell.get("cell_type") != "code":
        return f'<div class="cell">{_pre(source, "source")}</div>'
    outputs = list(cell.get("outputs") or [])
    shown = "".join(_output(output) for output in outputs[:OUTPUTS_LIMIT] if isinstance(output, Mapping))
    more = f"<p>… and {len(outputs) - OUTPUTS_LIMIT} more outputs</p>" if len(outputs) > OUTPUTS_LIMIT else ""
    return f'<div class="cell">{_pre(source, "source")}{shown}{more}</div>'


def is_instructors(cell: NotebookNode) -> bool:
    """Whether the grader put the instructor's solution here (it says so in the cell's metadata)."""
    ours = (cell.get("metadata") or {}).get("eventlab")
    return isinstance(ours, Mapping) and ours.get("origin") == "instructor"


def without_secrets(source: str) -> str:
    """The source without what stands between nbgrader's markers of solutions and hidden tests."""
    return SECRET.sub(f"# {WITHHELD}", source)


def markdown(source: str) -> str:
    return bleach.clean(str(_markdown(clean(source, TEXT_LIMIT))), tags=TAGS, attributes={"a": ["href"]})


def _output(output: Mapping[str, Any]) -> str:
    match output.get("output_type"):
        case "stream":
            return _pre(joined(output.get("text")), "output")
        case "error":
            return _pre(joined(output.get("traceback"), "\n") or joined(output.get("evalue")), "output error")
        case "display_data" | "execute_result" if isinstance(output.get("data"), Mapping):
            return _display(output["data"])
    return ""


def _display(data: Mapping[str, Any]) -> str:
    for kind, magic in PICTURES.items():
        if picture := _picture(joined(data.get(kind)), magic):
            return f'<img class="output" alt="a plot" src="data:{kind};base64,{picture}">'
    if "text/plain" in data:
        return _pre(joined(data["text/plain"]), "output")
    return _pre("(an output without a plain form)", "output") if data else ""


def _picture(text: str, magic: bytes) -> str | None:
    """The picture's base64, written anew from its bytes, when it is one of that kind."""
    if not text or len(text) > PICTURE_LIMIT:
        return None
    try:
        content = base64.b64decode(text)
    except (binascii.Error, ValueError):
        return None
    return base64.b64encode(content).decode() if content.startswith(magic) else None


def joined(text: object, by: str = "") -> str:
    """Notebook text is a string or a list of strings; anything else is no text."""
    if isinstance(text, str):
        return text
    if isinstance(text, Iterable) and not isinstance(text, Mapping):
        return by.join(part for part in text if isinstance(part, str))
    return ""


def _pre(text: str, kind: str) -> str:
    return f'<pre class="{kind}">{escape(clean(text, TEXT_LIMIT))}</pre>' if text.strip() else ""
