"""One mistake costs the check that is about it and no other: lab 4. The data need no services."""

from collections import Counter

import pytest

from eventlab.labs.catalogue import find
from tests.labs.left_behind import failed, renamed

SEEDS = range(1, 5)
PROJECT = find("lab04").module


def of_calls(seed, unknown=lambda host: [], visit=lambda event: [event], join=lambda event: [event]):
    """Return what an API sends that treats items without a price, visits or guilds in its own way."""
    right = iter(PROJECT.events(seed))
    found = []
    for call in PROJECT.calls(seed):
        if call["path"].endswith(PROJECT.UNKNOWN):
            found += unknown(call["host"])
        else:
            event = next(right)
            kinds = {"default": visit, "join_guild": join}
            found += kinds.get(event["event_type"], lambda event: [event])(event)
    return found


def answered(unknown=(404, 0), visit=(200, 1), join=(200, 1), good=(200, 1), refused=(500, 0)):
    kinds = [(path, unknown if path.endswith(PROJECT.UNKNOWN) else good) for path in PROJECT.CALLS]
    kinds = [(path, visit if path == "/" else join if path.startswith("/join") else kind) for path, kind in kinds]
    return [*((path, *kind) for path, kind in kinds), (PROJECT.CALLS[1], *refused)]


NUMBER, FIELDS = "as many events as good calls", "every event has its fields in order"
STATUS, ACKNOWLEDGED = "each call has its status", "a response comes after the acknowledgement"
UNKNOWN_SOLD = {"event_type": "purchase", "item": PROJECT.UNKNOWN[0], "coins": 0}
APIS = {
    "nothing": (of_calls, answered(), set()),
    "what is not sold is 200": (of_calls, answered(unknown=(200, 0)), {STATUS}),
    "everything is sold": (
        lambda s: of_calls(s, unknown=lambda host: [UNKNOWN_SOLD | {"host": host}]),
        answered(unknown=(200, 1)),
        {NUMBER, STATUS},
    ),
    "what is not sold is an event of its own": (
        lambda s: of_calls(s, unknown=lambda host: [{"event_type": "unknown", "host": host}]),
        answered(unknown=(404, 1)),
        {NUMBER},
    ),
    "visits are no events": (
        lambda s: of_calls(s, visit=lambda event: []),
        answered(visit=(200, 0)),
        {"every type of event arrives"},
    ),
    "guilds are sent twice": (
        lambda s: of_calls(s, join=lambda event: [event, event]),
        answered(join=(200, 2)),
        {NUMBER},
    ),
    "a field has another name": (
        lambda s: [{"who" if name == "host" else name: v for name, v in e.items()} for e in PROJECT.events(s)],
        answered(),
        {FIELDS},
    ),
    "nobody waits": (of_calls, answered(good=(200, 0), refused=(200, 0)), {ACKNOWLEDGED}),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mistake", APIS)
def test_a_mistake_in_the_api_costs_its_own_checks(mistake, seed):
    send, responses, expected = APIS[mistake]

    assert failed("lab04", "q1", seed, sent=send(seed), responses=responses) == expected


def bought(seed):
    return [dict(zip(("host", "item", "coins"), row, strict=True)) for row in PROJECT.purchases(seed)]


def in_guilds(seed, pairs=None):
    return [{"host": host, "guild": guild} for host, guild in pairs or PROJECT.members(seed).items()]


def joins(seed):
    return [(event["host"], event["guild"]) for event in PROJECT.of_type(seed, "join_guild")]


def report(seed):
    count = Counter(PROJECT.members(seed).values())
    return [
        {"guild": guild, "members": count[guild], "coins": n} for guild, n in sorted(PROJECT.coins(seed).items())
    ]


KINDS = {"host": "string", "item": "string", "coins": "int32", "guild": "string", "members": "int64"}
AS_MANY, ONE_GUILD, COLUMNS = (
    "as many rows as purchases of today",
    "a host is in one guild",
    "purchases has its columns",
)
TABLES = {
    "q2 nothing": ({}, set()),
    "q2 yesterday's purchase stays": (
        {"purchases": lambda s: bought(s) + PROJECT.YESTERDAY["purchases"]},
        {AS_MANY},
    ),
    "q2 all events": (
        {"purchases": lambda s: [*bought(s), {"host": "a", "item": None, "coins": None}]},
        {AS_MANY},
    ),
    "q2 equal ones once": (
        {"purchases": lambda s: [dict(p) for p in {tuple(r.items()) for r in bought(s)}]},
        {AS_MANY},
    ),
    "q2 only swords": ({"purchases": lambda s: [row for row in bought(s) if row["item"] == "sword"]}, {AS_MANY}),
    "q2 another name": ({"purchases": lambda s: renamed(bought(s), "coins", "price")}, {COLUMNS}),
    "q2 yesterday's member stays": (
        {"members": lambda s: in_guilds(s) + PROJECT.YESTERDAY["members"]},
        {ONE_GUILD},
    ),
    "q2 all guilds of a host": ({"members": lambda s: in_guilds(s, joins(s))}, {ONE_GUILD}),
    "q2 the first guild": (
        {"members": lambda s: in_guilds(s, dict(joins(s)[::-1]).items())},
        {"every host is in the guild joined last"},
    ),
    "q3 nothing": ({}, set()),
    "q3 yesterday's report stays": (
        {"report": lambda s: report(s) + PROJECT.YESTERDAY["report"]},
        {"each guild has one row"},
    ),
    "q3 poor guilds are missing": (
        {"report": lambda s: [row for row in report(s) if row["coins"]]},
        {"each guild has one row"},
    ),
    "q3 another name": (
        {"report": lambda s: renamed(report(s), "coins", "spent")},
        {"the report has its columns"},
    ),
    "q3 coins are NULL": (
        {"report": lambda s: [row | {"coins": row["coins"] or None} for row in report(s)]},
        {"every guild has its coins"},
    ),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mistake", TABLES)
def test_a_mistake_in_a_table_of_the_project_costs_one_check(mistake, seed):
    changes, expected = TABLES[mistake]
    right = {"purchases": bought, "members": in_guilds, "report": report}
    tables = {name: make(seed) for name, make in (right | changes).items()}
    tables = {
        name: (rows, {column: KINDS.get(column, "int32") for column in rows[0]}) for name, rows in tables.items()
    }

    assert failed("lab04", mistake[:2], seed, tables=tables) == expected


def test_numbers_of_two_types_are_numbers():
    kinds = {"guild": "string", "members": "int32 or int64", "coins": "int32 or double"}

    assert "the report has its columns" not in failed("lab04", "q3", 1, tables={"report": (report(1), kinds)})
