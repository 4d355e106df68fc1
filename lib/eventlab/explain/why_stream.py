"""Explains streams that show nothing (`%why`): one that ended, waits for messages, or waits for the watermark."""

import re
from collections.abc import Iterator
from typing import Any

from eventlab.clients import kafka
from eventlab.explain.explanation import Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.kafka import command_to_send
from eventlab.explain.session import session_of
from eventlab.settings import Settings

GROUPS = "stateStoreSave"
"""The operator of a stream's groups, as its progress names it."""


def stream_waits(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a stream has ended, waits for messages, or keeps windows until the watermark passes.

    Remedy: A line that shows the error or the progress, or the option that the stream lacks.
    """
    for name, query in _queries(cell):
        if error := query.exception():
            return Explanation(
                f"The streaming query {name} has ended with an error.",
                f"its exception is: {str(error).split(chr(10))[0][:200]}",
                f"raise {name}.exception()",
                "To see the error with its explanation, run this",
            )
        progress = query.lastProgress
        if not query.isActive:
            return _ended_stream(cell, name, query, progress)
        if progress is None:
            continue
        rows = sum(item.numInputRows for item in query.recentProgress)
        if rows and _waits_for_watermark(cell, name, progress):
            return _watermark(name, dict(progress.eventTime))
        if not progress.numInputRows:
            if not rows and (explanation := _stream_at_end(cell, name, settings)):
                return explanation
            sources = "; ".join(f"{source.description}: ends at {source.endOffset}" for source in progress.sources)
            topic = next(
                (options["subscribe"] for options in cell.reader_options() if "subscribe" in options), None
            )
            return Explanation(
                f"The streaming query {name} waits for new messages.",
                f"its status is {query.status['message']!r}; in its last batch it read 0 rows; {sources}",
                command_to_send(topic or settings.topic, settings),
                "To send one event, run this",
            )
    return None


def _waits_for_watermark(cell: FailedCell, name: str, progress: Any) -> bool:
    """Return whether the stream shows its groups only when the watermark has passed: in the mode append."""
    mode = re.search(r"\.outputMode\(\s*[\"'](\w+)", cell.assignment_of(name) or "")
    in_append = cell.assignment_of(name) is not None and (mode is None or mode[1] == "append")
    has_groups = any(operator.operatorName == GROUPS for operator in progress.stateOperators)
    return in_append and has_groups and "watermark" in dict(progress.eventTime or {})


def _ended_stream(cell: FailedCell, name: str, query: Any, progress: Any) -> Explanation | None:
    """Explain that a query ended without an error: another query has its checkpoint, or it was stopped."""
    session = session_of(cell)
    others = [other for other in (session.streams.active if session else ()) if other.id == query.id]
    if others:
        return Explanation(
            f"The streaming query {name} was stopped, because another query started with the same checkpoint.",
            f"run {others[0].runId} of the query {query.id} is active; {name} is run {query.runId}",
            f'.option("checkpointLocation", "/tmp/checkpoint_{name}")',
            "Give each query its own checkpointLocation, for example",
        )
    return Explanation(
        f"The streaming query {name} is not running: it was stopped, or has read all that was there.",
        f"{name}.isActive is False, and it has no exception; rows in its last batch: "
        f"{progress.numInputRows if progress else 0}",
        f"{name}.recentProgress",
        "To see what it read, run this; to read new messages, start it again",
    )


def _watermark(name: str, times: dict[str, str]) -> Explanation:
    """Explain that a window appears when the watermark has passed its end."""
    return Explanation(
        f"The streaming query {name} shows a window only when the watermark has passed the window's end.",
        f"the watermark is {times['watermark']}; the newest event is of {times.get('max', 'an earlier batch')}",
        f"{name}.lastProgress.eventTime",
        "Send events with later times, which move the watermark. To see it, run this",
    )


def _stream_at_end(cell: FailedCell, name: str, settings: Settings) -> Explanation | None:
    """Explain that a stream that has read nothing starts at the end of a topic with messages."""
    for options in cell.reader_options():
        topic = options.get("subscribe", "")
        offsets = kafka.topic_offsets(settings.bootstrap_servers, topic) if topic else None
        if options.get("startingOffsets", "latest") == "latest" and offsets and offsets.count:
            return Explanation(
                f"The stream {name} reads only messages that arrive after its start.",
                "its option startingOffsets is 'latest', the default of streams; "
                f"{topic!r} has {offsets.count} messages from before",
                '.option("startingOffsets", "earliest")',
                "To read them too, add this option to the stream's reader and start the query again",
            )
    return None


def _queries(cell: FailedCell) -> Iterator[tuple[str, Any]]:
    """Yield the streaming queries of the cell, and those into the tables that the cell names."""
    for name, value in list(cell.namespace.items()):
        if type(value).__name__ == "StreamingQuery" and not name.startswith("_"):
            table = value.name if value.isActive else None
            if name in cell.variables or (table and re.search(rf"\b{table}\b", cell.source)):
                yield name, value
