"""The checks of lab 2: the Parquet that is on HDFS, compared with what plain Python makes of the seed's messages."""

from __future__ import annotations

from datetime import UTC, datetime

from eventlab.labs import files
from eventlab.labs.checks import Verdict, check, expect
from eventlab.labs.evidence import Evidence, EvidenceError
from eventlab.labs.inputs import Outgoing, send
from eventlab.labs.names import Namespace

from .generate import Sent, messages, ms

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


def prepare(namespace: Namespace, seed: int) -> None:
    """Send the messages, and put yesterday's extract where today's is to go."""
    import pyarrow as pa

    send(namespace.topic, (Outgoing(sent.value, sent.arrived_ms) for sent in messages(seed)))
    rows = [row(sent) | {"event_id": f"{YESTERDAYS_ID}{n}"} for n, sent in enumerate(good(seed)[:7])]
    types = {"string": pa.string(), "int32": pa.int32(), "timestamp": pa.timestamp("us", "UTC")}
    schema = pa.schema([(name, types[kind]) for name, kind in SCHEMA.items()])
    files.write_table(f"{namespace.folder}/purchases", pa.Table.from_pylist(rows, schema))


def good(seed: int) -> list[Sent]:
    return [sent for sent in messages(seed) if sent.event is not None]


def row(sent: Sent) -> dict:
    """A message as the table should have it."""
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
    return datetime.fromtimestamp(when_ms / 1000, UTC)


def purchases(seed: int) -> list[dict]:
    """Each purchase as it arrived first, in order of arrival."""
    found: dict[str, dict] = {}
    for sent in good(seed):
        if sent.event and sent.event["event_type"].startswith("purchase_"):
            found.setdefault(sent.event["event_id"], row(sent))
    return list(found.values())


def rows(evidence: Evidence, path: str) -> list[dict]:
    """The rows of a table, its times in UTC; yesterday's extract, untouched, is no result."""
    found = evidence.rows(path)
    if found and all(str(each.get("event_id")).startswith(YESTERDAYS_ID) for each in found):
        raise EvidenceError(f"{path} is still yesterday's")
    return [{name: utc(value) for name, value in each.items()} for each in found]


def utc(value: object) -> object:
    if not isinstance(value, datetime):
        return value
    plain = datetime.fromisoformat(value.isoformat()[:26])
    return plain.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def column(evidence: Evidence, path: str, name: str) -> list[str]:
    return sorted(str(each.get(name)) for each in rows(evidence, path))


def difference(expected: list[dict], got: list[dict]) -> Verdict:
    """Equal as sets of rows; else the first row that is missing, or not expected."""
    right, found = (sorted(map(repr_of, each)) for each in (expected, got))
    if right == found:
        return Verdict(True, f"{len(right)} rows", f"{len(found)} rows")
    missing = [each for each in right if each not in found]
    extra = [each for each in found if each not in right]
    return Verdict(
        False,
        f"{len(right)} rows" + (f", among them {missing[0]}" if missing else ""),
        f"{len(found)} rows" + (f", among them {extra[0]}" if extra else ""),
    )


def repr_of(each: dict) -> str:
    return repr({name: str(each.get(name)) for name in SCHEMA})


def kinds(evidence: Evidence, path: str) -> dict[str, str]:
    """The columns and types of a table; how fine a timestamp is does not matter."""
    found = evidence.columns(path)
    return {name: "timestamp" if kind.startswith("timestamp") else kind for name, kind in found.items()}


def number(evidence: Evidence, name: str) -> object:
    answer = evidence.answer("q1")
    if not isinstance(answer, dict):
        raise EvidenceError(f"the answer has no `{name}` but is {answer!r:.100}")
    return answer.get(name)


@check("q1", points=1, hint="Count the rows of `messages`, whatever is in them.")
def every_message_is_counted(evidence: Evidence) -> Verdict:
    return expect(expected=len(messages(evidence.seed)), got=number(evidence, "messages"))


@check("q2", points=2, hint="Exactly the columns of the table above, in its order, with its types.")
def events_has_the_given_schema(evidence: Evidence) -> Verdict:
    return expect(expected=list(SCHEMA.items()), got=list(kinds(evidence, "events").items()))


@check("q2", points=1, hint="Broken messages stay out; what came twice is in twice.")
def every_good_message_is_a_row(evidence: Evidence) -> Verdict:
    return expect(expected=len(good(evidence.seed)), got=len(evidence.rows("events")))


@check("q3", points=1, hint="Only the types that begin with purchase_.")
def only_purchases_are_in_purchases(evidence: Evidence) -> Verdict:
    types = sorted({each["event_type"] for each in purchases(evidence.seed)})
    return expect(expected=types, got=sorted(set(column(evidence, "purchases", "event_type"))))


@check("q3", points=1, hint="Yesterday's rows are still there? Look at the write's mode.")
def yesterdays_extract_is_replaced(evidence: Evidence) -> Verdict:
    found = column(evidence, "purchases", "event_id")
    return expect(expected=[], got=[name for name in found if name.startswith(YESTERDAYS_ID)] if found else "no row")


