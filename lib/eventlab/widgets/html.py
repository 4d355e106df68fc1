"""HTML of the widgets: Jinja2 templates, which escape every value."""

import functools
from pathlib import Path
from typing import Any

import jinja2

from eventlab.clients.stream_messages import number_of

TEMPLATES = Path(__file__).parent / "templates"


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thousands"] = "{:,.0f}".format
    environment.filters["number_of"] = number_of
    return environment


def render(template: str, **values: Any) -> str:
    """Return the HTML of `templates/<template>.html`, filled with the values."""
    return _environment().get_template(f"{template}.html").render(values)


def note(text: str) -> str:
    """Return a line of information; a screen reader reads it when it changes."""
    return render("message", text=text, kind="note", role="status")


def alert(text: str) -> str:
    """Return an error message; a screen reader reads it immediately."""
    return render("message", text=text, kind="alert", role="alert")
