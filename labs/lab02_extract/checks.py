"""The checks of lab 2: the Parquet tables on HDFS and the answers, compared with the messages of the seed.

Checks that students see compare totals and forms. What computes an answer is hidden.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

from eventlab.labs import files
from eventlab.labs.checks import Verdict, check, expect, figures, named, number
from eventlab.labs.evidence import Evidence, EvidenceError
from eventlab.labs.inputs import Outgoing, send
from eventlab.labs.names import Namespace

from .generate import SHARES, messages

SCHEMA = {
    "event_id": "string",
    "event_type": "string",
    "host": "string",
    "user_agent": "string",
    "description": "string",
    "range_m": "int32",
    "happened_at": "timestamp",
    "arrived_at": "timestamp",
}
LATE = ("event_id", "minutes")
YESTERDAYS_ID = "y"
PURCHASES = [name for name in SHARES if name.startswith("purchase_")]


def prepare(namespace: Namespace, seed: int) -> None:
    """Send the messages, and write yesterday's extract to the place of today's."""
    import pyarrow as pa

    send(namespace.topic, (Outgoing(sent.value, sent.arrived_ms) for sent in messages(seed)))
    yesterday = datetime(2024, 12, 31, tzinfo=UTC)
    rows = [
        {
            "event_id": f"{YESTERDAYS_ID}{number:04}",
            "event_type": "purchase_knife",
            "host": f"user{number}.orange.fr",
            "user_agent": "curl/8.5",
            "description": "a butter knife",
            "happened_at": yesterday + timedelta(hours=number),
            "arrived_at": yesterday + timedelta(hours=number, seconds=20),
        }
        for number in range(7)
    ]
    types = {"string": pa.string(), "int32": pa.int32(), "timestamp": pa.timestamp("us", "UTC")}
    schema = pa.schema([(name, types[kind]) for name, kind in SCHEMA.items()])
    files.write_table(f"{namespace.folder}/purchases", pa.Table.from_pylist(rows, schema))


def rows(evidence: Evidence, path: str) -> list[dict]:
    """Return the rows of a table with times in UTC; yesterday's extract, unchanged, is not a result."""
    table = evidence.rows(path)
    if table and all(str(row.get("event_id")).startswith(YESTERDAYS_ID) for row in table):
        raise EvidenceError(f"{path} is still yesterday's table")
    return [{name: utc(value, SCHEMA.get(name, "")) for name, value in row.items()} for row in table]


def utc(value: object, kind: str) -> object:
    """Return a time, also one that is text, in UTC; a time without a zone is in UTC. Other values stay."""
    if isinstance(value, str) and kind == "timestamp":
        with contextlib.suppress(ValueError):
            value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        return value
    value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return datetime.fromtimestamp(value.timestamp(), UTC)


def column(evidence: Evidence, path: str, name: str) -> list[str]:
    """Return the values of a column as text, sorted."""
    return sorted(str(row.get(name)) for row in rows(evidence, path))


def counted(evidence: Evidence, name: str) -> object:
    """Return one number of the answer to question 1."""
    (row,) = evidence.table("q1", "messages", "broken")[:1] or [{}]
    return row.get(name)


@check("q1", points=1, hint="Count the rows of `messages`, whatever they contain; name the number `messages`.")
def every_message_is_counted(evidence: Evidence) -> Verdict:
    return expect(expected=len(messages(evidence.seed)), got=counted(evidence, "messages"))


@check("q2", points=2, hint="Exactly the columns of the table in the text, with its types.")
def events_has_the_given_schema(evidence: Evidence) -> Verdict:
    return expect(expected=sorted(SCHEMA.items()), got=sorted(evidence.columns("events").items()))


@check("q2", points=1, hint="Broken messages are left out; repeated messages are in the table each time.")
def every_good_message_is_a_row(evidence: Evidence) -> Verdict:
    good = sum(sent.event is not None for sent in messages(evidence.seed))
    return expect(expected=good, got=len(evidence.rows("events")))


