"""Texts that a student wrote, such as the name of a file, as they can be shown to others."""

import re

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Characters that control a terminal or are not visible; the last ones reverse the direction of the text after
them."""


def printable(text: str) -> str:
    """Return a text with `�` for each character that controls a terminal or is not visible."""
    return CONTROLS.sub("�", text)
