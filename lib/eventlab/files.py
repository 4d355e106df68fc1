"""Write small files atomically: a reader never sees an incomplete file."""

import contextlib
import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a text file, and its folder if needed, under a temporary name, then rename it.

    After a full disk or a killed process, the old file (or no file) is there, and never an incomplete one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def write_if_changed(path: Path, text: str, *, mode: int = 0o644) -> bool:
    """Write a text file atomically unless it has this content; return whether it was written."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if path.read_text(encoding="utf-8") == text:
            return False
    write_atomically(path, text, mode=mode)
    return True


def create_once(path: Path, text: str, *, mode: int = 0o600) -> str:
    """Create a file with the text unless it exists, and return its content without spaces around it.

    Two processes that create it at the same time get the same content. An empty file, which a full disk may
    have left, is replaced; `text` must not be empty.
    """
    with contextlib.suppress(FileNotFoundError):
        if existing := path.read_text(encoding="utf-8").strip():
            return existing
        path.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    write_atomically(temporary, text, mode=mode)
    try:
        os.link(temporary, path)  # fails if another process has created the file
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    return path.read_text(encoding="utf-8").strip()
