"""Writing a zip whose bytes depend on its content only."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

from eventlab.files import write_atomically


def write_zip(path: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    """Write a zip with these files (name and content), readable by its owner only, and return its path."""
    write_atomically(path, zip_bytes(files), mode=0o600)
    return path


def zip_bytes(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a zip with these files (name and content), each of which is read when it is written."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name)  # the year 1980, so that the same content gives the same zip
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()
