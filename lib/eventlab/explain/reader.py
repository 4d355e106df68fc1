"""Explains options of Spark's Kafka source: one that is missing or misspelt, an offset that it does not know."""

import re

from eventlab.explain.edits import python_correction, source_of
from eventlab.explain.explanation import REPLACE_LINE, Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.json_values import json_module
from eventlab.explain.options import options_in, programs
from eventlab.settings import Settings

SERVERS, SUBSCRIBE = "kafka.bootstrap.servers", "subscribe"
REQUIRED = {
    SERVERS: r"Option 'kafka\.bootstrap\.servers' must be specified",
    SUBSCRIBE: r"One of the following options must be specified for Kafka source: subscribe",
}
OTHER_NAMES = {"bootstrap.servers": SERVERS, "bootstrap_servers": SERVERS, "topic": SUBSCRIBE, "topics": SUBSCRIBE}
"""Options of other clients, and of Spark's Kafka sink, that mean the same."""
OFFSETS = {"beginning": "earliest", "start": "earliest", "first": "earliest", "end": "latest", "last": "latest"}
"""Words of kafkacat and others, with Spark's words."""


def option_of_kafka(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that an option which Spark's Kafka source needs is misspelt or missing.

    Remedy: The line with the option.
    """
    missing = next((name for name, message in REQUIRED.items() if cell.matches(message)), None)
    if missing is None:
        return None
    proof = f"Spark reports that {missing} must be specified"
    for used in dict.fromkeys(name for tree, _ in programs(cell) for name, _ in options_in(tree)):
        if OTHER_NAMES.get(used) == missing or close_matches(used, [missing]):
            what = f"Spark's Kafka source has no option {used!r}. Did you mean {missing!r}?"
            if explanation := correction(cell, used, missing, what, proof):
                return explanation
            instruction = f"To fix it, write this in the function of this notebook that has {used!r}"
            return Explanation(what, proof, f'"{missing}"', instruction)
    variable, own = ("broker", settings.bootstrap_servers) if missing == SERVERS else ("topic", settings.topic)
    value = variable if variable in cell.namespace else repr(own)
    read = r"""(\.format\(["']kafka["']\))"""
    added = re.sub(read, rf'\1.option("{missing}", {value})', cell.only_line(read))
    what = f"Spark's Kafka source needs the option {missing!r}."
    return Explanation(what, proof, added, REPLACE_LINE) if added else None


def offset_of_kafka(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `startingOffsets` has a value that Spark does not know: `beginning` is kafkacat's.

    Remedy: The line with `earliest` or `latest`.
    """
    match = re.search(r'Expected e\.g\. \{"topicA":.*, got (\w+)', cell.text)
    if not match:
        return None
    given = match[1]
    similar = OFFSETS.get(given.lower()) or next(iter(close_matches(given, OFFSETS.values())), None)
    if similar is None:
        return None
    what = f"Spark's Kafka source does not know the offset {given!r}. Did you mean {similar!r}?"
    proof = f"it takes earliest, latest, or the offsets of partitions as JSON, and got {given}"
    return correction(cell, given, similar, what, proof)


def offset_without_topic(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `startingOffsets` is no number: it names the topic and the partition, as JSON.

    Remedy: The line with JSON.
    """
    number = re.search(r'Expected e\.g\. \{"topicA":.*, got (\d+)', cell.text)
    beyond = re.search(
        r"start offset (\d+) is greater than the resolved end offset (\d+) for topic (\S+) partition (\d+)",
        cell.text,
    )
    options = dict(options_in(cell.tree))
    offset, topic = options.get("startingOffsets"), options.get(SUBSCRIBE)
    if offset is not None and beyond:
        what = f"The topic {beyond[3]!r} ends at offset {beyond[2]}, and the reader begins at offset {beyond[1]}."
        proof = f"Spark reports the end offset {beyond[2]} for partition {beyond[4]}"
        return python_correction(cell, offset, '"earliest"', what, proof)
    if offset is not None and topic is not None and number:
        what = "startingOffsets is not a number. It names the topic, the partition and the offset, as JSON."
        code = f"{json_module(cell)}.dumps({{{source_of(cell, topic)}: {{'0': {source_of(cell, offset)}}}}})"
        return python_correction(cell, offset, code, what, f"Spark reports: got {number[1]}")
    return None


EXPLANATIONS: list[Explain] = [option_of_kafka, offset_of_kafka, offset_without_topic]
