"""Writing a zip whose bytes depend on its content only."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from eventlab.files import write_atomically


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write a zip with these files by name, readable by its owner only, and return its path."""
    write_atomically(path, zip_bytes(files), mode=0o600)
    return path


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return a zip with these files by name."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)  # the year 1980, so that the same content gives the same zip
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()
