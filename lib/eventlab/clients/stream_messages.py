"""What a streaming query waits for, in one sentence, and times as the kit writes them."""

import re
from datetime import UTC, datetime

from eventlab.clients.stream_state import StreamState

DATA_LOST = re.compile(
    r"Some data may have been lost|KAFKA_DATA_LOSS|UnknownTopicOrPartition|set to 0, some data may"
    r"|Some of partitions in Kafka topic"
)
"""What Spark reports when a topic is gone, ends before the offset of the checkpoint, or begins after it."""


def waiting_for(state: StreamState) -> str:
    """Return what the query does or waits for now, in one sentence."""
    if state.error:
        return f"It has ended with an error: {message_line(state.error)}"
    if not state.is_active:
        return "It has ended: it was stopped, or has read what was there."
    if not state.batches:
        return "It works on its first batch."
    if state.lag:
        return f"It reads: {number_of(state.lag, 'message')} are left."
    if state.last and state.last.ran and state.last.rows and not state.partitions:
        return "It reads and writes."
    topics = ", ".join(repr(topic) for topic in state.topics) or "its source"
    if state.plan.output_mode == "Append" and state.state_rows and state.plan.watermarks:
        wait = "group in its state waits" if state.state_rows == 1 else "groups in its state wait"
        return f"It waits for events of {topics}: {state.state_rows} {wait} until the watermark closes the window."
    return f"It waits for new messages of {topics}."


def lost_messages(state: StreamState) -> str:
    """Return why Kafka does not have the messages with which a failed query continues, as a clause, or ""."""
    continued = {topic: state.reached.get(topic, {}) for topic in state.offsets}
    for topic, partitions in continued.items() if DATA_LOST.search(state.error) else ():
        offsets = state.offsets[topic]
        if offsets is None:
            return f"the topic {topic!r} was deleted, and does not exist any more"
        for number, offset in partitions.items():
            continues = f"and the query continues at offset {offset}"
            if (end := offsets.end.get(number, 0)) < offset:
                what = f"the topic {topic!r} was deleted and created again"
                return f"{what}: partition {number} ends at offset {end}, {continues}"
            if (first := offsets.first.get(number, 0)) > offset:
                what = f"Kafka has deleted the first messages of {topic!r}"
                return f"{what}: partition {number} begins at offset {first}, {continues}"
    return ""


def message_line(error: str) -> str:
    """Return the line of a query's error that says what happened: Python's last one, or else the first."""
    lines = error.removeprefix("(STREAM_FAILED) ").partition("\n=== Streaming Query ===")[0].split("\n")
    is_python = "Traceback (most recent call last)" in lines[0]
    errors = [line for line in lines if line[:1].isalpha() and ": " in line] if is_python else []
    return (errors[-1] if errors else lines[0])[:300]


def clock(time_s: float) -> str:
    """Return a time in the time zone of the kit's sessions: `14:13:20`, with the day if it is not today."""
    time = datetime.fromtimestamp(time_s, UTC)
    is_today = datetime.now(UTC).date() == time.date()
    return f"{time:%H:%M:%S}" if is_today else f"{time:%Y-%m-%d %H:%M:%S}"


def number_of(count: float, noun: str) -> str:
    """Return a number with its noun: `1 row`, `2 rows`, `2.5 seconds`."""
    return f"{count:,.10g} {noun}" + ("" if count == 1 else "s")
