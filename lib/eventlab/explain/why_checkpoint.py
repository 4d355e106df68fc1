"""Explains a streaming query of any program from its checkpoint (`eventlab why /tmp/checkpoint`)."""

from collections.abc import Mapping
from pathlib import Path

from eventlab.clients import kafka
from eventlab.clients.kafka import Offsets
from eventlab.clients.stream_checkpoint import Checkpoint, differences
from eventlab.clients.stream_messages import clock, number_of
from eventlab.explain.checkpoints import checkpoint_in
from eventlab.explain.explanation import Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.kafka import command_to_send
from eventlab.explain.shell_words import commands
from eventlab.settings import Settings
from eventlab.stack import filesystem

LOG = "!eventlab logs spark"
MAX_NAMES = 8
TopicOffsets = Mapping[str, Offsets | None]
"""The offsets of the checkpoint's topics; None for one that does not exist."""


def checkpoint_of_command(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain what a streaming query waits for, if a command names its checkpoint.

    Remedy: A command that sends an event, shows the log of Spark, or deletes the checkpoint.
    """
    for command in commands(cell):
        for word in command:
            checkpoint = checkpoint_in(word, settings) if word.startswith(("/", "hdfs://")) else None
            if checkpoint:
                topics = set(checkpoint.next) | set(checkpoint.first)
                offsets = {topic: kafka.topic_offsets(settings.bootstrap_servers, topic) for topic in topics}
                return explain_checkpoint(word, checkpoint, offsets, settings)
        if len(command) == 1 and command[0].startswith("/") and not Path(command[0]).is_file():
            return _no_checkpoint(command[0], settings)
    return None


def _no_checkpoint(folder: str, settings: Settings) -> Explanation | None:
    """Explain that a folder on HDFS is not a checkpoint, or does not exist."""
    if not filesystem.has_webhdfs(folder, settings):
        return None
    what = f"There is no folder {folder} on HDFS."
    proof = "a checkpoint is the folder of the option checkpointLocation"
    if filesystem.exists(folder, settings):
        what = f"The folder {folder} is not the checkpoint of a streaming query."
        names = filesystem.names(folder, settings)[:MAX_NAMES]
        proof = f"{proof}; this one contains: {', '.join(names) or 'nothing'}"
    parent = folder.rstrip("/").rpartition("/")[0] or "/"
    return Explanation(what, proof, f"!hadoop fs -ls {parent}", "To see what is next to it, run this")


def explain_checkpoint(
    folder: str, checkpoint: Checkpoint, offsets: TopicOffsets, settings: Settings
) -> Explanation:
    """Return what a checkpoint and the offsets of its topics say about the query."""
    found = (reason(folder, checkpoint, offsets) for reason in REASONS)
    return next(filter(None, found), None) or _has_read_all(folder, checkpoint, settings)


def _no_batch(folder: str, checkpoint: Checkpoint, offsets: TopicOffsets) -> Explanation | None:
    if checkpoint.planned is not None:
        return None
    what = f"The query of the checkpoint {folder} has not planned its first batch."
    return Explanation(what, f"{folder}/offsets has no file", LOG, "To see Spark's log, run this")


def _other_source(folder: str, checkpoint: Checkpoint, offsets: TopicOffsets) -> Explanation | None:
    if offsets:
        return None
    return Explanation(
        f"The query of the checkpoint {folder} does not read from Kafka, so its offsets say nothing.",
        f"{_planned(checkpoint)}, and has no topic",
        LOG,
        "To see Spark's log, run this",
    )


def _other_topic(folder: str, checkpoint: Checkpoint, offsets: TopicOffsets) -> Explanation | None:
    """Say that a topic does not exist, or that it was created again: it ends before the checkpoint does."""
    for topic, partitions in checkpoint.reached.items():
        found = offsets[topic]
        ends = found.end if found else {}
        if found and all(ends.get(number, 0) >= offset for number, offset in partitions.items()):
            continue
        what = f"The checkpoint {folder} belongs to the topic {topic!r}, which does not exist."
        if found:
            what = f"The checkpoint {folder} belongs to an earlier topic {topic!r}, which was deleted."
        proof = f"the query has read up to the offsets {partitions}" + (
            f", and {topic!r} ends at {ends} now" if found else ""
        )
        return Explanation(
            what,
            f"{_planned(checkpoint)}; {proof}",
            f"!hadoop fs -rm -r -skipTrash {folder}",
            "A query with another topic needs another checkpoint. To start again at the beginning, run this, and "
            "delete the folder that the query writes, too",
        )
    return None


def _not_completed(folder: str, checkpoint: Checkpoint, offsets: TopicOffsets) -> Explanation | None:
    if checkpoint.completed == checkpoint.planned:
        return None
    completed = "none" if checkpoint.completed is None else checkpoint.completed
    return Explanation(
        f"The query of the checkpoint {folder} has not completed batch {checkpoint.planned}: it works on it, "
        "has failed in it, or was stopped in it.",
        f"{_planned(checkpoint)} and ends at the offsets {checkpoint.next}; the last completed batch is "
        f"{completed}. It begins with this batch again",
        LOG,
        "To see whether it failed, look at the program that runs it, and at Spark's log",
    )


def _is_behind(folder: str, checkpoint: Checkpoint, offsets: TopicOffsets) -> Explanation | None:
    ends = {topic: found.end for topic, found in offsets.items() if found}
    topic, left = _most(differences(ends, checkpoint.next))
    if not left:
        return None
    return Explanation(
        f"The query of the checkpoint {folder} has {number_of(left, 'message')} of {topic!r} to read: it is not "
        "running, or it is slow.",
        f"{_planned(checkpoint)} and completed; it ends at the offsets {checkpoint.next[topic]}, and {topic!r} at "
        f"{ends[topic]}{_watermark(checkpoint)}",
        "!eventlab status",
        "Start its program again. To see whether Spark runs, run this",
    )


def _began_at_end(folder: str, checkpoint: Checkpoint, offsets: TopicOffsets) -> Explanation | None:
    firsts = {topic: found.first for topic, found in offsets.items() if found}
    topic, skipped = _most(differences(checkpoint.first, firsts))
    if not skipped or checkpoint.first != checkpoint.next:
        return None
    return Explanation(
        f"The query of the checkpoint {folder} reads only messages that arrived after its first start.",
        f"it began at the offsets {checkpoint.first[topic]}, and {topic!r} has {number_of(skipped, 'message')}"
        " from before; its startingOffsets was 'latest', the default of streams",
        f"!hadoop fs -rm -r -skipTrash {folder}",
        "To read them too, delete the checkpoint with this, and start the query again with startingOffsets "
        "'earliest'",
    )


def _has_read_all(folder: str, checkpoint: Checkpoint, settings: Settings) -> Explanation:
    topics = list(checkpoint.next or checkpoint.first)
    return Explanation(
        f"The query of the checkpoint {folder} has read all messages of {', '.join(map(repr, topics))} and waits "
        "for new ones.",
        f"{_planned(checkpoint)} and completed; it ends at the offsets "
        f"{', '.join(str(checkpoint.next.get(topic, {})) for topic in topics)}, the ends of the "
        f"{'topic' if len(topics) == 1 else 'topics'}{_watermark(checkpoint)}",
        command_to_send(topics[0], settings),
        "To send one event, run this",
    )


def _planned(checkpoint: Checkpoint) -> str:
    return f"batch {checkpoint.planned} was planned at {clock(checkpoint.planned_s)}"


def _watermark(checkpoint: Checkpoint) -> str:
    return f"; the watermark is {clock(checkpoint.watermark_s)}" if checkpoint.watermark_s else ""


def _most(counts: Mapping[str, int]) -> tuple[str, int]:
    """Return the topic with the greatest number, and this number; 0 without a topic."""
    return max(counts.items(), key=lambda item: item[1], default=("", 0))


REASONS = (_no_batch, _other_source, _other_topic, _not_completed, _is_behind, _began_at_end)
"""Each returns an explanation, or None when it is not the reason; the first one counts."""
