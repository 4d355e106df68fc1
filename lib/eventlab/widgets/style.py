"""How the widgets look, and the few pieces of HTML that they share."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path

COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2", "#9d755d")
"""Of event types in a chart, the last for all others (of Tableau 10)."""


@cache
def style() -> str:
    """The style sheet, which a panel brings with it."""
    return f"<style>{Path(__file__).with_suffix('.css').read_text()}</style>"


def note(text: str) -> str:
    """A quiet line, read out by a screen reader when it changes."""
    return f"<div class='eventlab-note' role='status'>{escape(text)}</div>" if text else ""


def bad(text: str) -> str:
    """What went wrong, read out at once."""
    return f"<div class='eventlab-bad' role='alert'>{escape(text)}</div>" if text else ""


def light(state: str, label: str) -> str:
    """A state's light, whose shape differs as well as its colour, with the state in words."""
    return f"<span class='eventlab-light {state}'><i aria-hidden='true'></i>{escape(label)}</span>"


def link(address: str, name: str) -> str:
    """A link that opens beside the notebook, not in its place."""
    url, label = escape(address, quote=True), escape(name, quote=True)
    return f"<a href='{url}' target='_blank' rel='noopener' aria-label='{label}'>{escape(address)}</a>"
