"""Explains running streaming queries that show nothing (`%why`), from what Spark reports about their batches."""

import re
from collections.abc import Callable
from typing import Any

from eventlab.clients.stream_messages import number_of
from eventlab.clients.stream_state import Positions, merged
from eventlab.explain.explanation import Explanation
from eventlab.explain.failed_cell import close_matches
from eventlab.explain.kafka import command_to_send
from eventlab.explain.query_program import frames_of, statement_with, table_before_filters
from eventlab.explain.silent_query import SilentQuery
from eventlab.explain.why_filter import has_row, nearest_values
from eventlab.explain.why_watermark import dropped_as_late, idle_source, waits_for_watermark

ExplainQuery = Callable[[SilentQuery], Explanation | None]
START_AGAIN = "To fix it, stop the query, write this statement instead, and run the cells from there on again"
EQUALITY = re.compile(r"\(*(\w+) = ([^()]+?)\)*$")


def first_batch(silent: SilentQuery) -> Explanation | None:
    """Explain that the query has not finished its first batch.

    Remedy: A line that shows the query's status.
    """
    state = silent.state
    if state.batches:
        return None
    return Explanation(
        f"The streaming query {silent.name} has not finished its first batch.",
        f"its status is {state.message!r}, and it has reported no progress",
        f"{silent.name}.status",
        "Wait some seconds and run %why again. To see what it does now, run this",
    )


def starts_at_latest(silent: SilentQuery) -> Explanation | None:
    """Explain that the query started after messages that the topic has: at its end, or at other offsets.

    Remedy: The option `startingOffsets`.
    """
    state, begun = silent.state, _first_offsets(silent)
    skipped = [item for item in state.partitions if begun.get(item.topic, {}).get(item.number, 0) > item.first]
    if state.rows or not skipped:
        return None
    item, count = skipped[0], sum(begun[item.topic][item.number] - item.first for item in skipped)
    given = {options.get("startingOffsets", "latest") for options in silent.cell.reader_options()}
    option = "is 'latest', the default of streams" if given <= {"latest"} else f"is {', '.join(sorted(given))}"
    return Explanation(
        f"The stream {silent.name} reads only messages that arrive after its start.",
        f"its option startingOffsets {option}: its first batch began at offset {begun[item.topic][item.number]} "
        f"of partition {item.number} of {item.topic!r}, which begins at {item.first}; {item.topic!r} has "
        f"{number_of(count, 'message')} from before",
        '.option("startingOffsets", "earliest")',
        "To read them too, add this option to the stream's reader and start the query again (if it has a "
        "checkpoint, with a new one)",
    )


def _first_offsets(silent: SilentQuery) -> Positions:
    """Return the offsets at which a query began that has read nothing, or none when they are not known."""
    first = silent.state.batches[0]
    if first.number == 0:
        return merged(source.end for source in first.sources)
    checkpoint = silent.read_checkpoint(silent.checkpoint_folder)  # the report of its first batch is too old
    return checkpoint.first if checkpoint and checkpoint.first == checkpoint.next else {}


def empty_topic(silent: SilentQuery) -> Explanation | None:
    """Explain that the query has read no row, because its topic is empty.

    Remedy: A command that sends an event.
    """
    state = silent.state
    empty = [topic for topic, offsets in state.offsets.items() if offsets and not offsets.count]
    if state.rows or not empty:
        return None
    return Explanation(
        f"The topic {empty[0]!r} is empty. The streaming query {silent.name} waits for its first message.",
        f"in every partition of {empty[0]!r}, first and end offset are equal; the query's status is "
        f"{state.message!r}",
        command_to_send(empty[0], silent.settings),
        "To send one event, run this",
    )


def console(silent: SilentQuery) -> Explanation | None:
    """Explain that the query writes to the console of Spark's server.

    Remedy: The log of Spark, or the memory sink.
    """
    state = silent.state
    if "ConsoleTable" not in state.sink or not state.written:
        return None
    log = silent.settings.state_dir / "logs" / "spark.log"
    return Explanation(
        f"The streaming query {silent.name} writes to the console of Spark's server, not to this notebook.",
        f"its sink is the console; it wrote {number_of(state.written, 'row')}, which are in {log}",
        "!eventlab logs spark",
        'To see them, run this. To see them in the notebook, use .format("memory").queryName("shown") and '
        'spark.table("shown")',
    )


