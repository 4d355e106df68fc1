"""Write the page on which JupyterLab opens: lessons and labs with their minutes and the learner's progress.

The page is Markdown in the folder of the learner's notebooks. Lab renders it and opens its links in tabs, also
behind a token and below the base URL of a JupyterHub. It is written again after each cell that a learner runs, and
the kit's extension of Lab (stack/jupyter/labextensions) then shows the new page.
"""

import json
import re
from pathlib import Path
from typing import Any

import jinja2

from eventlab.files import write_if_changed
from eventlab.jupyter import progress, working_copy
from eventlab.jupyter.working_copy import Original
from eventlab.lessons import LESSONS
from eventlab.settings import Settings, settings
from eventlab.stack.config import START_PAGE

TEMPLATE = Path(__file__).with_suffix(".md")
CATALOGUE = {lesson.name: lesson for lesson in LESSONS}
MINUTES = re.compile(r"\*\*(\d+) minutes\.\*\*")
Entry = dict[str, Any]


def open_course(settings: Settings) -> Path:
    """Update the learner's copies of the notebooks, write the start page, and return its path."""
    working_copy.update(settings)
    return write(settings)


def write(settings: Settings = settings) -> Path:
    """Write the page into the folder of the learner's notebooks, and return its path."""
    path = settings.work_dir / START_PAGE
    write_if_changed(path, page(progress.read(settings), settings.work_dir))
    return path


def page(course_progress: dict[str, progress.NotebookProgress], folder: Path) -> str:
    """Return the page as Markdown; `folder` is that of the learner's notebooks."""
    offered = working_copy.offered(folder)
    lessons = [_entry(original, course_progress, folder, offered) for original in working_copy.lessons()]
    labs = [_entry(original, course_progress, folder, offered) for original in working_copy.labs()]
    template = jinja2.Template(TEMPLATE.read_text(), autoescape=True, trim_blocks=True)
    programs = [path.name for path in working_copy.programs()]
    return template.render(lessons=lessons, labs=labs, next=_where_to_continue(lessons), programs=programs) + "\n"


def _entry(
    original: Original, course_progress: dict[str, progress.NotebookProgress], folder: Path, offered: list[str]
) -> Entry:
    """Return a notebook's title, minutes, path, progress and new version."""
    title, minutes = _title_and_minutes(original)
    new = original.new_copies(folder) if original.copy in offered else []
    return {
        "path": original.copy,
        "part": lesson.part if (lesson := CATALOGUE.get(original.name)) else 0,
        "title": title,
        "minutes": minutes,
        "progress": course_progress.get(original.key),
        "new": new[-1].relative_to(folder).as_posix() if new else "",
    }


def _title_and_minutes(original: Original) -> tuple[str, str]:
    """Return them from the catalogue of lessons; those of a lab are in its first cell."""
    if lesson := CATALOGUE.get(original.name):
        return f"{lesson.number}. {lesson.title}", str(lesson.minutes)
    first_cell = "".join(json.loads(original.path.read_text())["cells"][0]["source"])
    minutes = MINUTES.search(first_cell)
    return first_cell.splitlines()[0].lstrip("# "), minutes[1] if minutes else ""


def _where_to_continue(lessons: list[Entry]) -> Entry | None:
    """Return the lesson to open next: the one in which the latest cell ran, or the next that is not completed.

    After the last lesson it is the first one that is not completed, and None when all are completed.
    """
    last = max(range(len(lessons)), key=lambda number: _last_run(lessons[number]))
    in_order = [*lessons[last:], *lessons[:last]] if _last_run(lessons[last]) else lessons
    return next((entry for entry in in_order if not (entry["progress"] and entry["progress"].finished)), None)


def _last_run(entry: Entry) -> float:
    return entry["progress"].last_run if entry["progress"] else 0.0
