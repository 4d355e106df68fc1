"""The learner's own copies of lessons and labs, without outputs, in the folder of the setting `work_dir`.

A copy that the learner has not changed follows the kit's notebook. When both have changed, the new version is
written next to the copy. No file of the learner is overwritten or deleted. The folder also contains the programs
that lessons show and the page of explanations, as files that are only read.
"""

import hashlib
import json
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import filelock
from pydantic import BaseModel, TypeAdapter

from eventlab.errors import EventlabError
from eventlab.files import write_atomically
from eventlab.lessons import CHECK, README_LINK, SOLUTION, beginning, exercise_title
from eventlab.settings import ROOT, Settings
from eventlab.stack.config import START_PAGE

LESSONS, LABS, PANEL = "notebooks/[0-9][0-9]_*.ipynb", "labs/*/student.ipynb", "notebooks/stack_panel.ipynb"
PROGRAMS = ("game_api.py", "notebooks/*.py")
"""The programs that lessons show."""
EXPLANATIONS = "lib/eventlab/explain/EXPLANATIONS.md"
"""The page that lists the explanations of errors; the start page refers to it."""
READ_ONLY = 0o444
KIT_FILES = ("sanitize.cfg", "notebooks/sanitize.cfg", "instructor.ipynb")
"""Files that show that a folder is one of the kit, not of a learner."""
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": platform.python_version(),
}
"""What the kernel reports as its language. JupyterLab asks whether to save a notebook without this metadata."""
RECORD = ".copies.json"
LOCK_S = 20.0


class WorkingCopyError(EventlabError):
    """The learner's copies cannot be written, or there is no such lesson."""


class CopyRecord(BaseModel):
    """What is known about a copy; the versions are results of `fingerprint`.

    Attributes:
        version: The version of the kit's notebook from which the copy was made.
        offered: The version that was written next to the copy, or "".
    """

    version: str = ""
    offered: str = ""


RECORD_TYPE = TypeAdapter(dict[str, CopyRecord])
"""The content of the record: copies by their paths in the working folder."""


@dataclass(frozen=True)
class Original:
    """A notebook of the kit of which each learner has a copy."""

    path: Path

    @property
    def key(self) -> str:
        """Return its path in the kit, such as `notebooks/05_filter_events.ipynb`."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def copy(self) -> str:
        """Return the path of the copy in the working folder, such as `05_filter_events.ipynb`."""
        return self.key.removeprefix("notebooks/")

    @property
    def name(self) -> str:
        """Return the name on the command line: that of the lesson, or of the lab's folder."""
        return self.path.stem if self.copy == self.path.name else self.path.parent.name

    def new_copies(self, folder: Path) -> list[Path]:
        """Return the new versions next to the copy, such as `05_filter_events.new.ipynb`."""
        copy = folder / self.copy
        return sorted(copy.parent.glob(f"{copy.stem}.new*.ipynb"))

    def text(self) -> str:
        """Return the notebook as a learner gets it: without outputs, and with its solutions as folded text.

        Its link to the start page is that of the working folder.
        """
        notebook = json.loads(self.path.read_text(encoding="utf-8"))
        notebook["metadata"]["language_info"] = LANGUAGE
        for cell in notebook["cells"]:
            cell["source"] = "".join(cell["source"]).replace(f"({README_LINK})", f"({START_PAGE})")
            if cell["cell_type"] == "code":
                cell["outputs"], cell["execution_count"] = [], None
                if SOLUTION in cell["metadata"].get("tags", ()):
                    _fold(cell)
        return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _fold(solution: dict[str, Any]) -> None:
    """Make a cell with a solution a Markdown cell that opens with a click, so that Shift+Enter does not run it."""
    (name,) = CHECK.findall(solution["source"])
    title = f"Solution of {exercise_title(name).lower()}"
    code = f"```python\n{solution['source']}\n```"
    solution["source"] = f"<details><summary>{title}</summary>\n\n{code}\n\n</details>"
    solution["cell_type"], solution["metadata"] = "markdown", {"tags": [SOLUTION]}
    del solution["outputs"], solution["execution_count"]


def lessons() -> list[Original]:
    """Return the lessons in their order."""
    return [Original(path) for path in sorted(ROOT.glob(LESSONS))]


def labs() -> list[Original]:
    """Return the notebooks of the labs for students."""
    return [Original(path) for path in sorted(ROOT.glob(LABS))]


def programs() -> list[Path]:
    """Return the programs that lessons show."""
    return [path for pattern in PROGRAMS for path in sorted(ROOT.glob(pattern))]


def original_of(notebook: Path, settings: Settings) -> Original | None:
    """Return the lesson or lab of a file: the original, the learner's copy, or a new version next to it."""
    notebook = notebook.resolve()
    folder = settings.work_dir.resolve()
    for original in [*lessons(), *labs()]:
        if notebook in (original.path, folder / original.copy) or notebook in original.new_copies(folder):
            return original
    return None


def offered(folder: Path) -> list[str]:
    """Return the copies next to which there is a newer version, by their paths in the working folder."""
    return [copy for copy, copied in _read_record(folder).items() if copied.offered]


def update(settings: Settings) -> None:
    """Create the copies that are missing, and update those whose notebook in the kit has changed.

    Several processes may do this at the same time.

    Raises:
        WorkingCopyError: The folder cannot be written.
    """
    with _record(settings) as record:
        for original in [*lessons(), *labs(), Original(ROOT / PANEL)]:
            copied = record.setdefault(original.copy, CopyRecord())
            _update_copy(original, settings.work_dir, copied)
        for file in [*programs(), *ROOT.glob(EXPLANATIONS)]:
            _update_file(file, settings.work_dir, record.setdefault(file.name, CopyRecord()))


