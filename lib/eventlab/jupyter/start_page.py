"""Write the page on which JupyterLab opens: lessons and labs with their minutes and the learner's progress.

The page is Markdown in `build/`. Lab renders it and opens its links in tabs, also behind a token and below the
base URL of a JupyterHub. It is written again after each cell that a learner runs.
"""

import json
import re
from pathlib import Path
from typing import Any

import jinja2

from eventlab.files import write_if_changed
from eventlab.jupyter import progress
from eventlab.settings import ROOT, Settings, settings
from eventlab.stack.config import start_page

TEMPLATE = Path(__file__).with_suffix(".md")
MINUTES = re.compile(r"\*\*(\d+) minutes\.\*\*")


def write(settings: Settings = settings) -> Path:
    """Write the page of a stack, and return its path."""
    path = ROOT / start_page(settings)
    write_if_changed(path, page(progress.read(settings)))
    return path


def page(course_progress: dict[str, progress.NotebookProgress]) -> str:
    """Return the page as Markdown."""
    lessons = [_entry(path, course_progress) for path in sorted(ROOT.glob(progress.LESSONS))]
    labs = [_entry(path, course_progress) for path in sorted(ROOT.glob(progress.LABS))]
    completed = sum(1 for lesson in lessons if lesson["progress"] and lesson["progress"].finished)
    template = jinja2.Template(TEMPLATE.read_text(), autoescape=True, trim_blocks=True)
    return template.render(lessons=lessons, labs=labs, completed=completed) + "\n"


def _entry(path: Path, course_progress: dict[str, progress.NotebookProgress]) -> dict[str, Any]:
    """Return a notebook's path, progress, and the title and minutes in its first cell."""
    first_cell = "".join(json.loads(path.read_text())["cells"][0]["source"])
    minutes = MINUTES.search(first_cell)
    key = path.relative_to(ROOT).as_posix()
    return {
        "path": key,
        "title": first_cell.splitlines()[0].lstrip("# "),
        "minutes": minutes[1] if minutes else "",
        "progress": course_progress.get(key),
    }
