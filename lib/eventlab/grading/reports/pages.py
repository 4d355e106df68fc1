"""Pages from the templates, without scripts: all text is escaped."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

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


def render_template(template: str, **values: object) -> str:
    """Return a page.

    Args:
        template: The name of a file in `templates/`.
        **values: What the template shows. All text is escaped; HTML must be a `markupsafe.Markup`.
    """
    return _environment.get_template(template).render(values) + "\n"