@check("q3", points=1, hint="Only the types that begin with purchase_.")
def only_purchases_are_in_purchases(evidence: Evidence) -> Verdict:
    return expect(expected=sorted(PURCHASES), got=sorted(set(column(evidence, "purchases", "event_type"))))


@check("q3", points=1, hint="If yesterday's rows are still there, look at the mode of your write.")
def yesterdays_extract_is_replaced(evidence: Evidence) -> Verdict:
    ids = column(evidence, "purchases", "event_id")
    return expect(expected=[], got=[name for name in ids if name.startswith(YESTERDAYS_ID)] if ids else "no row")


@check(
    "q4", points=1, hint="The most minutes first, then the larger event_id; name the columns event_id and minutes."
)
def the_latest_comes_first(evidence: Evidence) -> Verdict:
    answer = late_answer(evidence.table("q4", *LATE))
    expected = sorted(answer, key=lambda row: (row[1], row[0]), reverse=True)
    return expect(expected=expected or "rows", got=answer)


def late_answer(table: list[dict]) -> list[tuple[str, float]]:
    """Return the answer to question 4 as pairs of event_id and minutes."""
    pairs = [(str(row.get("event_id")), number(row.get("minutes"))) for row in table]
    if any(minutes is None for _, minutes in pairs):
        raise EvidenceError("the answer has a row without a number in `minutes`")
    return pairs  # type: ignore[return-value]


### BEGIN HIDDEN TESTS
from collections import Counter  # noqa: E402
from collections.abc import Iterable  # noqa: E402
from functools import lru_cache  # noqa: E402

from .generate import Sent, ms  # noqa: E402


def good(seed: int) -> list[Sent]:
    """Return the messages that are not broken, in the order of the topic."""
    return [sent for sent in messages(seed) if sent.event is not None]


def row(sent: Sent) -> dict:
    """Return the row of a message."""
    event = sent.event or {}
    return {
        "event_id": event["event_id"],
        "event_type": event["event_type"],
        "host": event["Host"],
        "user_agent": event["User-Agent"],
        "description": event.get("description"),
        "range_m": event.get("range_m"),
        "happened_at": at(ms(event)),
        "arrived_at": at(sent.arrived_ms),
    }


def at(when_ms: int) -> datetime:
    """Return a time in UTC."""
    return datetime.fromtimestamp(when_ms / 1000, UTC)


@lru_cache(maxsize=4)
def purchases(seed: int) -> list[dict]:
    """Return each purchase as it arrived first, in the order of arrival."""
    return once(sorted(good(seed), key=lambda sent: sent.arrived_ms))


def once(sent: list[Sent]) -> list[dict]:
    """Return the first row of each purchase."""
    rows: dict[str, dict] = {}
    for message in sent:
        if message.event and message.event["event_type"] in PURCHASES:
            rows.setdefault(message.event["event_id"], row(message))
    return list(rows.values())


def todays(evidence: Evidence) -> list[dict]:
    """Return the purchases in the table; yesterday's and other events have checks of their own."""
    table = [row for row in rows(evidence, "purchases") if row.get("event_type") in PURCHASES]
    return [row for row in table if not str(row.get("event_id")).startswith(YESTERDAYS_ID)]


def difference(expected: list[dict], got: list[dict], names: Iterable[str] = SCHEMA) -> Verdict:
    """Compare columns of two tables without regard to order.

    The number of rows has a check of its own: of more rows, each expected one must be there; of fewer, none may be
    wrong, and each event must be there. The verdict names a missing and a wrong row.
    """
    right, read = (Counter(row_text(row, names) for row in table) for table in (expected, got))
    missing, extra = sorted((right - read).elements()), sorted((read - right).elements())
    ids, known = ({str(row.get("event_id")) for row in table} for table in (expected, got))
    fewer = len(got) < len(expected) and ids == known and not read.keys() - right.keys()
    return Verdict(
        fewer or not missing,
        f"{len(expected)} rows" + (f", for example {missing[0]}" if missing else ""),
        f"{len(got)} rows" + (f", for example {extra[0]}" if extra else ""),
        figures=figures((len(got), extra)),
    )


