"""Which lessons and labs ran through: counted in the learner's own kernel, kept in the state folder.

A notebook has run through when each of its code cells has run without an error in one life of its kernel.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import filelock

from eventlab.settings import ROOT, Settings, settings

FILE = "progress.json"
MAY_FAIL = "raises-exception"


@dataclass(frozen=True)
class Progress:
    """The most cells of a notebook that ran in one go, of how many, and the day on which all did (or "")."""

    done: int
    cells: int
    finished: str = ""


def read(of: Settings = settings) -> dict[str, Progress]:
    """Progress by a notebook's path in the kit (`notebooks/05_filter_events.ipynb`); {} of a damaged file."""
    try:
        found = json.loads((of.state_dir / FILE).read_text())
        return {str(path): Progress(**entry) for path, entry in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def record(path: str, done: int, cells: int) -> None:
    """Keep what is further than before; what once ran through stays so."""
    before = read(settings).get(path)
    if before and before.done >= done and (before.finished or done < cells):
        return
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(settings.state_dir / f"{FILE}.lock", timeout=5):
        all_of_them = read(settings)
        finished = time.strftime("%Y-%m-%d") if done >= cells else before.finished if before else ""
        all_of_them[path] = Progress(done, cells, finished)
        text = json.dumps({name: asdict(entry) for name, entry in all_of_them.items()}, indent=1)
        new = settings.state_dir / f"{FILE}.{os.getpid()}"
        new.write_text(text)
        new.replace(settings.state_dir / FILE)


def follow(shell: Any, told: Callable[[], object] = lambda: None) -> bool:
    """Count the cells of the notebook that this kernel belongs to, from now on; False if it is none of the kit's.

    Jupyter names the notebook to its kernel (JPY_SESSION_NAME); papermill and nbval do not, and are not counted.
    told: called after each cell that brought the notebook further.
    """
    notebook = _own_notebook()
    if notebook is None or getattr(shell, "_eventlab_progress", None):
        return False
    counter = _Counter(notebook, told)
    shell.events.register("post_run_cell", counter.after)
    shell._eventlab_progress = counter
    return True


def unfollow(shell: Any) -> None:
    """Remove the callback that `follow` registered."""
    shell.events.unregister("post_run_cell", shell._eventlab_progress.after)
    shell._eventlab_progress = None


class _Counter:
    """The code cells that ran, by id."""

    def __init__(self, notebook: Path, told: Callable[[], object]) -> None:
        self.notebook, self.told = notebook, told
        self.path = notebook.relative_to(ROOT).as_posix()
        self.ran: set[str] = set()

    def after(self, result: Any) -> None:
        """IPython calls this when a cell has ended; nothing that goes wrong here may reach the learner."""
        cell = getattr(result.info, "cell_id", None)
        if cell is None:
            return
        try:
            wanted, may_fail = _code_cells(self.notebook)
            if not self.ran:  # cells above the one that began the counting have run, else it could not have
                self.ran.update(wanted[: wanted.index(cell)] if cell in wanted else ())
            (self.ran.add if result.success or cell in may_fail else self.ran.discard)(cell)
            record(self.path, len(self.ran.intersection(wanted)), len(wanted))
            self.told()
        except (OSError, ValueError, filelock.Timeout):
            return


def _own_notebook() -> Path | None:
    named = os.environ.get("JPY_SESSION_NAME", "")
    if not named.endswith(".ipynb"):
        return None
    path = Path(named).resolve()
    own = [*ROOT.glob("notebooks/[0-9][0-9]_*.ipynb"), *ROOT.glob("labs/*/student.ipynb")]
    return path if path in own else None


def _code_cells(notebook: Path) -> tuple[list[str], set[str]]:
    """The ids of the code cells with something in them, and of those that are meant to fail."""
    cells = json.loads(notebook.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
    failing = {cell.get("id", "") for cell in code if MAY_FAIL in cell["metadata"].get("tags", ())}
    return [cell.get("id", "") for cell in code], failing
