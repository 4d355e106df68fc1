"""Explains streaming queries that have ended (`%why`): an error, another query, or nothing left to read."""

import itertools

from eventlab.clients.stream_messages import clock, lost_messages, message_line, number_of
from eventlab.explain import registry, stream, stream_service
from eventlab.explain.explanation import Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.query_program import runs_once
from eventlab.explain.session import session_of
from eventlab.explain.silent_query import SilentQuery
from eventlab.explain.why_query import ExplainQuery

MAX_MESSAGES = 1000
"""Messages of a batch that failed in which the value of the error is searched."""


def checkpoint_of_other_topic(silent: SilentQuery) -> Explanation | None:
    """Explain that the checkpoint has the offsets of a topic that the query does not read.

    Remedy: Another checkpoint.
    """
    state = silent.state
    if not state.error or state.failed_range is None:
        return None
    before, now = state.failed_range
    others = sorted(set(before) - set(now))
    if not others or not any(state.offsets.get(topic) for topic in now):
        return None
    checkpoint = silent.checkpoint_folder or "its folder"
    return _with_own_checkpoint(
        silent,
        f"The checkpoint of {silent.name} belongs to another topic: {', '.join(map(repr, others))}. The query "
        f"reads {', '.join(map(repr, now))}.",
        f"the checkpoint {checkpoint} ends at {_text(before)}; Spark's error is: {message_line(state.error)}",
    )


def known_error(silent: SilentQuery) -> Explanation | None:
    """Explain that the query ended with an error for which a failed cell has a box.

    Remedy: The one in the box of the failed cell.
    """
    error = silent.query.exception()
    if error is None:
        return None
    cell = FailedCell(error, silent.cell.source, silent.cell.namespace)
    known = [*stream.EXPLANATIONS, *stream_service.EXPLANATIONS]
    return registry.first_confirmed(known, cell, silent.settings)


def topic_was_deleted(silent: SilentQuery) -> Explanation | None:
    """Explain that the query ended because its topic was deleted, or does not have its messages any more.

    Remedy: The statement that starts the query, or a command that creates the topic.
    """
    state, why = silent.state, lost_messages(silent.state)
    if not why:
        return None
    topic = next((topic for topic, offsets in state.offsets.items() if offsets is None), "")
    remedy, instruction = silent.cell.assignment_of(silent.name) or "", "To read what is there now, start it again"
    if topic:
        remedy = f"!kafka-topics --create --topic {topic}"
        instruction = "To create the topic again, without its messages, run this, then start the query again"
    if silent.checkpoint_folder and "checkpointLocation" in silent.cell.source:
        instruction += ", with another checkpointLocation and another folder for its output"
    return Explanation(
        f"The streaming query {silent.name} has ended, because {why}.",
        f"its exception is: {message_line(state.error)}",
        remedy,
        instruction,
    )


def failed(silent: SilentQuery) -> Explanation | None:
    """Explain that the query failed in a batch. Name the message at which it failed.

    Remedy: A command that shows the message.
    """
    state = silent.state
    if not state.error:
        return None
    proof = f"its exception is: {message_line(state.error)}"
    remedy, instruction = f"raise {silent.name}.exception()", "To see the error with its explanation, run this"
    if state.failed_range:
        before, now = state.failed_range
        proof += f"; the batch began at {_text(before) or 'its start'} and ended at {_text(now)}"
        if found := message_of(silent):
            topic, partition, offset, value = found
            proof += f"; offset {offset} of partition {partition} of {topic!r} has the value of the error: {value}"
            remedy = f"!kafkacat -C -t {topic} -p {partition} -o {offset} -c 1"
            instruction = "To see the message, run this. The query fails again until it accepts such a message"
    what = f"The streaming query {silent.name} has ended with an error, in {_failed_batch(silent)}."
    return Explanation(what, proof, remedy, instruction)


def _failed_batch(silent: SilentQuery) -> str:
    """Return the batch in which a query failed: the one after its last report, or the first one of a new query."""
    state = silent.state
    if ran := [batch.number for batch in state.batches if batch.ran]:
        return f"batch {ran[-1] + 1}"
    return "its first batch after the start" if state.failed_range and state.failed_range[0] else "batch 0"


