"""HTML reports from the templates in `templates/`: one file each, without network access or scripts."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from eventlab.grading.reports import messages as words

_loader = PackageLoader("eventlab.grading.reports")
_environment = Environment(
    loader=_loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_environment.filters |= {name: getattr(words, name) for name in ("clean", "for_student", "line", "number")}
_environment.filters["status"] = words.STATUS.__getitem__


def render(template: str, **values: object) -> str:
    """Return a page.

    Args:
        template: The name of a file in `templates/`.
        **values: What the template shows. All text is escaped; HTML must be a `markupsafe.Markup`.
    """
    return _environment.get_template(template).render(values) + "\n"
