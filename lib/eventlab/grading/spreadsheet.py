"""Text that a spreadsheet shows as it is, because no part of it is a formula."""

from __future__ import annotations

import re

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Characters that are not visible; the last ones reverse the direction of the text after them."""
FORMULA_STARTS = tuple("=+-@＝＋－＠\t\n\r|%")
FORMULA_INSIDE = re.compile(r"([;\t\n][ \u00a0\"]*)(?=[=+\-@＝＋－＠|%])")
"""A spreadsheet whose separator is `;` or a tab begins a cell there, and a row at the end of a line."""
LIMIT = 10_000
"""Characters a cell; a spreadsheet's own limit is 32,767."""


def text(value: str) -> str:
    """Return text that a spreadsheet shows as it is; a quote is put before a formula."""
    shown = FORMULA_INSIDE.sub(r"\1'", CONTROLS.sub("�", value[:LIMIT]))
    return f"'{shown}" if shown.lstrip(" \u00a0").startswith(FORMULA_STARTS) else shown
