"""What the checkpoint of a streaming query says: the batches that were planned and completed, offsets, watermark.

A checkpoint can be read from any program, also when the query runs in another one or has ended. Its folders:
`offsets` (one file for each planned batch), `commits` (one for each completed one) and `sources` (first offsets).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from eventlab.clients.stream_state import Positions, merged, positions_of

ListFolder = Callable[[str], list[str]]
"""Returns the names of a folder's entries, or an empty list if the folder does not exist."""
ReadFile = Callable[[str], str]
LAST_BATCHES = 3
"""A query whose topic was created again plans a batch that ends at the new end, and fails in it."""


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint of a query.

    Attributes:
        planned: The number of the last batch that was planned, or None.
        completed: The number of the last batch that was completed, or None.
        first: The offsets at which the query began.
        next: The offsets at which the last planned batch ends.
        reached: The greatest offsets at which one of the LAST_BATCHES ends.
        planned_s: The time at which the last batch was planned, in seconds since 1970.
    """

    planned: int | None
    completed: int | None
    first: Positions
    next: Positions
    reached: Positions
    watermark_s: float = 0.0
    planned_s: float = 0.0


def read_checkpoint(folder: str, list_folder: ListFolder, read_file: ReadFile) -> Checkpoint | None:
    """Return the checkpoint in a folder, or None if the folder contains none."""
    folder = folder.rstrip("/")
    if not {"metadata", "offsets"} <= set(list_folder(folder)):
        return None
    planned, completed = (_batches(list_folder(f"{folder}/{name}")) for name in ("offsets", "commits"))
    files = [read_file(f"{folder}/offsets/{number}").splitlines() for number in planned[-LAST_BATCHES:]]
    ends = [merged(map(positions_of, lines[2:])) for lines in files]  # `-` is a source without offsets
    times = json.loads(files[-1][1]) if files and len(files[-1]) > 1 else {}
    sources = [number for number in list_folder(f"{folder}/sources") if number.isdigit()]
    first = [read_file(f"{folder}/sources/{number}/0").splitlines()[-1] for number in sources]
    return Checkpoint(
        planned[-1] if planned else None,
        completed[-1] if completed else None,
        merged(map(positions_of, first)),
        ends[-1] if ends else {},
        _greatest(ends),
        times.get("batchWatermarkMs", 0) / 1000,
        times.get("batchTimestampMs", 0) / 1000,
    )


def _batches(names: list[str]) -> list[int]:
    return sorted(int(name) for name in names if name.isdigit())


def _greatest(ends: Iterable[Positions]) -> Positions:
    greatest: dict[str, dict[int, int]] = {}
    for topic, partitions in (item for end in ends for item in end.items()):
        known = greatest.setdefault(topic, {})
        known.update({number: max(offset, known.get(number, 0)) for number, offset in partitions.items()})
    return greatest


def differences(ends: Positions, starts: Positions) -> dict[str, int]:
    """Return by topic how many messages are between the offsets, for the partitions that both have."""
    counts: dict[str, int] = {}
    for topic, partitions in ends.items():
        start = starts.get(topic, {})
        counts[topic] = sum(max(0, end - start[number]) for number, end in partitions.items() if number in start)
    return counts