def reset(name: str, settings: Settings) -> tuple[Original, Path | None]:
    """Start a lesson or lab again: rename the learner's copy, and write a new one.

    Args:
        name: The beginning of a lesson's or lab's name, such as `05` or `lab01`, or a lesson's number.
        settings: The settings with the working folder.

    Returns:
        The lesson, and the new path of the old copy, or None when there was no copy.

    Raises:
        WorkingCopyError: There is no such lesson, or the folder cannot be written.
    """
    existing = [*lessons(), *labs()]
    matching = [original for original in existing if original.name.startswith(beginning(name))] if name else []
    if len(matching) != 1:
        names = ", ".join(original.name for original in matching or existing)
        problem = "is the beginning of" if matching else "is not a lesson or lab; there are:"
        raise WorkingCopyError(f"{name!r} {problem} {names}")
    original = matching[0]
    with _record(settings) as record:
        copy = settings.work_dir / original.copy
        old_copy = _unused(copy, time.strftime("%Y-%m-%d-%H%M")) if copy.exists() else None
        if old_copy:
            copy.rename(old_copy)
        _withdraw_offers(original, settings.work_dir, record.get(original.copy, CopyRecord()))
        record[original.copy] = CopyRecord()
        _update_copy(original, settings.work_dir, record[original.copy])
    return original, old_copy


def _update_copy(original: Original, folder: Path, copied: CopyRecord) -> None:
    """Create the copy, replace one that the learner has not changed, or write the new version next to it."""
    copy, text = folder / original.copy, original.text()
    version = fingerprint(text)
    current = fingerprint(copy) if copy.exists() else None
    if current in (None, copied.version):
        if current != version:
            write_atomically(copy, text)
        copied.version = version
    elif fingerprint(copy, outputs=False) == fingerprint(
        text, outputs=False
    ):  # the learner has taken the new version, and perhaps has run it
        copied.version = version
    elif version not in (copied.version, copied.offered):
        write_atomically(next(iter(_unchanged_offers(original, folder, copied)), _unused(copy, "new")), text)
        copied.offered = version
    if copied.version == version:
        _withdraw_offers(original, folder, copied)


def _withdraw_offers(original: Original, folder: Path, copied: CopyRecord) -> None:
    """Delete the new versions next to the copy that the learner has not changed."""
    for new in _unchanged_offers(original, folder, copied):
        new.unlink()
    copied.offered = ""


def _unchanged_offers(original: Original, folder: Path, copied: CopyRecord) -> list[Path]:
    return [new for new in original.new_copies(folder) if fingerprint(new) == copied.offered]


def _update_file(file: Path, folder: Path, copied: CopyRecord) -> None:
    """Write a read-only copy of a file that learners read, unless the learner has changed the copy."""
    copy, text = folder / file.name, file.read_text(encoding="utf-8")
    version = hashlib.sha256(text.encode()).hexdigest()
    current = hashlib.sha256(copy.read_bytes()).hexdigest() if copy.exists() else None
    if current in (None, copied.version) and current != version:
        write_atomically(copy, text, mode=READ_ONLY)
    if current in (None, copied.version, version):
        copied.version = version


def fingerprint(notebook: Path | str, *, outputs: bool = True) -> str:
    """Return a digest of a notebook's sources and, if wanted, of its outputs, or "unreadable".

    The ids and metadata of cells do not count, because JupyterLab changes them when it opens a notebook.
    """
    try:
        text = notebook if isinstance(notebook, str) else notebook.read_text(encoding="utf-8")
        cells = [_content(cell, outputs) for cell in json.loads(text)["cells"]]
    except (OSError, ValueError, LookupError, TypeError):
        return "unreadable"
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()


def _content(cell: dict[str, Any], outputs: bool) -> tuple[Any, ...]:
    results = (cell.get("outputs") or [], cell.get("execution_count")) if outputs else ()
    return cell["cell_type"], "".join(cell["source"]), *results


def _unused(copy: Path, suffix: str) -> Path:
    """Return a path next to a copy that does not exist: `NAME.SUFFIX.ipynb`, or `NAME.SUFFIX-2.ipynb`."""
    names = (f"{copy.stem}.{suffix}{f'-{number}' if number > 1 else ''}.ipynb" for number in count(1))
    return next(path for name in names if not (path := copy.with_name(name)).exists())


def _read_record(folder: Path) -> dict[str, CopyRecord]:
    try:
        return RECORD_TYPE.validate_json((folder / RECORD).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}


@contextmanager
def _record(settings: Settings) -> Iterator[dict[str, CopyRecord]]:
    """Lock the working folder, and save changes of the record at the end; a damaged record counts as empty."""
    path = settings.work_dir / RECORD
    if any((settings.work_dir / name).exists() for name in KIT_FILES):
        raise WorkingCopyError(
            f"{settings.work_dir} contains the kit's own notebooks, so it cannot be the folder of your copies. "
            "CONTRIBUTING.md says how authors open them",
            next_command="unset EVENTLAB_WORK_DIR",
        )
    try:
        settings.work_dir.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{path}.lock", timeout=LOCK_S):
            record = _read_record(settings.work_dir)
            before = RECORD_TYPE.dump_json(record)
            try:
                yield record
            finally:
                if RECORD_TYPE.dump_json(record) != before:
                    write_atomically(path, RECORD_TYPE.dump_json(record, indent=1).decode())
    except (OSError, filelock.Timeout) as error:
        raise WorkingCopyError(
            f"the folder of your notebooks, {settings.work_dir}, cannot be written: {error}. Choose another one",
            next_command="export EVENTLAB_WORK_DIR=~/eventlab-work",
        ) from error
