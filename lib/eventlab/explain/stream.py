"""Explains errors of streaming queries: a name that is in use, a checkpoint of a topic that was deleted."""

import json
import re

from eventlab.clients import kafka
from eventlab.clients.hdfs import open_hdfs
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.session import session_variable
from eventlab.settings import Settings
from eventlab.stack import filesystem

TIMEOUT_S = 1.5
LAST_BATCHES = 3
NAME_IN_USE = r"Cannot start query with name (\S+) as a query with that name is already active"
DATA_LOST = (
    r"Some data may have been lost",
    r"KAFKA_DATA_LOSS",
    r"UnknownTopicOrPartition",
    r"set to 0, some data may",
)


def name_in_use(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the session already runs a query with that name."""
    match, session = re.search(NAME_IN_USE, cell.text), session_variable(cell)
    if not match or not session:
        return None
    name = match[1]
    running = next((query for query in cell.namespace[session].streams.active if query.name == name), None)
    if running is None:
        return None
    return Explanation(
        f"A streaming query named {name!r} is already running, for example from an earlier run of this cell.",
        f"{session}.streams.active contains it: id {running.id}, {running.status['message']}",
        f"[query.stop() for query in {session}.streams.active if query.name == {name!r}]",
    )


def checkpoint_of_deleted_topic(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the topic was deleted after the stream ran: its end is below the checkpoint's offsets."""
    if not cell.matches(*DATA_LOST) or not cell.matches(r"Streaming Query|checkpointLocation|\[STREAM_FAILED\]"):
        return None
    checkpoint = _sink_option(cell, "checkpointLocation")
    if checkpoint is None or not filesystem.has_webhdfs(checkpoint, settings):
        return None
    for topic, partitions in _checkpoint_offsets(checkpoint, settings).items():
        offsets = kafka.topic_offsets(settings.bootstrap_servers, topic, TIMEOUT_S)
        for partition, offset in partitions.items():
            end = offsets.end.get(int(partition)) if offsets else None
            if end is not None and end >= offset:
                continue
            state = "does not exist" if end is None else f"ends at offset {end}"
            folders = filter(None, [checkpoint, _sink_option(cell, "path")])
            return Explanation(
                f"The stream's checkpoint belongs to an earlier topic {topic!r}, which was deleted.",
                f"{checkpoint} continues at offset {offset} of partition {partition}; the topic {state} now",
                f"!hadoop fs -rm -r -skipTrash {' '.join(folders)}",
                "To fix it, run this (it deletes the stream's output, which the cell writes again), then run the "
                "cell again",
            )
    return None


def _sink_option(cell: FailedCell, option: str) -> str | None:
    """Return an option of the query's sink, as Spark prints it or as the cell sets it."""
    printed = re.search(rf"[\[\s,]{option}=([^,\]\s]+)", cell.text)
    typed = re.search(rf"[\"']{option}[\"'],\s*[\"']([^\"']+)[\"']", cell.source)
    match = printed or typed
    return match[1] if match else None


def _checkpoint_offsets(checkpoint: str, settings: Settings) -> dict[str, dict[str, int]]:
    """Return the greatest offsets of the checkpoint's last batches, by topic and partition.

    The last batch is not enough: Spark writes the new topic's end offset there before it fails.
    """
    folder = f"{filesystem.plain_path(checkpoint)}/offsets"
    batches = sorted((name for name in filesystem.names(folder, settings) if name.isdigit()), key=int)
    greatest: dict[str, dict[str, int]] = {}
    for batch in batches[-LAST_BATCHES:]:
        text = open_hdfs(settings).cat_file(f"{folder}/{batch}").decode()
        for topic, partitions in json.loads(text.splitlines()[-1]).items():
            known = greatest.setdefault(topic, {})
            known.update({number: max(offset, known.get(number, 0)) for number, offset in partitions.items()})
    return greatest


EXPLANATIONS: list[Explain] = [name_in_use, checkpoint_of_deleted_topic]