def function_in_server(silent: SilentQuery) -> Explanation | None:
    """Explain that the query's function prints where it runs: in Spark's server.

    Remedy: The log of Spark.
    """
    state, log = silent.state, silent.settings.state_dir / "logs" / "spark.log"
    if not state.sink.startswith("Foreach") or not state.rows or not silent.settings.is_spark_connect:
        return None
    if not re.search(r"\b(print|show|display)\(", silent.cell.program):
        return None
    return Explanation(
        f"The function of {silent.name} runs in Spark's server. What it prints is in the server's log, not here.",
        f"its sink is {state.sink}, and it has read {number_of(state.rows, 'row')}; the server's log is {log}",
        "!eventlab logs spark",
        "To see what it printed, run this. To use its rows in the notebook, let it write them to a table",
    )


def filter_keeps_nothing(silent: SilentQuery) -> Explanation | None:
    """Explain that the filters of the query keep no row. Name the nearest value that a row has.

    Remedy: The statement with the nearest value.
    """
    state = silent.state
    if not state.rows or not state.plan.filters or state.written or state.state_rows:
        return None
    condition, read = " and ".join(state.plan.filters), f"it read {number_of(state.rows, 'row')}"
    for column, value in (match.groups() for text in state.plan.filters if (match := EQUALITY.match(text))):
        values = next(filter(None, (_values(frame, column, value) for _, frame in frames_of(silent.cell))), [])
        statement = statement_with(silent.cell.source, value)
        if values and statement:
            similar = next(iter(close_matches(value, values)), values[0])
            return Explanation(
                f"No row has {column} = {value!r}, so the filter of {silent.name} keeps nothing. "
                f"Did you mean {similar!r}?",
                f"{read} and kept none; the values of {column} are: {', '.join(map(repr, sorted(values[:10])))}",
                statement.replace(value, similar),
                START_AGAIN,
            )
    if state.written is None:
        return None  # files and foreachBatch do not report whether they got rows
    return Explanation(
        f"The filter of {silent.name} keeps no row: {condition}.",
        f"{read} and wrote 0",
        f"!kafkacat -C -t {silent.topic} -o beginning -c 3 -e",
        "To compare it with the first messages, run this",
    )


def _values(frame: Any, column: str, value: str) -> list[str]:
    """Return the nearest values of a stream's column, or none if a row has the value."""
    rows = table_before_filters(frame)
    if column not in rows.columns or has_row(rows, column, value):
        return []
    return nearest_values(rows, column, value)


def still_reading(silent: SilentQuery) -> Explanation | None:
    """Explain that the query still has messages to read.

    Remedy: A line that shows the progress.
    """
    state = silent.state
    if not state.lag or state.last is None:
        return None
    behind = "; ".join(
        f"partition {item.number} of {item.topic!r}: at offset {item.next} of {item.end}"
        for item in state.partitions
        if item.lag
    )
    return Explanation(
        f"The streaming query {silent.name} is still reading: {number_of(state.lag, 'message')} are left.",
        f"{behind}; its last batch took {state.last.duration_ms / 1000:g} s; its status is {state.message!r}",
        f"{silent.name}.lastProgress",
        "Wait, then run %why again. To see its progress, run this",
    )


def writes_rows(silent: SilentQuery) -> Explanation | None:
    """Explain that the query is not silent: its last batch wrote rows.

    Remedy: A line that shows the sink.
    """
    state, last = silent.state, silent.state.last
    if last is None or not last.rows or not last.written:
        return None
    return Explanation(
        f"The streaming query {silent.name} is not silent: its last batch wrote {number_of(last.written, 'row')}.",
        f"batch {last.number} read {number_of(last.rows, 'row')}; its sink is {state.sink}",
        f"{silent.name}.lastProgress.sink",
        "Look at the sink. To see what Spark reports about it, run this",
    )


def no_new_offsets(silent: SilentQuery) -> Explanation | None:
    """Explain that the query has read all messages and waits for new ones.

    Remedy: A command that sends an event.
    """
    state = silent.state
    ends = "; ".join(f"partition {item.number} of {item.topic!r} ends at {item.end}" for item in state.partitions)
    if not ends:
        ends = "its sources are " + ", ".join(source.description for source in state.batches[-1].sources)
    wrote = "" if state.written is None else f" and wrote {state.written:,}"
    return Explanation(
        f"The streaming query {silent.name} waits for new messages.",
        f"it has read all, {number_of(state.rows, 'row')}{wrote}: {ends}; its status is {state.message!r}",
        command_to_send(silent.topic, silent.settings),
        "To send one event, run this",
    )


REASONS: list[ExplainQuery] = [
    first_batch,
    starts_at_latest,
    empty_topic,
    console,
    function_in_server,
    dropped_as_late,
    idle_source,
    waits_for_watermark,
    filter_keeps_nothing,
]
STATES: list[ExplainQuery] = [still_reading, writes_rows, no_new_offsets]
"""What a query does that has no other reason to show nothing."""
