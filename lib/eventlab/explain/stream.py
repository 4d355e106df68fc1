"""Failures of streaming queries: a name that is taken, a checkpoint that outlived its topic."""

from __future__ import annotations

import json
import re
from typing import Any

from eventlab.clients.hdfs import open_hdfs
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failure import Failure
from eventlab.explain.kafka import offsets
from eventlab.explain.spark import session_name
from eventlab.stack import filesystem

LAST_BATCHES = 3
LOST = (
    r"Some data may have been lost",
    r"KAFKA_DATA_LOSS",
    r"UnknownTopicOrPartition",
    r"set to 0, some data may",
)


def name_is_taken(failure: Failure, settings: Any) -> Explanation | None:
    """A query of that name runs in the session; Spark lists it."""
    found = re.search(
        r"Cannot start query with name (\S+) as a query with that name is already active", failure.text
    )
    session = session_name(failure)
    if not found or not session:
        return None
    name = found[1]
    running = next((query for query in failure.names[session].streams.active if query.name == name), None)
    if running is None:
        return None
    return Explanation(
        f"A streaming query called {name!r} is running already, from an earlier run of this cell, say.",
        f"{session}.streams.active has it: id {running.id}, {running.status['message']}",
        f"[query.stop() for query in {session}.streams.active if query.name == {name!r}]",
    )


def checkpoint_of_another_topic(failure: Failure, settings: Any) -> Explanation | None:
    """The checkpoint is further than the topic: it was deleted (and made anew) since the stream ran."""
    if not failure.says(*LOST) or not failure.says(r"Streaming Query|checkpointLocation|\[STREAM_FAILED\]"):
        return None
    checkpoint = _said(failure, "checkpointLocation")
    if checkpoint is None or not filesystem.has_webhdfs(checkpoint, settings):
        return None
    for topic, partitions in _noted_offsets(checkpoint, settings).items():
        now = offsets(settings, topic)
        for partition, noted in partitions.items():
            end = now.get(int(partition))
            if end is not None and end >= noted:
                continue
            found = "is not there" if end is None else f"ends at offset {end}"
            output = _said(failure, "path")
            folders = " ".join(each for each in (checkpoint, output) if each)
            return Explanation(
                f"The stream's checkpoint is of an earlier topic {topic!r}, which was deleted since.",
                f"{checkpoint} goes on at offset {noted} of partition {partition}; the topic {found} now",
                f"!hadoop fs -rm -r -skipTrash {folders}",
                "To mend it, run this (what the stream wrote goes too, and is written anew), then the cell again",
            )
    return None


def _said(failure: Failure, option: str) -> str | None:
    """An option of the query's sink, as Spark prints it or as the cell sets it."""
    printed = re.search(rf"[\[\s,]{option}=([^,\]\s]+)", failure.text)
    typed = re.search(rf"[\"']{option}[\"'],\s*[\"']([^\"']+)[\"']", failure.source)
    return printed[1] if printed else typed[1] if typed else None


def _noted_offsets(checkpoint: str, settings: Any) -> dict[str, dict[str, int]]:
    """Topic, partition and the furthest offset of the checkpoint's last batches.

    The newest alone will not do: before it fails, Spark notes the new topic's end there.
    """
    plain = checkpoint.removeprefix(filesystem.scheme_of(checkpoint) or "")
    batches = sorted((name for name in filesystem.names(f"{plain}/offsets") if name.isdigit()), key=int)
    furthest: dict[str, dict[str, int]] = {}
    for batch in batches[-LAST_BATCHES:]:
        text = open_hdfs(settings).cat_file(f"{plain}/offsets/{batch}").decode()
        for topic, partitions in json.loads(text.splitlines()[-1]).items():
            known = furthest.setdefault(topic, {})
            known.update({each: max(noted, known.get(each, 0)) for each, noted in partitions.items()})
    return furthest


EXPLANATIONS: list[Explain] = [name_is_taken, checkpoint_of_another_topic]
