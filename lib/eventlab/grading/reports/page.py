"""HTML reports from the templates in `templates/`: one file each, without network access or scripts."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from eventlab.grading.reports import words

_environment = Environment(
    loader=PackageLoader("eventlab.grading.reports"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_environment.filters |= {
    "clean": words.clean,
    "for_student": words.for_student,
    "line": words.line,
    "number": words.number,
    "status": words.STATUS.__getitem__,
}


def render(template: str, **values: object) -> str:
    """Return a page.

    Args:
        template: The name of a file in `templates/`.
        **values: What the template shows. All text is escaped; HTML must be a `markupsafe.Markup`.
    """
    return _environment.get_template(template).render(values)
