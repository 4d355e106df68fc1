"""Count which cells of a lesson or lab ran, in the learner's kernel, and keep the result in the state folder.

A notebook is completed when each of its code cells has run without an error in one kernel, and each check of an
exercise has said `correct`. Cells that the learner has added do not count.
"""

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import filelock
from pydantic import BaseModel, TypeAdapter

from eventlab.errors import EventlabError
from eventlab.files import write_atomically
from eventlab.jupyter import unfollow, working_copy
from eventlab.lessons import EXERCISE, SOLUTION, solved
from eventlab.settings import Settings, settings

logger = logging.getLogger(__name__)

FILE = "progress.json"
LOCK_S = 5.0
MAY_FAIL = "raises-exception"
"""The tag of a cell that shows an error on purpose."""


class NotebookProgress(BaseModel, frozen=True):
    """The progress of one notebook.

    Attributes:
        done: The highest number of code cells that ran in one kernel.
        finished: The day on which all of them had run, such as `2026-11-24`, or "".
        last_run: The time at which the latest cell ran, in seconds since 1970.
        last_cell: The id of that cell, or "".
    """

    done: int
    cells: int
    finished: str = ""
    last_run: float = 0.0
    last_cell: str = ""


class ProgressError(EventlabError):
    """The file with the progress cannot be changed."""


PROGRESS_FILE_TYPE = TypeAdapter(dict[str, NotebookProgress])
"""The content of `progress.json`: the progress by path, such as `notebooks/02_track_events.ipynb`."""


def read(settings: Settings = settings) -> dict[str, NotebookProgress]:
    """Return the progress by a notebook's path in the kit; a damaged file counts as empty."""
    try:
        return PROGRESS_FILE_TYPE.validate_json((settings.state_dir / FILE).read_bytes())
    except (OSError, ValueError):
        return {}


def record(path: str, done: int, cells: int, last_cell: str = "") -> None:
    """Save a notebook's progress; it never becomes less, and a completed notebook stays completed.

    Raises:
        ProgressError: The file cannot be changed.
    """
    with changing(settings) as progress:
        before = progress.get(path) or NotebookProgress(done=0, cells=cells)
        finished = before.finished or (time.strftime("%Y-%m-%d") if done >= cells > 0 else "")
        if before.done >= done and finished == before.finished:
            done, cells = before.done, before.cells
        progress[path] = NotebookProgress(
            done=done, cells=cells, finished=finished, last_run=time.time(), last_cell=last_cell
        )


@contextlib.contextmanager
def changing(settings: Settings) -> Iterator[dict[str, NotebookProgress]]:
    """Lock the file, and save the changes of its content at the end, unless an error was raised.

    Raises:
        ProgressError: The file cannot be changed, or another program keeps its lock.
    """
    file = settings.state_dir / FILE
    try:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{file}.lock", timeout=LOCK_S):
            progress = read(settings)
            yield progress
            write_atomically(file, PROGRESS_FILE_TYPE.dump_json(progress, indent=1).decode())
    except filelock.Timeout as error:
        raise ProgressError(f"another program has locked {file} for {LOCK_S:.0f} seconds. Try it again") from error
    except OSError as error:
        raise ProgressError(f"the file with your progress, {file}, cannot be written: {error}") from error


def follow(shell: Any, on_progress: Callable[[], object] = lambda: None) -> bool:
    """Count the cells of this kernel's notebook from now on; call `on_progress` after each of them.

    Returns:
        Whether the kernel runs a lesson or lab: the learner's copy or the original. Jupyter names the notebook to
        its kernel (JPY_SESSION_NAME); papermill and nbval do not, so their runs are not counted.
    """
    notebook = Path(os.environ.get("JPY_SESSION_NAME", "")).resolve()
    original = working_copy.original_of(notebook, settings)
    if original is None:
        return False
    unfollow(shell)
    shell._eventlab_progress = _Counter(notebook, original, on_progress).after_cell
    shell.events.register("post_run_cell", shell._eventlab_progress)
    return True


class _Counter:
    """Counts the code cells of the kit that ran, by their ids."""

    def __init__(self, notebook: Path, original: working_copy.Original, on_progress: Callable[[], object]) -> None:
        """Prepare; the cells of a copy of another version have other ids than the kit's, so all of them count."""
        self.notebook, self.path, self.on_progress = notebook, original.key, on_progress
        own, kits = _code_cells(notebook), _code_cells(original.path)
        is_same_version = _exercises(kits) <= _exercises(own)
        self.of_the_kit = {cell.get("id") for cell in (kits if is_same_version else own)}
        self.completed: set[str] = set()

    def after_cell(self, result: Any) -> None:
        """Count a cell that has ended; a problem with the files is logged and never shown to the learner."""
        cell = getattr(result.info, "cell_id", None)
        is_solved = bool(solved)
        solved.clear()
        if cell is None:
            return
        try:
            tags = {
                code["id"]: code["metadata"].get("tags", ())
                for code in _code_cells(self.notebook)
                if code.get("id") in self.of_the_kit
            }
            cells = list(tags)
            if not self.completed and cell in cells:  # the cells above it ran before the counting started
                above = cells[: cells.index(cell)]
                self.completed.update(name for name in above if EXERCISE not in tags[name])
            is_done = (
                is_solved if EXERCISE in tags.get(cell, ()) else result.success or MAY_FAIL in tags.get(cell, ())
            )
            (self.completed.add if is_done else self.completed.discard)(cell)
            record(self.path, len(self.completed.intersection(cells)), len(cells), cell)
            self.on_progress()
        except (OSError, ValueError, EventlabError) as error:
            logger.warning("the progress of %s is not saved: %s", self.path, error)


def _exercises(cells: Sequence[dict[str, Any]]) -> set[str | None]:
    return {cell.get("id") for cell in cells if EXERCISE in cell["metadata"].get("tags", ())}


def _code_cells(notebook: Path) -> list[dict[str, Any]]:
    """Return the code cells that are not empty, without solutions, which are code in copies of an earlier kit."""
    return [
        cell
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
        and "".join(cell["source"]).strip()
        and SOLUTION not in cell["metadata"].get("tags", ())
    ]
