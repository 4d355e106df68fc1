"""The known mistakes of lab 2, not released: what each leaves with the data of a seed, in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from eventlab.labs.mistakes import Mistake, Result

from .checks import LATE, PURCHASES, SCHEMA, YESTERDAYS_ID, at, good, late, once, purchases, row
from .generate import PRACTICE, messages, numbers

MINUTE = timedelta(minutes=1)


def _counted(all_messages: int, broken: int) -> Result:
    return Result(answer={"messages": all_messages, "broken": broken})


def _broken(seed: int) -> list[bytes]:
    return [sent.value for sent in messages(seed) if sent.event is None]


def _texts(seed: int) -> Result:
    return _counted(len({sent.value for sent in messages(seed)}), len(set(_broken(seed))))


def _rows(seed: int) -> list[dict]:
    return [row(sent) for sent in good(seed)]


def _renamed(rows: Iterable[dict], old: str, new: str) -> list[dict]:
    return [{new if name == old else name: value for name, value in row.items()} for row in rows]


def _without(rows: Iterable[dict], column: str) -> list[dict]:
    return [{name: value for name, value in row.items() if name != column} for row in rows]


def _events(rows: Iterable[dict], columns: dict[str, str] = SCHEMA) -> Result:
    return Result(tables={"events": list(rows)}, columns={"events": columns})


def _schema(old: str, new: str = "", kind: str = "") -> dict[str, str]:
    """Return the schema with another name or type of a column, or without it."""
    changed = {name: kind_of for name, kind_of in SCHEMA.items() if name != old}
    return changed | ({new: kind or SCHEMA[old]} if new else {})


def _purchases(rows: Iterable[dict]) -> Result:
    return Result(tables={"purchases": list(rows)})


def _by_arrival(seed: int) -> list[dict]:
    return [row(sent) for sent in sorted(good(seed), key=lambda sent: sent.arrived_ms)]


def _first_of_each(rows: Iterable[dict]) -> list[dict]:
    first: dict[str, dict] = {}
    for each in rows:
        first.setdefault(each["event_id"], each)
    return list(first.values())


def _yesterdays() -> list[dict]:
    kinds = {"event_type": "purchase_knife"}
    return [dict.fromkeys(SCHEMA) | kinds | {"event_id": f"{YESTERDAYS_ID}{n:04}"} for n in range(7)]


def _late(
    seed: int,
    least: timedelta = timedelta(minutes=60, seconds=1),
    minutes: Callable[[timedelta], int] = lambda delay: delay // MINUTE,
    key: Callable[[str, int], tuple] | None = None,
) -> Result:
    """Return an answer to question 4: purchases with at least this delay, by minutes and event_id or by a key."""
    delays = [(each["event_id"], each["arrived_at"] - each["happened_at"]) for each in purchases(seed)]
    found = [(name, minutes(delay)) for name, delay in delays if delay >= least]
    found.sort(key=lambda pair: pair[::-1], reverse=True)
    if key:
        found.sort(key=lambda pair: key(*pair))
    return Result(answer=[{"event_id": name, "minutes": value} for name, value in found])


def _unreadable_kept(seed: int) -> list[dict]:
    """Return the rows of all messages; a broken one has its time of arrival only."""
    nothing = dict.fromkeys(SCHEMA)
    return [row(sent) if sent.event else nothing | {"arrived_at": at(sent.arrived_ms)} for sent in messages(seed)]


OTHER_DATA = "You are graded with other data. Compute the answer from the messages."
NAMES = "The table needs exactly the columns of the text, with its types."
MISTAKES = (
    Mistake(
        "q1",
        "good for broken",
        "counted the good messages as broken",
        "try_parse_json gives NULL for a broken message: count where it is NULL.",
        lambda s: _counted(len(messages(s)), len(good(s))),
    ),
    Mistake(
        "q1",
        "off by one",
        "counted one message too many",
        "The number of messages is the number of rows.",
        lambda s: _counted(len(messages(s)) + 1, len(_broken(s))),
    ),
    Mistake(
        "q1",
        "empty ones missed",
        "did not count empty messages as broken",
        "An empty message is no JSON, so it is broken, too.",
        lambda s: _counted(len(messages(s)), sum(value != b"" for value in _broken(s))),
    ),
    Mistake(
        "q1",
        "each text once",
        "counted equal messages once",
        "A message that was sent twice is two messages.",
        _texts,
    ),
    Mistake(
        "q1",
        "hard-coded",
        "wrote down the numbers of the practice data",
        OTHER_DATA,
        lambda s: _counted(*numbers(messages(PRACTICE))[:2]),
    ),
    Mistake(
        "q2",
        "dropped filter",
        "kept the broken messages",
        "A broken message has no event. from_json gives NULL for each of its fields; leave its row out.",
        lambda s: _events(_unreadable_kept(s)),
    ),
    Mistake(
        "q2",
        "wrong field",
        "read the field description under another name",
        "from_json gives NULL for a field that the events do not have. The field is description.",
        lambda s: _events(
            _renamed((each | {"description": None} for each in _rows(s)), "description", "descriptions"),
            _schema("description", "descriptions"),
        ),
    ),
    Mistake(
        "q2",
        "deduplicated too early",
        "removed repeated messages in the table of events",
        "The table has a row for each good message. Repeated ones are removed in question 3.",
        lambda s: _events(_first_of_each(_rows(s))),
    ),
    Mistake(
        "q2",
        "wrong type",
        "wrote range_m as text",
        NAMES,
        lambda s: _events(_rows(s), _schema("range_m", "range_m", "string")),
    ),
    Mistake(
        "q2",
        "times as text",
        "wrote happened_at as text",
        NAMES,
        lambda s: _events(_rows(s), _schema("happened_at", "happened_at", "string")),
    ),
    Mistake(
        "q2",
        "wrong column",
        "gave the column user_agent another name",
        NAMES,
        lambda s: _events(_renamed(_rows(s), "user_agent", "agent"), _schema("user_agent", "agent")),
    ),
    Mistake(
        "q2",
        "a field forgotten",
        "left out the column description",
        NAMES,
        lambda s: _events(_without(_rows(s), "description"), _schema("description")),
    ),
    Mistake(
        "q3",
        "no deduplication",
        "kept duplicates",
        "An event_id that arrives twice is one purchase. Keep the one that arrived first.",
        lambda s: _purchases(each for each in _rows(s) if each["event_type"] in PURCHASES),
    ),
    Mistake(
        "q3",
        "any one kept",
        "kept of repeated purchases the first one in the topic",
        "The first one in the topic is not always the one that arrived first. The smallest arrived_at counts.",
        lambda s: _purchases(once(good(s))),
    ),
    Mistake(
        "q3",
        "the last one kept",
        "kept the last one of repeated purchases",
        "Of several with the same event_id, the one with the smallest arrived_at counts.",
        lambda s: _purchases(once(sorted(good(s), key=lambda sent: -sent.arrived_ms))),
    ),
    Mistake(
        "q3",
        "append for overwrite",
        "kept yesterday's rows",
        'Replace the table: mode("overwrite").',
        lambda s: _purchases([*_yesterdays(), *purchases(s)]),
    ),
    Mistake(
        "q3",
        "dropped filter",
        "kept events that are no purchases",
        "Only types that begin with purchase_ belong into the table.",
        lambda s: _purchases(_first_of_each(_by_arrival(s))),
    ),
    Mistake(
        "q3",
        "swords only",
        "kept only swords",
        "Knives and bows are purchases, too: each type that begins with purchase_.",
        lambda s: _purchases(each for each in purchases(s) if each["event_type"] == "purchase_sword"),
    ),
    Mistake(
        "q4",
        "off by one",
        "counted a delay of exactly 60 minutes as late",
        "Late is more than 60 minutes: >, not >=.",
        lambda s: _late(s, timedelta(minutes=60)),
    ),
    Mistake(
        "q4",
        "by whole minutes",
        "compared whole minutes with 60",
        "60 minutes and one second are late, but their whole minutes are 60. Compare the times.",
        lambda s: _late(s, timedelta(minutes=61)),
    ),
    Mistake(
        "q4",
        "hours for minutes",
        "gave hours instead of minutes",
        "The column minutes has whole minutes.",
        lambda s: _late(s, minutes=lambda delay: delay // timedelta(hours=1)),
    ),
    Mistake(
        "q4",
        "smaller event_id first",
        "put the smaller event_id first",
        "Of equal minutes, the larger event_id comes first: event_id desc.",
        lambda s: _late(s, key=lambda name, minutes: (-minutes, name)),
    ),
    Mistake(
        "q4",
        "rounded",
        "rounded the minutes",
        "Whole minutes: what is left of a minute is cut off.",
        lambda s: _late(s, minutes=lambda delay: (delay + MINUTE / 2) // MINUTE),
    ),
    Mistake(
        "q4",
        "wrong order",
        "sorted by event_id only",
        "The most minutes come first, then the larger event_id.",
        lambda s: _late(s, key=lambda name, minutes: (name,)),
    ),
    Mistake(
        "q4",
        "hard-coded",
        "wrote down the rows of the practice data",
        OTHER_DATA,
        lambda s: Result(answer=[dict(zip(LATE, pair, strict=True)) for pair in late(purchases(PRACTICE))]),
    ),
    Mistake(
        "q4",
        "dropped filter",
        "kept purchases that were not late",
        "Only purchases that arrived more than 60 minutes after they happened are asked for.",
        lambda s: _late(s, timedelta(0)),
    ),
)
