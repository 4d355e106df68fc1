"""Streaming queries that were recorded on a real stack, in the folder `streams`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from eventlab.clients.kafka import Offsets
from eventlab.clients.stream_checkpoint import Checkpoint, read_checkpoint
from eventlab.clients.stream_events import EventOutcome, outcomes, timed_event
from eventlab.clients.stream_state import StreamState, read_state
from eventlab.clients.stream_windows import Change

FOLDER = Path(__file__).with_name("streams")
BASE_S = 1_790_000_000
"""The time to which the recorded events' times are relative: 14:13:20 UTC on 2026-09-21."""


def recording(name: str) -> dict[str, Any]:
    """Return what was recorded."""
    return dict(json.loads((FOLDER / f"{name}.json").read_text()))


def recorded(name: str) -> StreamState:
    """Return the state of a recorded query."""
    found = recording(name)
    offsets = {topic: Offsets(*map(_by_partition, both)) for topic, both in found["offsets"].items()}
    parts = {name: found[name] for name in ("reports", "status", "is_active", "error", "plans")}
    return replace(read_state(**parts), offsets=offsets)


def _by_partition(offsets: Mapping[str, int]) -> dict[int, int]:
    return {int(number): offset for number, offset in offsets.items()}


def messages(name: str, topic: str, start: Mapping[int, int]) -> Iterator[Any]:
    """Yield the recorded messages of a topic from a start offset of each partition on, as kafka-python does."""
    for partition, values in recording(name)["messages"][topic].items():
        for offset, value in enumerate(values):
            if offset >= start[int(partition)]:
                place_of = {"topic": topic, "partition": int(partition), "offset": offset}
                yield SimpleNamespace(value=value.encode(), timestamp=0, **place_of)


def outcomes_of(name: str) -> list[EventOutcome]:
    """Return the recorded events of a query."""
    records = (record for topic in recording(name)["messages"] for record in messages(name, topic, {0: 0, 1: 0}))
    return list(outcomes(filter(None, (timed_event(record, "time") for record in records)), recorded(name)))


def changes(name: str) -> list[Change]:
    """Return the recorded changes of a query's state."""
    return [Change(*change) for change in recording(name)["changes"]]


def checkpoint(name: str, **changed: str) -> Checkpoint | None:
    """Return a recorded checkpoint; `changed` adds files to it, with `_` for `/`."""
    found = json.loads((FOLDER / "checkpoints.json").read_text())[name]
    files = {f"/check/{path}": text for path, text in found.items()}
    files |= {f"/check/{path.replace('_', '/')}": text for path, text in changed.items()}

    def list_folder(folder: str) -> list[str]:
        below = (path.removeprefix(f"{folder}/") for path in files if path.startswith(f"{folder}/"))
        return sorted({path.partition("/")[0] for path in below})

    return read_checkpoint("/check/", list_folder, files.__getitem__)
