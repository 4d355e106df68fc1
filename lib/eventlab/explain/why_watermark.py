"""Explains streams that wait for their watermark (`%why`): late events, an idle source, a window that is open."""

import json
import logging
from collections.abc import Sequence

from eventlab.clients.kafka import json_object
from eventlab.clients.stream_events import with_time
from eventlab.clients.stream_messages import clock, number_of
from eventlab.clients.stream_state import Source
from eventlab.explain.explanation import Explanation
from eventlab.explain.kafka import command_to_send
from eventlab.explain.silent_query import SilentQuery

logger = logging.getLogger(__name__)

MAX_SHOWN = 3
MARGIN_S = 1
"""Seconds that a watermark's delay in a remedy is longer than needed for the events that were dropped."""


def dropped_as_late(silent: SilentQuery) -> Explanation | None:
    """Explain that the rows of the last batch were dropped, because they came after the watermark. Name them.

    Remedy: A watermark that waits longer.
    """
    state, batch = silent.state, silent.state.last_with_rows
    if batch is None or not batch.dropped or batch.written:
        return None
    dropped = [outcome.event for outcome in silent.events if outcome.is_dropped and outcome.batch == batch.number]
    if dropped and 2 * len(dropped) < batch.rows:
        return None  # most of the rows were kept
    which = [
        f"the event at offset {event.offset} of partition {event.partition} of {event.topic!r} is of "
        f"{clock(event.time_s)}"
        for event in dropped[:MAX_SHOWN]
    ]
    which += [f"{len(dropped) - MAX_SHOWN} more events are as late"] if len(dropped) > MAX_SHOWN else []
    column, delay_s = next(((it.column, it.delay_s) for it in state.plan.watermarks), (silent.event_time, 0.0))
    needed_s = delay_s + batch.watermark_s - min((event.time_s for event in dropped), default=batch.watermark_s)
    return Explanation(
        f"The streaming query {silent.name} dropped events that came too late: the watermark had passed "
        f"{'the end of their window' if state.plan.window else 'their time'}.",
        f"Spark dropped {number_of(batch.dropped, 'row')} in batch {batch.number} (it adds up the rows of a group "
        f"before it counts them); the watermark was {clock(batch.watermark_s)}"
        + "".join(f"; {it}" for it in which),
        f'.withWatermark("{column}", "{needed_s + MARGIN_S:.0f} seconds")',
        "To count such events, let the watermark wait longer, for example with this, and start the query again "
        "with a new checkpoint",
    )


def idle_source(silent: SilentQuery) -> Explanation | None:
    """Explain that a source without new messages holds the watermark: of several watermarks, the lowest counts.

    One watermark over several partitions moves with the newest event of all of them; an idle one does not hold it.

    Remedy: A command that sends an event to the idle source.
    """
    state, last = silent.state, silent.state.last
    if last is None or len(state.plan.watermarks) < 2 or len(last.sources) < 2 or state.newest_s is None:
        return None
    indexes = range(len(last.sources))
    read = [max((batch.number for batch in state.batches if batch.sources[n].rows), default=-1) for n in indexes]
    slowest_s = max(watermark.delay_s for watermark in state.plan.watermarks)
    if min(read) == max(read) or state.watermark_s >= state.newest_s - slowest_s:
        return None
    idle = last.sources[read.index(min(read))]
    when = f"in batch {min(read)}" if min(read) >= 0 else "in none of the reported batches"
    held = f"at {clock(state.watermark_s)}" if state.watermark_s else "at its beginning"
    return Explanation(
        f"{_place(idle)} is idle and holds the watermark of {silent.name} {held}. Of several watermarks in a "
        "query, the lowest counts.",
        f"its last message was read {when}, and the query has read all of it; the newest event of the other "
        f"sources is of {clock(state.newest_s)}",
        event_at(silent, state.newest_s, idle),
        "To let the watermark move, send an event there, for example",
    )


def _place(source: Source) -> str:
    """Return the topic or the partition that a source reads, as the beginning of a sentence."""
    places = [(topic, number) for topic, numbers in source.end.items() for number in numbers]
    if "[Assign[" in source.description and len(places) == 1:
        return f"Partition {places[0][1]} of {places[0][0]!r}"
    topics = ", ".join(repr(topic) for topic in source.end)
    return f"The topic {topics}" if topics else f"The source {source.description}"


def waits_for_watermark(silent: SilentQuery) -> Explanation | None:
    """Explain that a window is written only after the watermark has passed its end. Say how much is left.

    Remedy: A command that sends an event with a time that closes the window.
    """
    state, newest_s = silent.state, silent.state.newest_s
    if state.plan.output_mode != "Append" or not state.plan.watermarks or newest_s is None or not state.state_rows:
        return None
    what = f"The streaming query {silent.name} shows a window only when the watermark has passed the window's end."
    delays_s = [watermark.delay_s for watermark in state.plan.watermarks]
    times = f"the newest event is of {clock(newest_s)}; the watermark is "
    times += f"{clock(state.watermark_s)}, {max(delays_s):g} s before" if state.watermark_s else "not set yet"
    if not (ends := _open_ends(silent)):
        return Explanation(
            what,
            f"{times}; the state has {number_of(state.state_rows, 'group')}",
            f"{silent.name}.lastProgress.eventTime",
            "Send events with later times, which move the watermark. To see it, run this",
        )
    if state.watermark_s:
        short = number_of(round(ends[0] - state.watermark_s, 3), "second")
        what = f"The watermark is {short} short of the end of the next window. {what}"
    closing_s = ends[0] + max(delays_s)
    return Explanation(
        what,
        f"{times}; the next window ends at {clock(ends[0])}, and the state has "
        f"{number_of(state.state_rows, 'group')} of open windows",
        event_at(silent, closing_s),
        f"An event of {clock(closing_s)} or later moves the watermark to that end. To send one, run this",
    )


def _open_ends(silent: SilentQuery) -> Sequence[float]:
    """Return the ends of the open windows after the watermark, as the query's state has them, or none."""
    try:
        return [end for end in silent.open_ends() if end > silent.state.watermark_s]
    except Exception:
        logger.debug("the state of %s cannot be read", silent.name, exc_info=True)
        return []


def event_at(silent: SilentQuery, time_s: float, source: Source | None = None) -> str:
    """Return a command that sends an event of that time: the last one of the topic, or of any topic, changed.

    Args:
        silent: The query.
        time_s: The time, in seconds since 1970.
        source: The source that reads the event; without one, the query's first topic.
    """
    topic = next(iter(source.end), silent.topic) if source else silent.topic
    events = sorted((outcome.event for outcome in silent.events), key=lambda event: event.topic == topic)
    last = events[-1] if events else None
    fields = json_object(last.text) or {} if last and "'" not in last.text else {}  # it is between single quotes
    if last is None or silent.event_time not in fields:
        return command_to_send(topic, silent.settings)
    event = with_time(fields, silent.event_time, time_s)
    assigned = list(source.end.get(topic, ())) if source and "[Assign[" in source.description else []
    several = sum(item.topic == topic for item in silent.state.partitions) > 1 and last.topic == topic
    partition = f" -p {[*assigned, last.partition][0]}" if several else ""
    return f"%%bash\necho '{json.dumps(event)}' | kafkacat -P -t {topic}{partition}"
