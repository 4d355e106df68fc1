"""Explains a streaming query of any program from its checkpoint (`eventlab why /tmp/checkpoint`)."""

from collections.abc import Sequence

from eventlab.clients import kafka
from eventlab.clients.kafka import Offsets
from eventlab.clients.stream_checkpoint import Checkpoint, differences
from eventlab.clients.stream_words import clock, number_of
from eventlab.explain.checkpoints import checkpoint_in
from eventlab.explain.explanation import Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.kafka import command_to_send
from eventlab.explain.shell_words import commands
from eventlab.settings import Settings


def checkpoint_without_news(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain why a streaming query shows nothing, from its checkpoint, which a command names.

    Remedy: A command that sends an event, shows the log of Spark, or deletes the checkpoint.
    """
    for command in commands(cell):
        for word in command:
            checkpoint = checkpoint_in(word, settings) if word.startswith(("/", "hdfs://")) else None
            if checkpoint:
                topics = set(checkpoint.next) | set(checkpoint.first)
                offsets = {topic: kafka.topic_offsets(settings.bootstrap_servers, topic) for topic in topics}
                return explain_checkpoint(word, checkpoint, offsets, settings)
    return None


def explain_checkpoint(
    folder: str, checkpoint: Checkpoint, offsets: dict[str, Offsets | None], settings: Settings
) -> Explanation:
    """Return what a checkpoint and the offsets of its topics say about the query."""
    missing = [name for name, found in offsets.items() if found is None]
    if unfinished := _unfinished(folder, checkpoint, missing):
        return unfinished
    planned = _planned(checkpoint)
    topic = next(iter(checkpoint.next), next(iter(checkpoint.first), settings.topic))
    ends = {name: found.end for name, found in offsets.items() if found}
    firsts = {name: found.first for name, found in offsets.items() if found}
    watermark = f"; the watermark is {clock(checkpoint.watermark_s)}" if checkpoint.watermark_s else ""
    if left := differences(ends, checkpoint.next).get(topic):
        return Explanation(
            f"The query of the checkpoint {folder} has {number_of(left, 'message')} of {topic!r} to read: it is "
            "not running, or it is slow.",
            f"{planned} and completed; it ends at the offsets {checkpoint.next[topic]}, and {topic!r} at "
            f"{ends[topic]}{watermark}",
            "!eventlab status",
            "Start its program again. To see whether Spark runs, run this",
        )
    skipped = differences(checkpoint.first, firsts).get(topic)
    if skipped and checkpoint.first == checkpoint.next:
        return Explanation(
            f"The query of the checkpoint {folder} reads only messages that arrived after its first start.",
            f"it began at the offsets {checkpoint.first[topic]}, and {topic!r} has {number_of(skipped, 'message')}"
            " from before; its startingOffsets was 'latest', the default of streams",
            _delete(folder),
            "To read them too, delete the checkpoint with this, and start the query again with startingOffsets "
            "'earliest'",
        )
    return Explanation(
        f"The query of the checkpoint {folder} has read all messages of {topic!r} and waits for new ones.",
        f"{planned} and completed; it ends at the offsets {checkpoint.next.get(topic, {})}, the ends of the topic"
        f"{watermark}",
        command_to_send(topic, settings),
        "To send one event, run this",
    )


def _unfinished(folder: str, checkpoint: Checkpoint, missing: Sequence[str]) -> Explanation | None:
    """Explain a checkpoint without a batch, of a topic that is missing, or whose last batch has not ended."""
    if checkpoint.planned is None:
        what = f"The query of the checkpoint {folder} has not planned its first batch."
        return Explanation(
            what, f"{folder}/offsets has no file", "!eventlab logs spark", "To see Spark's log, run this"
        )
    if missing:
        return Explanation(
            f"The checkpoint {folder} belongs to the topic {missing[0]!r}, which does not exist.",
            f"{_planned(checkpoint)}; it ends at the offsets {checkpoint.next}",
            _delete(folder),
            "A query with another topic needs another checkpoint. To start again at the beginning, run this",
        )
    if checkpoint.completed == checkpoint.planned:
        return None
    return Explanation(
        f"The query of the checkpoint {folder} has not completed batch {checkpoint.planned}: it works on it, "
        "has failed in it, or was stopped in it.",
        f"{_planned(checkpoint)} and ends at the offsets {checkpoint.next}; the last completed batch is "
        f"{'none' if checkpoint.completed is None else checkpoint.completed}. It begins with this batch again",
        "!eventlab logs spark",
        "To see whether it failed, look at the program that runs it, and at Spark's log",
    )


def _planned(checkpoint: Checkpoint) -> str:
    return f"batch {checkpoint.planned} was planned at {clock(checkpoint.planned_s)}"


def _delete(folder: str) -> str:
    return f"!hadoop fs -rm -r -skipTrash {folder}"
