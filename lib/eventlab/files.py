"""Write small files and zips atomically: a reader never sees an incomplete file. Delete folders of any depth."""

import contextlib
import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path

OWNER_ONLY = 0o600


def write_atomically(path: Path, content: str | bytes, *, mode: int = 0o644) -> None:
    """Write a file, and its folder if needed, under a temporary name, then rename it; text is written as UTF-8.

    When the disk is full or the process is killed, the old file stays as it is. A file is never incomplete.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def write_if_changed(path: Path, text: str) -> bool:
    """Write a text file atomically unless it has this content; return whether it was written."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if path.read_text(encoding="utf-8") == text:
            return False
    write_atomically(path, text)
    return True


def write_zip(path: Path, files: Iterable[tuple[str, bytes]], modes: Mapping[str, int] | None = None) -> Path:
    """Write a zip as `zip_bytes` returns it, readable by its owner only, and return its path."""
    write_atomically(path, zip_bytes(files, modes), mode=OWNER_ONLY)
    return path


def zip_bytes(files: Iterable[tuple[str, bytes]], modes: Mapping[str, int] | None = None) -> bytes:
    """Return a zip whose bytes depend only on its files.

    Args:
        files: The name and the content of each file; each content is read when it is written.
        modes: The type and permissions of files by name, such as 0o100644; by default 0o600.
    """
    import zipfile

    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name)  # the year 1980, so that the same content gives the same zip
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (modes or {}).get(name, 0) << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def create_once(path: Path, text: str) -> str:
    """Create a file with a secret, readable by its owner only, unless it exists; return its stripped content.

    Processes that create it at the same time get the same content. An empty file may be the result of a full disk:
    it is replaced by the process that holds its lock. `text` must not be empty.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with contextlib.suppress(FileNotFoundError):
            if existing := path.read_text(encoding="utf-8").strip():
                return existing
        with open(os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)) as empty:  # closing it releases the lock
            fcntl.flock(empty, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(empty.fileno()), path.stat()) and not empty.read().strip():
                    _replace_empty(path, text)


def _replace_empty(path: Path, text: str) -> None:
    """Write the text to an empty file; delete the file if this fails."""
    try:
        write_atomically(path, text, mode=OWNER_ONLY)
    except BaseException:
        path.unlink()
        raise


def delete_folder(folder: Path) -> str:
    """Delete a folder if it exists, and return "", or why it is still there.

    Also deleted is what services or a submission have locked in it as the same user, and what is too deep for
    Python's own functions. Of a link, only the link is deleted.
    """
    problem = ""
    for command in ("rm -rf --", "chmod -R -- u+rwx", "rm -rf --"):
        if not os.path.lexists(folder):
            return ""
        try:
            # In a session of its own, Ctrl-C in the terminal does not reach it.
            done = subprocess.run([*command.split(), folder], stderr=subprocess.PIPE, start_new_session=True)
            problem = done.stderr.decode(errors="replace").partition("\n")[0]
        except OSError as error:  # the machine cannot start it
            problem = str(error)
    return problem if os.path.lexists(folder) else ""


@contextlib.contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Hold the lock of a file in the block and yield True; yield False at once if another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)) as file:  # closing it releases the lock
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
