"""The checkpoint of a streaming query on HDFS: the folder that a program names, and what is in it."""

import contextlib
import re
from collections.abc import Mapping
from typing import Any

from eventlab.clients.hdfs import open_hdfs
from eventlab.clients.stream_checkpoint import Checkpoint, read_checkpoint
from eventlab.settings import Settings
from eventlab.stack import filesystem

OPTION = re.compile(r"[\"']?checkpointLocation[\"']?\s*[,:=]\s*(?:[\"']([^\"']+)[\"']|(\w+))")


def folder_in(program: str, variables: Mapping[str, Any]) -> str:
    """Return the folder that a program names as the checkpoint of a query, or ""."""
    match = OPTION.search(program)
    value = match and (match[1] or variables.get(match[2]))
    return value if isinstance(value, str) else ""


def checkpoint_in(folder: str, settings: Settings) -> Checkpoint | None:
    """Return the checkpoint in a folder on HDFS, or None if there is none."""
    if not folder or not filesystem.has_webhdfs(folder, settings):
        return None
    hdfs = open_hdfs(settings)

    def list_folder(path: str) -> list[str]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return filesystem.names(path, settings)
        return []

    return read_checkpoint(filesystem.plain_path(folder), list_folder, lambda path: hdfs.cat_file(path).decode())