@check("q4", points=1, hint="The most minutes first, then by event_id; name the columns event_id and minutes.")
def the_latest_comes_first(evidence: Evidence) -> Verdict:
    found = late_answer(evidence)
    right = sorted(found, key=lambda each: (-each[1], each[0]))
    return expect(expected=right if right else "rows", got=found)


def late_answer(evidence: Evidence) -> list[tuple[str, int]]:
    answer = evidence.answer("q4")
    try:
        return [(str(each["event_id"]), int(each["minutes"])) for each in answer]
    except (TypeError, KeyError, ValueError) as error:
        raise EvidenceError(f"the answer is no list of rows with event_id and minutes: {answer!r:.100}") from error


### BEGIN HIDDEN TESTS
from eventlab.labs.checks import Mutant  # noqa: E402


@check("q1", points=2, hint="Empty messages and JSON that was cut off are broken, too.", hidden=True)
def every_broken_message_is_counted(evidence: Evidence) -> Verdict:
    broken = len(messages(evidence.seed)) - len(good(evidence.seed))
    return expect(expected=broken, got=number(evidence, "broken"))


@check("q2", points=2, hint="Are all fields taken by name, and NULL where an event has none?", hidden=True)
def every_event_has_its_values(evidence: Evidence) -> Verdict:
    return difference([row(sent) for sent in good(evidence.seed)], rows(evidence, "events"))


@check("q3", points=1, hint="An event_id that came twice is one purchase.", hidden=True)
def each_purchase_is_there_once(evidence: Evidence) -> Verdict:
    right = sorted(each["event_id"] for each in purchases(evidence.seed))
    return expect(expected=right, got=column(evidence, "purchases", "event_id"))


@check("q3", points=2, hint="Of two with the same event_id, keep the one with the smaller arrived_at.", hidden=True)
def each_purchase_is_as_it_arrived_first(evidence: Evidence) -> Verdict:
    return difference(purchases(evidence.seed), rows(evidence, "purchases"))


@check("q4", points=3, hint="More than 60 minutes: 60 and no second is not late, one second more is.", hidden=True)
def exactly_the_late_ones_with_their_minutes(evidence: Evidence) -> Verdict:
    late = []
    for each in purchases(evidence.seed):
        seconds = (each["arrived_at"] - each["happened_at"]).total_seconds()
        if seconds > 3600:
            late.append((each["event_id"], int(seconds // 60)))
    return expect(expected=sorted(late, key=lambda each: (-each[1], each[0])), got=late_answer(evidence))


MUTANTS = (
    Mutant("good for broken", "q1", "parsed.isNull()", "parsed.isNotNull()"),
    Mutant("off by one", "q1", 'F.count("*").alias', '(F.count("*") + 1).alias'),
    Mutant("empty ones missed", "q1", "F.count_if(parsed.isNull())", 'F.count_if(parsed.isNull() & (F.col("text") != ""))'),
    Mutant("each text once", "q1", "counted = messages.agg(", "counted = messages.dropDuplicates(['text']).agg("),
    Mutant("hard-coded", "q1", 'lab.answer("q1", counted.first())', 'lab.answer("q1", {"messages": 193, "broken": 14})'),
    Mutant("dropped filter", "q2", 'messages.where(F.try_parse_json("text").isNotNull())', "messages"),
    Mutant("deduplicated too early", "q2", "events.write.mode", 'events.dropDuplicates(["event_id"]).write.mode'),
    Mutant("wrong type", "q2", "range_m int,", "range_m string,"),
    Mutant("times as text", "q2", "happened_at timestamp", "happened_at string"),
    Mutant("wrong column", "q2", '"User-Agent": "user_agent"', '"User-Agent": "agent"'),
    Mutant("a field forgotten", "q2", " description string,\n    range_m int", " range_m int"),
    Mutant("wrong field", "q2", "description string", "descriptions string"),
    Mutant("no deduplication", "q3", "    qualify row_number() over (partition by event_id order by arrived_at) = 1\n", ""),
    Mutant("the last one kept", "q3", "order by arrived_at)", "order by arrived_at desc)"),
    Mutant("append for overwrite", "q3", 'mode("overwrite").parquet(f"{lab.folder}/purchases")',
           'mode("append").parquet(f"{lab.folder}/purchases")'),
    Mutant("dropped filter", "q3", "    where event_type like 'purchase_%'\n", ""),
    Mutant("swords only", "q3", "like 'purchase_%'", "= 'purchase_sword'"),
    Mutant("or for and", "q3", "    where event_type like 'purchase_%'\n",
           "    where event_type like 'purchase_%' or host like '%'\n"),
    Mutant("off by one", "q4", "arrived_at > happened_at", "arrived_at >= happened_at"),
    Mutant("by whole minutes", "q4", "arrived_at > happened_at + interval 60 minutes",
           "timestampdiff(MINUTE, happened_at, arrived_at) > 60"),
    Mutant("hours for minutes", "q4", "timestampdiff(MINUTE, happened_at", "timestampdiff(HOUR, happened_at"),
    Mutant("wrong order", "q4", "order by minutes desc, event_id", "order by event_id"),
    Mutant("dropped filter", "q4", "    where arrived_at > happened_at + interval 60 minutes\n", ""),
)
### END HIDDEN TESTS
