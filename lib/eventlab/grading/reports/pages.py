"""Pages from the templates, without scripts: all text is escaped."""

from __future__ import annotations

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from eventlab.grading.reports import messages

FILTERS = (
    "by_hand",
    "clean",
    "for_student",
    "found",
    "happened",
    "line",
    "number",
    "points",
    "recognized",
    "remarks",
)
_loader = PackageLoader("eventlab.grading.reports")
_environment = Environment(
    loader=_loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_environment.filters |= {name: getattr(messages, name) for name in FILTERS}
_environment.filters["status"] = messages.STATUS.__getitem__


def code(text: str) -> Markup:
    """Return a text with what stands between backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


_environment.filters["code"] = code


def render_template(template: str, **values: object) -> str:
    """Return a page.

    Args:
        template: The name of a file in `templates/`.
        **values: What the template shows. All text is escaped; HTML must be a `markupsafe.Markup`.
    """
    return _environment.get_template(template).render(values) + "\n"
