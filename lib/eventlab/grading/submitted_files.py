"""The files of a folder or a zip of submissions, and copying a student's files safely out of it."""

from __future__ import annotations

import errno
import lzma
import os
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from io import BufferedReader, FileIO
from pathlib import Path, PurePosixPath
from typing import IO

from eventlab.errors import EventlabError
from eventlab.grading import exports
from eventlab.grading.exports import Upload

MAX_FILES = 200_000
"""The limit for a zip that a student hands in; the zip of a whole class has none."""
MAX_DIRECTORY_BYTES = 300 * MAX_FILES
"""The limit for the list of files in such a zip, which takes up to ten times as much memory."""
MAX_FILE_BYTES = 200 * 1024**2
MAX_STUDENT_BYTES = 400 * 1024**2
"""The limit for each student, so that one student's files do not displace another's."""
MAX_STUDENT_FILES = 1000
MAX_DEPTH, MAX_NAME_BYTES, MAX_PATH_BYTES = 50, 200, 1000
"""Limits of usual file systems. A file with a longer path is copied under its last name."""
MAX_OPENED_BYTES = 4096
"""Linux opens no longer path (PATH_MAX). Some programs unpack longer ones; such files are left out."""
IGNORED = {"__MACOSX", ".ipynb_checkpoints", ".git", "__pycache__", ".DS_Store", "Thumbs.db"}
UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(NotImplementedError, RuntimeError, EOFError, OSError, ValueError),
)
"""What reading a damaged, encrypted or unusual zip raises."""
MACHINE_ERRORS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ESTALE)
}
"""Errors of the machine: no file of a student can cause them."""


class SubmissionsError(EventlabError):
    """There is nothing to grade, or it is in a form that cannot be read."""


@dataclass(frozen=True)
class SubmittedFile:
    """A file of a folder or a zip.

    Attributes:
        parts: The names of its folders and its own name, below the top.
        size: Its size in bytes.
        open: Opens it to be read.
        path: Where it is on the disk; None inside a zip.
        is_link: Whether it is a link, which is not followed.
        top: The name at the top of the export that it comes from.
        upload: What this name says.
    """

    parts: tuple[str, ...]
    size: int
    open: Callable[[], IO[bytes]]
    path: Path | None = None
    is_link: bool = False
    top: str = ""
    upload: Upload | None = None

    @property
    def suffix(self) -> str:
        """Return the ending of its name in lower case, with the dot."""
        return PurePosixPath(self.parts[-1]).suffix.lower()

    def beginning(self) -> str:
        """Return the first characters of a text file; "" if it cannot be read."""
        try:
            with self.open() as file:
                return file.read(4096).decode("utf-8", "replace")
        except UNREADABLE:
            return ""


@dataclass
class Tree:
    """Files, and the names of the folders at the top, which may be empty."""

    files: list[SubmittedFile] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)

    @property
    def names(self) -> dict[str, SubmittedFile | None]:
        """Return the names at the top; a file's name with the file."""
        return dict.fromkeys(self.folders) | {file.parts[0]: file for file in self.files if len(file.parts) == 1}

    def below_single_folder(self) -> Tree:
        """Return what is in the only folder at the top; return all if it is a student's, or not the only one."""
        if len(self.folders) != 1 or any(len(file.parts) == 1 for file in self.files):
            return self
        if exports.uploads(self.folders, lambda name: ""):
            return self
        inner = Tree([replace(file, parts=file.parts[1:]) for file in self.files])
        inner.folders = {file.parts[0] for file in inner.files if len(file.parts) > 1}
        notebooks = [file for file in inner.files if file.suffix in (".ipynb", ".zip")]
        return inner if len(notebooks) > 1 or any(len(file.parts) > 1 for file in notebooks) else self


def of_folder(folder: Path) -> Tree:
    """Return the files of a folder; links are listed at the top only, and never followed."""
    tree = Tree()
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink() and path.name not in IGNORED:
            tree.folders.add(path.name)
        tree.files += [_on_disk(found, folder) for found in walk(path)]
    return tree


def walk(top: Path) -> Iterable[Path]:
    """Yield the files below a path, or the path itself, in order, without IGNORED ones.

    A link is yielded only if it is the path itself. Folders may be too deep for recursion.
    """
    waiting = [top]
    while waiting:
        path = waiting.pop()
        if path.name in IGNORED or len(os.fsencode(path)) >= MAX_OPENED_BYTES:
            continue
        if path.is_symlink():
            if path == top:
                yield path
        elif path.is_dir():
            try:
                waiting += sorted(path.iterdir(), reverse=True)
            except OSError as error:  # without what is in it, the student would lose points
                message = f"the folder {path} cannot be read: {error}. Change its permissions"
                raise SubmissionsError(message) from error
        elif path.is_file():
            yield path


def _on_disk(path: Path, folder: Path) -> SubmittedFile:
    link = path.is_symlink()
    size = 0 if link else path.stat().st_size
    return SubmittedFile(path.relative_to(folder).parts, size, lambda: path.open("rb"), path, link)


class LongListError(zipfile.BadZipFile):
    """The list of files in a zip is longer than MAX_DIRECTORY_BYTES."""


