"""The cells of an executed notebook as HTML: all text is escaped, and the only pictures are PNG and JPEG.

HTML, SVG, JavaScript and widgets in the outputs of a student are never passed on. Such an output usually has a
plain form too, which is shown. Markdown is rendered with its HTML escaped, then sanitized with a list of tags.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any

import mistune
import nh3
from markupsafe import Markup
from nbformat import NotebookNode

from eventlab.grading.reports.messages import clean

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


def cell_html(cell: NotebookNode) -> Markup:
    """Return a cell as HTML, without what is between nbgrader's markers."""
    source = without_secrets(joined(cell.get("source"))[: 2 * TEXT_LIMIT])
    if cell.get("cell_type") == "markdown":
        return Markup('<div class="cell text">{}</div>').format(markdown(source))
    if cell.get("cell_type") != "code":
        return Markup('<div class="cell">{}</div>').format(_pre(source, "source"))
    outputs = list(cell.get("outputs") or [])
    parts = [_output(output) for output in outputs[:OUTPUTS_LIMIT] if isinstance(output, Mapping)]
    if len(outputs) > OUTPUTS_LIMIT:
        parts.append(Markup("<p>… and {} more outputs</p>").format(len(outputs) - OUTPUTS_LIMIT))
    return Markup('<div class="cell">{}{}</div>').format(_pre(source, "source"), Markup("").join(parts))


def without_secrets(source: str) -> str:
    """Return the source without what is between nbgrader's markers of solutions and hidden tests."""
    return SECRET.sub(f"# {WITHHELD}", source)


def markdown(source: str) -> Markup:
    """Return Markdown as HTML that has only text, tables and links."""
    html = str(_markdown(clean(source, TEXT_LIMIT)))
    schemes = {"http", "https", "mailto"}
    return Markup(nh3.clean(html, tags=TAGS, attributes={"a": {"href"}}, url_schemes=schemes))


def _output(output: Mapping[str, Any]) -> Markup:
    match output.get("output_type"):
        case "stream":
            return _pre(joined(output.get("text")), "output")
        case "error":
            return _pre(joined(output.get("traceback"), "\n") or joined(output.get("evalue")), "output error")
        case "display_data" | "execute_result" if isinstance(output.get("data"), Mapping):
            return _display(output["data"])
    return Markup("")


def _display(data: Mapping[str, Any]) -> Markup:
    for kind, magic in PICTURES.items():
        if picture := _picture(joined(data.get(kind)), magic):
            html = '<img class="output" alt="a plot" src="data:{};base64,{}">'
            return Markup(html).format(kind, picture)
    if "text/plain" in data:
        return _pre(joined(data["text/plain"]), "output")
    return _pre("(an output without a plain form)", "output") if data else Markup("")


def _picture(text: str, magic: bytes) -> str | None:
    """Return the base64 of a picture, encoded again from its bytes, or None when it is not one of that kind."""
    if not text or len(text) > PICTURE_LIMIT:
        return None
    try:
        content = base64.b64decode(text)
    except (binascii.Error, ValueError):
        return None
    return base64.b64encode(content).decode() if content.startswith(magic) else None


def joined(text: object, separator: str = "") -> str:
    """Return the text of a notebook's field, which is a string or a list of strings; "" for anything else."""
    if isinstance(text, str):
        return text
    if isinstance(text, Iterable) and not isinstance(text, Mapping):
        return separator.join(part for part in text if isinstance(part, str))
    return ""


def _pre(text: str, kind: str) -> Markup:
    text = clean(text, TEXT_LIMIT).strip("\n")
    return Markup('<pre class="{}">{}</pre>').format(kind, text) if text.strip() else Markup("")
