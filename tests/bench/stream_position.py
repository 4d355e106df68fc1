"""How far a streaming query has come: the offset up to which its rows can be read."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable

from eventlab.clients.hdfs import open_hdfs
from eventlab.errors import EventlabError
from eventlab.settings import Settings
from eventlab.stack import filesystem

POLL_S = 0.02


def committed_end(settings: Settings, path: str, topic: str) -> int:
    """Return the offset after the last batch that the query of `path` has committed; 0 before its first one.

    The sink has published the files of a batch when Spark writes the batch into the checkpoint's `commits`. While
    HDFS does not answer, nothing is readable and the result is -1.
    """
    checkpoint = f"{path}.checkpoint"
    try:
        numbers = [int(name) for name in filesystem.names(f"{checkpoint}/commits", settings) if name.isdigit()]
        if not numbers:
            return 0
        text = open_hdfs(settings).cat_file(f"{checkpoint}/offsets/{max(numbers)}").decode()
        return int(json.loads(text.splitlines()[-1])[topic]["0"])
    except FileNotFoundError:
        return 0
    except (EventlabError, OSError, ValueError):
        return -1


def wait_for_offset(
    settings: Settings, path: str, topic: str, end: int, timeout_s: float, meanwhile: Callable[[], object] = int
) -> float:
    """Wait until the rows before an offset can be read, and return how many seconds that took.

    Args:
        settings: The settings of the stack.
        path: The folder of the query's rows.
        topic: The topic that it reads.
        end: The offset.
        timeout_s: After this time, RuntimeError.
        meanwhile: Called again and again until then.
    """
    started = time.monotonic()
    while (seen := committed_end(settings, path, topic)) < end:
        if time.monotonic() - started > timeout_s:
            raise RuntimeError(
                f"{path} contains the rows before offset {seen}, not {end}, after {timeout_s:.0f} s"
            )
        meanwhile()
        time.sleep(POLL_S)
    return time.monotonic() - started


def delete_output(settings: Settings, path: str) -> None:
    """Delete the folder of a query, its checkpoint and that of its dead letters."""
    for name in (path, f"{path}.checkpoint", f"{path}.dead.checkpoint"):
        with contextlib.suppress(EventlabError):
            filesystem.delete(name, settings)