def message_of(silent: SilentQuery) -> tuple[str, int, int, str] | None:
    """Return topic, partition, offset and value of the batch's only message that is in the error, or None."""
    before, now = silent.state.failed_range or ({}, {})
    found = []
    for topic, ends in now.items():
        start = {number: before.get(topic, {}).get(number, 0) for number in ends}
        for record in itertools.islice(silent.read(topic, start), MAX_MESSAGES):
            value = (record.value or b"").decode(errors="replace")
            if record.offset < ends.get(record.partition, 0) and _is_in(value, silent.state.error):
                found.append((topic, record.partition, record.offset, value[:80]))
    return found[0] if len(found) == 1 else None


def _is_in(value: str, error: str) -> bool:
    """Return whether the error names a value, in quotes."""
    return bool(value) and any(f"{quote}{value}{quote}" in error for quote in "'\"")


def other_query_has_checkpoint(silent: SilentQuery) -> Explanation | None:
    """Explain that another query started with the same checkpoint, which stopped this one.

    Remedy: Another checkpoint.
    """
    session = session_of(silent.cell)
    others = [other for other in (session.streams.active if session else ()) if other.id == silent.state.id]
    if not others:
        return None
    return _with_own_checkpoint(
        silent,
        f"The streaming query {silent.name} was stopped, because another query started with the same checkpoint.",
        f"run {others[0].runId} of the query {silent.state.id} is active; {silent.name} is run "
        f"{silent.state.run_id}",
    )


def continued_by_another_session(silent: SilentQuery) -> Explanation | None:
    """Explain that a query of another session or program continued the checkpoint, which stopped this one.

    Remedy: Another checkpoint.
    """
    state = silent.state
    checkpoint = silent.read_checkpoint(silent.checkpoint_folder)
    last = max((batch.number for batch in state.batches if batch.ran), default=-1)
    if checkpoint is None or checkpoint.completed is None or checkpoint.completed <= last:
        return None  # a batch that is planned and not completed may be this query's own
    return _with_own_checkpoint(
        silent,
        f"The streaming query {silent.name} was stopped, because a query of another session or program started "
        "with the same checkpoint.",
        f"{silent.checkpoint_folder} has batch {checkpoint.planned}, planned at {clock(checkpoint.planned_s)}; "
        f"the last batch of {silent.name} is {'none' if last < 0 else last}",
    )


def _with_own_checkpoint(silent: SilentQuery, what: str, proof: str) -> Explanation:
    """Explain with a checkpoint that only this query has."""
    option = f'.option("checkpointLocation", "/tmp/checkpoint_{silent.name}")'
    instruction = "Give each query its own checkpointLocation, for example this, and start the query again"
    return Explanation(what, proof, option, instruction)


def has_read_all(silent: SilentQuery) -> Explanation | None:
    """Explain that the query's trigger is `availableNow` or `once`: it ended after the messages that it found.

    Remedy: A trigger that waits.
    """
    state = silent.state
    if not runs_once(silent.cell.source):
        return None
    wrote = "" if state.written is None else f" and wrote {state.written:,}"
    left = f"; {number_of(state.lag, 'message')} came after that" if state.lag else ""
    return Explanation(
        f"The streaming query {silent.name} has ended: with the trigger availableNow, it reads what is there and "
        "stops.",
        f"it is not active and has no exception; it read {number_of(state.rows, 'row')}{wrote}{left}",
        '.trigger(processingTime="1 second")',
        "To let it wait for new messages, start it with this trigger instead",
    )


def was_stopped(silent: SilentQuery) -> Explanation | None:
    """Explain that the query was stopped, or ended in another way without an error.

    Remedy: A line that shows what it read.
    """
    state = silent.state
    if state.error:
        return None
    how = "it was stopped" if ".start(" in silent.cell.source else "it was stopped, or has read all that was there"
    return Explanation(
        f"The streaming query {silent.name} is not running: {how}.",
        f"{silent.name}.isActive is False, and it has no exception; it read {number_of(state.rows, 'row')} before",
        f"{silent.name}.recentProgress",
        "To see what it read, run this; to read new messages, start it again",
    )


def _text(positions: object) -> str:
    """Return offsets as a string: `offset 2 of partition 0 of 'events'`."""
    items = positions.items() if hasattr(positions, "items") else ()
    return ", ".join(f"offset {at} of partition {n} of {topic!r}" for topic, of in items for n, at in of.items())


REASONS: list[ExplainQuery] = [
    checkpoint_of_other_topic,
    known_error,
    topic_was_deleted,
    failed,
    other_query_has_checkpoint,
    has_read_all,
    continued_by_another_session,
]
STATES: list[ExplainQuery] = [was_stopped]