class StudentsZip(BufferedReader):
    """A student's zip, to be opened by `zipfile`, which reads its list of files at once, and else little.

    Raises:
        LongListError: The list is longer than MAX_DIRECTORY_BYTES.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(FileIO(path))

    def read(self, size: int | None = -1) -> bytes:
        """Read as any file does, unless this is a long list."""
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise LongListError
        return super().read(size)


def of_zip(archive: zipfile.ZipFile) -> Tree:
    """Return the files of a zip, without links, and without names that point out of it."""
    tree = Tree()
    for entry in archive.infolist():
        parts = _parts(entry)
        if not parts:
            continue
        if entry.is_dir() or len(parts) > 1:
            tree.folders.add(parts[0])
        if not entry.is_dir():
            tree.files.append(SubmittedFile(parts, entry.file_size, partial(archive.open, entry)))
    return tree


def _parts(entry: zipfile.ZipInfo) -> tuple[str, ...]:
    """Return the names of an entry's path; () for a link, and for a path that is absolute or has `..`."""
    name = PurePosixPath(entry.filename.replace("\\", "/"))
    parts = tuple(part for part in name.parts if part not in ("/", "."))
    if not parts or name.is_absolute() or re.match(r"[A-Za-z]:", parts[0]):
        return ()
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    if is_link or ".." in parts or "\0" in entry.filename or IGNORED & set(parts) or parts[0].startswith("."):
        return ()
    return parts


def copy(files: Sequence[SubmittedFile], target: Path) -> tuple[dict[Path, SubmittedFile], list[str]]:
    """Copy a student's files to a new folder.

    Returns:
        The copies with their sources, and a sentence for each file that was left out.
    """
    copies: dict[Path, SubmittedFile] = {}
    problems = []
    moved: Counter[str] = Counter()
    remaining = MAX_STUDENT_BYTES
    target.mkdir(parents=True, exist_ok=True)
    # Notebooks come first, so that other files cannot use up their limit.
    for file in sorted(files, key=lambda file: file.suffix != ".ipynb"):
        name = file.parts[-1][:100]
        limit = min(MAX_FILE_BYTES, remaining)
        if file.size > limit:
            problems.append(f"{name} was left out: it has {file.size:,} bytes; {limit:,} are allowed")
        elif len(copies) >= MAX_STUDENT_FILES:
            problems.append(f"files were left out: there are {len(files):,}; {MAX_STUDENT_FILES:,} are allowed")
            break
        else:
            path = None
            try:
                path = _free_path(target, file.parts, moved)
                with file.open() as source, path.open("wb") as copy:
                    _copy_limited(source, copy, limit)
                copies[path] = file
                remaining -= file.size
            except UNREADABLE as error:
                raise_if_machine_failed(error, file, target)
                if path:
                    path.unlink(missing_ok=True)
                problems.append(f"{name} was left out: it is damaged or locked ({type(error).__name__})")
    return copies, problems


def raise_if_machine_failed(error: Exception, file: SubmittedFile, target: Path) -> None:
    """Raise an error when the machine is the reason that a file was not copied, and not the file.

    Raises:
        SubmissionsError: The machine is the reason.
    """
    of_machine = MACHINE_ERRORS | ({errno.EACCES, errno.EPERM, errno.ENOENT} if file.path else set())
    if isinstance(error, OSError) and error.errno in of_machine:
        name = file.path or "/".join(file.parts)
        raise SubmissionsError(f"{name} cannot be copied to {target}: {error.strerror}") from error


def _copy_limited(source: IO[bytes], target: IO[bytes], limit: int) -> None:
    """Copy until the end; the size that a zip states may be wrong."""
    while chunk := source.read(1 << 20):
        limit -= len(chunk)
        if limit < 0:
            raise ValueError("larger than stated")
        target.write(chunk)


def _free_path(target: Path, parts: tuple[str, ...], moved: Counter[str]) -> Path:
    """Return where to copy a file: at its own path, or under its last name in a folder without such a file.

    Args:
        target: The folder for all files.
        parts: The names in its own path.
        moved: How many files with the same last name are in other folders; this function counts them.
    """
    names = [shortened(part) for part in parts]
    fits = len(names) <= MAX_DEPTH and sum(len(name.encode()) + 1 for name in names) <= MAX_PATH_BYTES
    if fits and (path := _claimed(target.joinpath(*names))):
        return path
    while True:
        moved[names[-1]] += 1
        if path := _claimed(target / f"more-{moved[names[-1]]}" / names[-1]):
            return path


def _claimed(path: Path) -> Path | None:
    """Create an empty file and return its path, or None if this name, or that of one of its folders, is taken."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(exist_ok=False)
    except (FileExistsError, NotADirectoryError):
        return None
    return path


def shortened(name: str) -> str:
    """Return a name that a file system can store; its ending stays."""
    text = name.encode("utf-8", "replace").decode()
    suffix = PurePosixPath(text).suffix
    room = MAX_NAME_BYTES - len(suffix.encode())
    if len(text.encode()) <= MAX_NAME_BYTES or room < 1:
        return text.encode()[:MAX_NAME_BYTES].decode("utf-8", "ignore")
    return text[: len(text) - len(suffix)].encode()[:room].decode("utf-8", "ignore") + suffix