def row_text(row: dict, names: Iterable[str] = SCHEMA) -> str:
    """Return a row's values as text, numbers without regard to their type."""
    values = {name: row.get(name) for name in names}
    return repr({name: str(value if number(value) is None else number(value)) for name, value in values.items()})


def late(rows: list[dict]) -> list[tuple[str, int]]:
    """Return the late ones of the rows with their whole minutes, in the order that the lab asks for."""
    delays = [(row["event_id"], row["arrived_at"] - row["happened_at"]) for row in rows]
    minutes = [(name, delay // timedelta(minutes=1)) for name, delay in delays if delay > timedelta(minutes=60)]
    return sorted(minutes, key=lambda pair: (pair[1], pair[0]), reverse=True)


@check("q1", points=2, hint="Empty messages and JSON that was cut off are broken, too.", hidden=True)
def every_broken_message_is_counted(evidence: Evidence) -> Verdict:
    broken = len(messages(evidence.seed)) - len(good(evidence.seed))
    return expect(expected=broken, got=counted(evidence, "broken"))


@check(
    "q2",
    points=2,
    hint="Take each field by its name; arrived_at is Kafka's timestamp; NULL is where an event has no such field.",
    hidden=True,
)
def every_event_has_its_values(evidence: Evidence) -> Verdict:
    """Look at the columns that have their names: names, types and the number of rows have checks of their own."""
    table = rows(evidence, "events")
    names = [name for name in SCHEMA if any(name in row for row in table)]
    expected = [row(sent) for sent in good(evidence.seed)]
    return difference(expected, table, names if len(names) >= len(SCHEMA) - 2 else SCHEMA)


@check(
    "q3",
    points=2,
    hint="An event_id that arrived twice is one purchase; two purchases of one host are two.",
    hidden=True,
)
def each_purchase_is_there_once(evidence: Evidence) -> Verdict:
    """Look at the types that are in the table: whether all of them are has a check of its own."""
    table = todays(evidence)
    types = {row["event_type"] for row in table}
    ids = sorted(row["event_id"] for row in purchases(evidence.seed) if row["event_type"] in types)
    return expect(expected=ids or "purchases", got=sorted(str(row.get("event_id")) for row in table))


@check(
    "q3",
    points=1,
    hint="Of several with the same event_id, keep the one with the smallest arrived_at.",
    hidden=True,
)
def each_purchase_is_as_it_arrived_first(evidence: Evidence) -> Verdict:
    """Look at the purchases that are in the table, whether once or more often."""
    first = {row["event_id"]: row for row in purchases(evidence.seed)}
    kept: dict[str, dict] = {}
    for found in todays(evidence):
        name = str(found.get("event_id"))
        if name in first and (name not in kept or row_text(found) == row_text(first[name])):
            kept[name] = found
    if not kept:
        return expect(expected="purchases", got="none")
    return difference([first[name] for name in kept], list(kept.values()))


@check("q4", points=2, hint="60 minutes and no second is not late, one second more is.", hidden=True)
def exactly_the_late_ones_are_there(evidence: Evidence) -> Verdict:
    """Look at the ids in any order."""
    answer = named(evidence.table("q4", *LATE), LATE)
    expected = sorted(name for name, _ in late(purchases(evidence.seed)))
    return expect(expected=expected, got=sorted(str(row.get("event_id")) for row in answer))


@check("q4", points=1, hint="Whole minutes: what is left of a minute is cut off, not rounded.", hidden=True)
def the_late_ones_have_their_minutes(evidence: Evidence) -> Verdict:
    """Look at the late ones in the answer, in any order."""
    minutes = dict(late(purchases(evidence.seed)))
    answer = {
        name: value for name, value in late_answer(named(evidence.table("q4", *LATE), LATE)) if name in minutes
    }
    return expect(expected={name: minutes[name] for name in answer} or "late purchases", got=answer)


### END HIDDEN TESTS
