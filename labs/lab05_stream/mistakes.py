"""The known mistakes of lab 5, not released: what each leaves after a trial with the data of a seed.

Which messages a failure affects depends on the moment. So the figures of the checks say only in which portions
messages are wrong, and some mistakes are recognized by a part of the checks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from itertools import accumulate
from typing import Any

from eventlab.labs.mistakes import Mistake, Result
from eventlab.labs.trial import Record

from .checks import COLUMNS, trial
from .generate import LATE_S, TOO_LATE_S, Sent, flow, in_time, purchases

CONTINUES = {
    "q1": "the dead letter job continues after each failure",
    "q2": "the purchase job continues after each failure",
    "q3": "the minute job continues after each failure",
}
FORM = {
    "q1": "each dead letter has its headers",
    "q2": "the table has the columns of a purchase",
    "q3": "the table has the columns of a minute",
}
Keep = Callable[[Sent], bool]


def _record(seed: int, **stalled: int) -> dict[str, Any]:
    """Return what a trial says whose job did not commit a portion, by question."""
    portions, failures = trial(seed)
    kinds = [failure.kind if failure else "" for failure in failures]
    ends = accumulate(map(len, portions))
    steps = [{"end": end, "failure": kind} for end, kind in zip(ends, kinds, strict=True)]
    return asdict(Record(steps=steps, stalled=stalled))


def _refused(seed: int) -> int:
    """Return the portion in which HDFS refuses a commit."""
    return next(number for number, failure in enumerate(trial(seed)[1]) if failure and failure.kind == "commit")


def _failure(seed: int, sent: Sent) -> str:
    """Return the failure of the portion of a message."""
    return next(step["failure"] for step in _record(seed)["steps"] if sent.offset < step["end"])


def _letters(seed: int, keep: Keep = lambda sent: True, **stalled: int) -> Result:
    """Return the dead letters of the unreadable messages that are kept."""
    sent = [
        (None, one.value, (("reason", one.reason.encode()), ("offset", str(one.offset).encode())))
        for one in flow(seed)
        if one.reason and keep(one)
    ]
    return Result(messages={"q1-dead": sent}, trial=_record(seed, **stalled))


def _table(question: str, seed: int, rows: list[dict], **stalled: int) -> Result:
    """Return the table of a job."""
    path = f"{question}/table"
    columns = {path: dict.fromkeys(COLUMNS[question], "")}
    return Result(tables={path: rows}, columns=columns, trial=_record(seed, **stalled))


def _purchases(seed: int, some: Iterable[Sent], **stalled: int) -> Result:
    """Return the table of question 2 with the rows of these messages."""
    events = [json.loads(one.value) for one in some]
    return _table("q2", seed, [{name: event.get(name) for name in COLUMNS["q2"]} for event in events], **stalled)


def _bought(seed: int, keep: Keep = lambda sent: True) -> list[Sent]:
    """Return all messages of purchases, with copies, that are kept."""
    return [one for one in flow(seed) if one.event and one.event["event_type"] == "purchase" and keep(one)]


def _once(seed: int, keep: Keep) -> list[Sent]:
    return [one for one in purchases(seed) if keep(one)]


def _visits_kept(seed: int) -> list[Sent]:
    return [one for one in flow(seed) if one.event and one.copy_of is None]


def _unreadable_kept(seed: int) -> list[Sent]:
    return purchases(seed) + [one for one in flow(seed) if one.reason == "no time"]


def _minutes(seed: int, some: Iterable[Sent], length: int = 1, **stalled: int) -> Result:
    """Return the table of question 3 that counts these purchases in windows of some minutes."""
    starts = Counter(one.minute.replace(minute=one.minute.minute // length * length) for one in some)
    rows = [{"start": start, "purchases": count} for start, count in starts.items()]
    return _table("q3", seed, rows, **stalled)


def _at_arrival(seed: int) -> Result:
    """Return minutes after those of all events."""
    return _table("q3", seed, [{"start": "2099-01-01T00:00:00Z", "purchases": len(purchases(seed))}])


def _no_checkpoint(question: str, result_of: Callable[..., Result]) -> Mistake:
    return Mistake(
        question,
        "checkpoint in the wrong place",
        "did not keep the checkpoint in FOLDER/checkpoint",
        'The next start of the job finds it there: option("checkpointLocation", f"{folder}/checkpoint").',
        lambda seed: result_of(seed, **{question: 0}),
        (CONTINUES[question], FORM[question]),
    )


def _hangs(question: str, result_of: Callable[..., Result]) -> Mistake:
    return Mistake(
        question,
        "exception swallowed",
        "did not end the job when its query failed",
        "Let query.awaitTermination() raise its error: only a job that has ended is started again.",
        lambda seed: result_of(seed, **{question: _refused(seed)}),
        (CONTINUES[question], FORM[question]),
    )


def _does_not_wait(question: str, result_of: Callable[..., Result]) -> Mistake:
    return Mistake(
        question,
        "does not wait for the query",
        "let the job end by itself",
        "The job runs until it is killed. query.awaitTermination() waits for the query; with the trigger "
        "availableNow or once, the query ends by itself.",
        lambda seed: replace(result_of(seed), trial=_record(seed) | {"ended_early": [question]}),
        (CONTINUES[question],),
    )


def _right_purchases(seed: int, **stalled: int) -> Result:
    return _purchases(seed, purchases(seed), **stalled)


def _right_minutes(seed: int, **stalled: int) -> Result:
    return _minutes(seed, in_time(seed), **stalled)


LATE = "An event can arrive late. A watermark drops events that are older than the newest one minus its delay."
MISTAKES = (
    _no_checkpoint("q1", _letters),
    _hangs("q1", _letters),
    _does_not_wait("q1", _letters),
    Mistake(
        "q1",
        "begins at the end",
        "began at the end of the topic",
        'Messages that are there before the job starts belong to it, too: "startingOffsets" is "earliest".',
        lambda s: _letters(s, lambda one: one.offset >= _record(s)["steps"][0]["end"]),
    ),
    Mistake(
        "q1",
        "no id is overlooked",
        "kept no dead letter of the messages without an id",
        "A JSON object without an id is no event.",
        lambda s: _letters(s, lambda one: one.reason != "no id"),
    ),
    Mistake(
        "q1",
        "no time is overlooked",
        "kept no dead letter of the messages without a time",
        "A JSON object whose time is not a time is no event.",
        lambda s: _letters(s, lambda one: one.reason != "no time"),
    ),
    _no_checkpoint("q2", _right_purchases),
    _hangs("q2", _right_purchases),
    _does_not_wait("q2", _right_purchases),
    Mistake(
        "q2",
        "append without a key",
        "wrote a repeated batch again",
        "After a failure, Spark repeats a batch with the same number. Let it replace what it has written.",
        lambda s: _purchases(s, [*purchases(s), *_once(s, lambda one: _failure(s, one) == "commit")]),
    ),
    Mistake(
        "q2",
        "commit before the write",
        "committed a batch before it was written",
        "A batch is committed when the function of foreachBatch returns. Write before that, and raise errors.",
        lambda s: _purchases(s, _once(s, lambda one: _failure(s, one) != "spark")),
    ),
    Mistake(
        "q2",
        "copies kept",
        "kept copies",
        "Messages with the same id are one purchase.",
        lambda s: _purchases(s, _bought(s)),
    ),
    Mistake(
        "q2",
        "watermark too short",
        "lost late purchases",
        LATE,
        lambda s: _purchases(s, _once(s, lambda one: one.behind_s <= LATE_S)),
    ),
    Mistake(
        "q2",
        "visits kept",
        "kept events that are no purchases",
        "Only events of the type purchase belong into the table.",
        lambda s: _purchases(s, _visits_kept(s)),
    ),
    Mistake(
        "q2",
        "unreadable ones kept",
        "kept purchases without a time",
        "A message whose time is not a time cannot be read.",
        lambda s: _purchases(s, _unreadable_kept(s)),
    ),
    _no_checkpoint("q3", _right_minutes),
    _hangs("q3", _right_minutes),
    _does_not_wait("q3", _right_minutes),
    Mistake(
        "q3",
        "processing time",
        "counted by the time of arrival",
        "The minute is that of the event's time, whenever the event arrives.",
        _at_arrival,
    ),
    Mistake(
        "q3",
        "watermark too short",
        "did not count late purchases",
        LATE,
        lambda s: _minutes(s, (one for one in in_time(s) if one.behind_s <= LATE_S)),
    ),
    Mistake(
        "q3",
        "watermark too long",
        "counted purchases that were too late",
        "An event that is more than 15 minutes late does not count: the delay of the watermark is 10 minutes.",
        lambda s: _minutes(s, purchases(s)[:-1]),
    ),
    Mistake(
        "q3",
        "copies count",
        "counted copies",
        "Messages with the same id are one purchase.",
        lambda s: _minutes(s, _bought(s, lambda one: one.behind_s <= TOO_LATE_S)[:-1]),
    ),
    Mistake(
        "q3",
        "window too long",
        "counted in windows of two minutes",
        'The window is one minute long: F.window("time", "1 minute").',
        lambda s: _minutes(s, in_time(s), length=2),
    ),
)
