"""Explains topics that Kafka created by itself, because a client wrote to or read a topic that did not exist."""

import re
import time
from collections.abc import Iterator

from eventlab.clients import kafka
from eventlab.explain.explanation import Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.shell_words import commands, option
from eventlab.settings import Settings
from eventlab.stack import config, process

WITHIN_S = 60
"""The broker writes the topic's files within this time after the line in its log."""


def new_topic(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a message went to a topic that did not exist, while one of a similar name does.

    Remedy: The line with the other topic.
    """
    for topic in _written_topics(cell):
        created = created_by_kafka(topic, settings)
        if created is None:
            continue
        existing = kafka.list_topics(settings.bootstrap_servers)
        for similar in close_matches(topic, existing):
            if created_by_kafka(similar, settings) is None:
                what = f"There was no topic {topic!r}, so Kafka created it at {created}. Did you mean {similar!r}?"
                proof = f"the broker's log says at {created}: auto-creation request for {topic}; topics: "
                proof += f"{', '.join(existing)}"
                if explanation := correction(cell, topic, similar, what, proof):
                    return explanation
    return None


def created_by_kafka(topic: str, settings: Settings) -> str | None:
    """Return the time at which the stack's broker created a topic by itself, as its log says, or None."""
    created = creation_time(topic, settings)
    if created is None:
        return None
    log = process.log_file(settings, "kafka")
    topics = rf"Set\([^)]*\b{re.escape(topic)}\b[^)]*\)"
    pattern = rf"^(\S+ \d\d:\d\d:\d\d)\S* INFO Sent auto-creation request for {topics}"
    for path in (log, log.with_name(f"{log.name}.1")):
        text = path.read_text(errors="replace") if path.exists() else ""
        for match in reversed(list(re.finditer(pattern, text, re.MULTILINE))):
            logged = time.mktime(time.strptime(match[1], "%Y-%m-%d %H:%M:%S"))
            if abs(created - logged) <= WITHIN_S:  # and not deleted and created again since then
                return match[1].partition(" ")[2]
    return None


def creation_time(topic: str, settings: Settings) -> float | None:
    """Return when the stack's broker created a topic, in seconds since 1970, as the topic's log folder has it."""
    metadata = config.data_dir(settings) / "kafka" / f"{topic}-0" / "partition.metadata"
    return None if settings.external_bootstrap_servers or not metadata.exists() else metadata.stat().st_mtime


def _written_topics(cell: FailedCell) -> Iterator[str]:
    """Yield the topics to which the cell writes, with a command or with a producer."""
    for command in commands(cell):
        writes = "-P" in command or command[0].startswith("kafka-console-producer")
        topic = option(command, "-t", "--topic") if writes else None
        if topic and not re.search(r"[{}$]", topic):
            yield topic
    for call in cell.calls("send", "produce"):
        yield from filter(None, map(cell.text_of, call.args[:1]))
