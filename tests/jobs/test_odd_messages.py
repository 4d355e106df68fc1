"""Odd messages do not stop the inventory job: each is a row, a dead letter with its reason, or counted as late."""

import json

import pytest

from eventlab.clients import kafka
from eventlab.jobs import stream_inventory, streams
from eventlab.jobs.dead_letters import TOO_LARGE, dead_letter_topic
from eventlab.stack import filesystem

NOON = "2026-03-14T12:00:00"
ROW, LATE = "a row", "late"


def buy(**fields):
    """Return the event of a player who buys a sword, with other fields, as bytes."""
    event = {"time": NOON, "event_type": "buy", "player": "ada", "item": "sword"} | fields
    return json.dumps(event).encode()


def nested(levels):
    """Return an event whose item is a list in a list in a list."""
    return buy().replace(b'"sword"', b"[" * levels + b"]" * levels)


NO_OBJECTS = {
    "no value": None,
    "empty": b"",
    "a space": b" ",
    "null": b"null",
    "a number": b"42",
    "a text": b'"buy"',
    "a list of an event": b"[" + buy() + b"]",
    "cut off": buy()[:-1],
    "followed by text": buy() + b" buy",
    "two events": buy() + b"\n" + buy(),
    "not UTF-8": buy(player="ada").replace(b"ada", b"\xff\xfe"),
    "UTF-16": buy().decode().encode("utf-16"),
    "single quotes": buy().replace(b'"', b"'"),
    "NaN": buy(item=float("nan")),
    "a number with 5,000 digits": buy(item=10).replace(b"10", b"1" * 5000),
    "2,000 levels": nested(2000),
    "a field with a long name": buy(**{"x" * 60_000: 1}),
}
NO_TIMES = {
    "a number as time": buy(time=1773489600),
    "a number as text": buy(time="1773489600"),
    "an empty time": buy(time=""),
    "a list as time": buy(time=[NOON]),
    "true as time": buy(time=True),
    "February 30": buy(time="2026-02-30T12:00:00"),
    "hour 25": buy(time="2026-03-14T25:00:00"),
    "a zone that does not exist": buy(time=f"{NOON}+99:00"),
    "a city that does not exist": buy(time=f"{NOON} Nowhere/City"),
    "a negative year": buy(time="-290308-12-21T19:59:06Z"),
    "the year 999999": buy(time="999999-12-31T00:00:00Z"),
    "a long time": buy(time=f"2026-0{'1' * 900_000}"),
}
IN_THE_FUTURE = {"the year 9999": buy(time="9999-12-31T23:59:59Z"), "next century": buy(time="2126-01-01")}
BEFORE_1970 = {"the year 1": buy(time="0001-01-01T00:00:00"), "the last second": buy(time="1969-12-31T23:59:59Z")}
ROWS = {
    "a number as player": buy(player=7),
    "a list as player": buy(player=["ada", None]),
    "an object as player": buy(player={"name": "ada"}),
    "an empty player": buy(player=""),
    "a player with the character NUL": buy(player="a\0da"),
    "half of an emoji as player": buy(player="a-\ud83d"),
    "a player of 900 kB": buy(player="a" * 900_000),
    "an item of 900 kB": buy(item="i" * 900_000),
    "an item that is a list": buy(item=["sword"] * 3),
    "500 levels": nested(500),
    "no event type": buy(event_type=None),
    "an object as event type": buy(event_type={"buy": 1}),
    "a key twice": buy(player="bob").replace(b"}", b', "player": "eve"}'),
    "a time with a zone": buy(time=f"{NOON}+05:30"),
    "a fast clock": buy(time=None),
}
OUTCOMES = {
    streams.NOT_AN_OBJECT: NO_OBJECTS,
    streams.NOT_A_TIME: NO_TIMES,
    streams.IN_THE_FUTURE: IN_THE_FUTURE,
    f"{streams.NOT_AN_OBJECT}; {TOO_LARGE}": {"nearly 1 MiB": b"x" * 1_048_450},
    LATE: BEFORE_1970,
    ROW: ROWS,
}


@pytest.fixture
def sent(stack, topic, folder):
    """Send the messages, and return name and expected outcome of each; the offset of the first is 0."""
    messages = [(name, outcome, value) for outcome, named in OUTCOMES.items() for name, value in named.items()]
    with kafka.open_producer(stack.bootstrap_servers, max_request_size=2_000_000) as producer:
        for *_, value in messages:
            producer.send(topic, value, key=b"key")
        producer.flush()
    yield [(name, outcome) for name, outcome, _ in messages]
    filesystem.delete(f"{folder}.checkpoint")
    filesystem.delete(f"{folder}.dead.checkpoint")


def test_each_odd_message_is_a_row_a_dead_letter_or_counted_as_late(stack, spark, topic, folder, sent):
    queries = stream_inventory.start(spark, topic, folder, streams.CATCH_UP)
    streams.run_until_stopped(queries, lambda line: None)

    letters = [dict(one.headers) for one in kafka.read_topic(stack.bootstrap_servers, dead_letter_topic(topic))]
    dead = [(sent[int(letter["offset"])][0], letter["reason"].decode()) for letter in letters]
    assert sorted(dead) == sorted((name, outcome) for name, outcome in sent if outcome not in (ROW, LATE))
    states = [state for progress in queries[0].recentProgress for state in progress.stateOperators]
    assert sum(state.numRowsDroppedByWatermark for state in states) == len(BEFORE_1970)
    assert spark.read.parquet(folder).where("change is distinct from 'session ended'").count() == len(ROWS)
