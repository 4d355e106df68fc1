"""Finding submissions: a folder of notebooks or of students' folders, or a zip from a learning platform."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from eventlab.errors import EventlabError

MAX_FILES = 20_000
MAX_BYTES = 2 * 1024**3
"""Limit of an unpacked zip."""
MAX_FILE_BYTES = 200 * 1024**2
MAX_DEPTH = 50
"""Folders above a file in a zip, itself included; a deeper one is left out."""
OTHER_SUFFIXES = {".csv", ".html", ".json", ".md", ".txt", ".toml"}
"""Files with these endings are not submissions; any other file is one, readable or not."""
IGNORED = {"__MACOSX", ".ipynb_checkpoints", ".git", "__pycache__", ".DS_Store", "Thumbs.db"}


class SubmissionsError(EventlabError):
    """There is nothing to grade, or it is in a form that cannot be read."""


@dataclass(frozen=True)
class Submission:
    """One student's submission.

    Attributes:
        student: The name.
        notebook: The notebook, a file with any content, or None without one.
        files: The folder with further files.
        problem: A sentence about what is wrong, or "".
    """

    student: str
    notebook: Path | None
    files: Path | None = None
    problem: str = ""


def find(source: Path, unpacked: Path) -> list[Submission]:
    """Return the submissions in a folder or a zip, sorted by student.

    `<student>.ipynb` and a file without an ending are notebooks, `<student>/...` is a folder with one. When two
    have the same student, both are graded and the second gets a number.
    A zip is unpacked into the folder `unpacked`.

    Raises:
        SubmissionsError: There is no submission, or the zip is too large.
    """
    if source.is_dir():
        found = list(_in_folder(source))
    elif zipfile.is_zipfile(source):
        shutil.rmtree(unpacked, ignore_errors=True)
        _unpack(source, unpacked)
        found = list(_in_folder(_only_folder(unpacked)))
    elif source.exists():
        found = [Submission(_student(source), source)]
    else:
        raise SubmissionsError(f"{source} does not exist. Name a folder of notebooks or a zip")
    if not found:
        raise SubmissionsError(f"{source} holds no submission: neither <student>.ipynb nor <student>/....ipynb")
    return _distinct(sorted(found, key=lambda one: one.student))


def _in_folder(folder: Path) -> Iterator[Submission]:
    for path in sorted(folder.iterdir()):
        if path.name in IGNORED or path.name.startswith("."):
            continue
        if path.is_symlink():
            yield Submission(_student(path), None, problem="a link, not a file: it is not followed")
        elif path.is_dir():
            yield from _of_student(path)
        elif path.is_file() and path.suffix.lower() not in OTHER_SUFFIXES:
            yield Submission(_student(path), path)


def _of_student(folder: Path) -> Iterator[Submission]:
    """Yield the submission in a student's folder: its notebook, or the one that others are copies of."""
    notebooks = [path for path in _walk(folder) if path.suffix.lower() == ".ipynb"]
    if not notebooks:
        notebooks = [path for path in _walk(folder) if path.suffix == ""]
    if not notebooks:
        yield Submission(folder.name, None, folder, "no notebook in the folder")
        return
    notebooks.sort(key=lambda path: (len(path.parts), _is_copy(path.name), path.name))
    others = ", ".join(path.name for path in notebooks[1:4])
    problem = f"{len(notebooks)} notebooks: {notebooks[0].name} was taken, not {others}" if others else ""
    yield Submission(folder.name, notebooks[0], notebooks[0].parent, problem)


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in IGNORED or path.is_symlink():
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.is_file():
            yield path


def _is_copy(name: str) -> bool:
    return bool(re.search(r"copy|\(\d+\)|-checkpoint|untitled", name, re.IGNORECASE))


def _student(path: Path) -> str:
    return path.stem if path.suffix.lower() == ".ipynb" and path.stem else path.name


def _distinct(found: list[Submission]) -> list[Submission]:
    """Return the submissions with a number added to each name that an earlier one has."""
    taken = {one.student for one in found}
    seen: set[str] = set()
    named = []
    for one in found:
        student, again = one.student, 1
        while student in seen or (again > 1 and student in taken):
            again += 1
            student = f"{one.student} ({again})"
        seen.add(student)
        named.append(Submission(student, one.notebook, one.files, one.problem))
    return named


def _unpack(source: Path, target: Path) -> None:
    """Unpack file by file: nothing outside of the target, no links, and no more bytes than allowed."""
    left = MAX_BYTES
    with zipfile.ZipFile(source) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_FILES:
            raise SubmissionsError(f"{source} holds {len(entries):,} files; {MAX_FILES:,} are allowed")
        for entry in entries:
            path = _inside(target, entry)
            if path is None:
                continue
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                left -= _copy(archive, entry, path, min(left, MAX_FILE_BYTES))
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, zlib.error):
                with contextlib.suppress(OSError):  # one name is both a file and a folder: the first one stays
                    path.write_bytes(b"")  # a damaged file is an unreadable submission, not the end of the others


def _inside(target: Path, entry: zipfile.ZipInfo) -> Path | None:
    """Return where to unpack an entry; None for folders, links, and names too deep or outside of the target."""
    name = PurePosixPath(entry.filename.replace("\\", "/"))
    is_link = (entry.external_attr >> 16) & 0o170000 == 0o120000
    parts = [part for part in name.parts if part not in ("/", ".")]
    if entry.is_dir() or is_link or not 0 < len(parts) <= MAX_DEPTH or ".." in parts or "\0" in entry.filename:
        return None
    if name.is_absolute() or re.match(r"[A-Za-z]:", parts[0]) or IGNORED & set(parts):
        return None
    return target.joinpath(*(part.encode("utf-8", "replace")[:200].decode("utf-8", "ignore") for part in parts))


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, limit: int) -> int:
    """Unpack a file and return its size; a file larger than the limit is emptied."""
    written = 0
    with archive.open(entry) as packed, path.open("wb") as file:
        while chunk := packed.read(1 << 20):
            written += len(chunk)
            if written > limit:
                file.truncate(0)
                return limit if limit < MAX_FILE_BYTES else written
            file.write(chunk)
    return written


def _only_folder(folder: Path) -> Path:
    """Return the single folder of an archive, unless it is one student's; otherwise the given folder."""
    inside = [path for path in folder.iterdir() if path.name not in IGNORED] if folder.exists() else []
    if len(inside) == 1 and inside[0].is_dir():
        children = list(inside[0].iterdir())
        students = [path for path in children if path.is_dir() or path.suffix.lower() == ".ipynb"]
        if len(students) > 1 or any(path.is_dir() for path in children):
            return inside[0]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def collected(sources: Sequence[Path]) -> Iterator[Path]:
    """Yield the folder or zip to grade; several notebooks or folders are copied to one temporary folder."""
    if len(sources) == 1:
        yield sources[0]
        return
    with tempfile.TemporaryDirectory(prefix="eventlab-submissions-") as folder:
        for source in sources:
            _copy_named(source, Path(folder, source.resolve().name))
        yield Path(folder)


def _copy_named(source: Path, target: Path) -> None:
    if target.exists():
        raise SubmissionsError(f"two submissions are called {target.name}. Grade their folders separately")
    if source.is_file() and source.suffix != ".ipynb" and zipfile.is_zipfile(source):
        raise SubmissionsError(f"{source} is a zip of submissions: grade it alone")
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)
