"""The checks of lab 2: the Parquet tables on HDFS and the answers, compared with the messages of the seed.

Checks that students see compare totals and forms. What computes an answer is hidden.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from eventlab.labs import files
from eventlab.labs.checks import Verdict, check, expect, number
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
    return [{name: utc(value) for name, value in row.items()} for row in table]


def utc(value: object) -> object:
    """Return a time in UTC with microseconds; a time without a zone is in UTC. Other values stay."""
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
    answer = late_answer(evidence)
    expected = sorted(answer, key=lambda row: (row[1], row[0]), reverse=True)
    return expect(expected=expected or "rows", got=answer)


def late_answer(evidence: Evidence) -> list[tuple[str, float]]:
    """Return the answer to question 4 as pairs of event_id and minutes."""
    pairs = [
        (str(row.get("event_id")), number(row.get("minutes")))
        for row in evidence.table("q4", "event_id", "minutes")
    ]
    if any(minutes is None for _, minutes in pairs):
        raise EvidenceError("the answer has a row without a number in `minutes`")
    return pairs  # type: ignore[return-value]


### BEGIN HIDDEN TESTS
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


def difference(expected: list[dict], got: list[dict]) -> Verdict:
    """Compare two tables without regard to order; the verdict names a missing and an unexpected row."""
    right, read = (sorted(map(row_text, table)) for table in (expected, got))
    if right == read:
        return Verdict(True, f"{len(right)} rows", f"{len(read)} rows")
    missing = [text for text in right if text not in read]
    extra = [text for text in read if text not in right]
    return Verdict(
        False,
        f"{len(right)} rows" + (f", for example {missing[0]}" if missing else ""),
        f"{len(read)} rows" + (f", for example {extra[0]}" if extra else ""),
    )


def row_text(row: dict) -> str:
    """Return a row's values as text."""
    return repr({name: str(row.get(name)) for name in SCHEMA})


def late(rows: list[dict]) -> list[tuple[str, int]]:
    """Return the late ones of the rows with their whole minutes, in the order that the lab asks for."""
    delays = [(row["event_id"], row["arrived_at"] - row["happened_at"]) for row in rows]
    minutes = [(name, delay // timedelta(minutes=1)) for name, delay in delays if delay > timedelta(minutes=60)]
    return sorted(minutes, key=lambda pair: (pair[1], pair[0]), reverse=True)


@check("q1", points=2, hint="Empty messages and JSON that was cut off are broken, too.", hidden=True)
def every_broken_message_is_counted(evidence: Evidence) -> Verdict:
    broken = len(messages(evidence.seed)) - len(good(evidence.seed))
    return expect(expected=broken, got=counted(evidence, "broken"))


@check("q2", points=2, hint="Are all fields taken by name, and NULL where an event has none?", hidden=True)
def every_event_has_its_values(evidence: Evidence) -> Verdict:
    return difference([row(sent) for sent in good(evidence.seed)], rows(evidence, "events"))


@check("q3", points=1, hint="An event_id that arrived twice is one purchase.", hidden=True)
def each_purchase_is_there_once(evidence: Evidence) -> Verdict:
    ids = sorted(row["event_id"] for row in purchases(evidence.seed))
    return expect(expected=ids, got=column(evidence, "purchases", "event_id"))


@check(
    "q3",
    points=2,
    hint="Of several with the same event_id, keep the one with the smallest arrived_at.",
    hidden=True,
)
def each_purchase_is_as_it_arrived_first(evidence: Evidence) -> Verdict:
    return difference(purchases(evidence.seed), rows(evidence, "purchases"))


@check(
    "q4",
    points=3,
    hint="60 minutes and no second is not late, one second more is. Sort as the text says.",
    hidden=True,
)
def exactly_the_late_ones_with_their_minutes(evidence: Evidence) -> Verdict:
    return expect(expected=late(purchases(evidence.seed)), got=late_answer(evidence))


### END HIDDEN TESTS
