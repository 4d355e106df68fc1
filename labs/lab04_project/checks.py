"""The checks of lab 4: results in Kafka and in tables, and the responses of the API when the checks call it.

Checks that students see compare totals and forms. What computes an answer is hidden. The notebook serves copies
of the API until it ends. The checks run in another process and call a new copy: they do not trust what the
notebook says about its responses.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections import Counter
from dataclasses import replace

from eventlab.labs import files, serve
from eventlab.labs.checks import Verdict, as_text, check, expect, figures, named, number
from eventlab.labs.evidence import Evidence, EvidenceError
from eventlab.labs.inputs import Outgoing, count_messages, refuse_messages, send
from eventlab.labs.names import Namespace

from .generate import PRICES, UNKNOWN, calls

YESTERDAY: dict[str, list[dict]] = {
    "purchases": [{"host": "user0.example.net", "item": "bow", "coins": 80}],
    "members": [{"host": "user0.example.net", "guild": "dodos"}],
    "report": [{"guild": "dodos", "members": 1, "coins": 80}],
}
TYPE_OF = {"": "default", "join": "join_guild", "purchase": "purchase"}
NUMBERS = ("decimal", "double", "float", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
CALLS = ("/", *(f"/purchase/{item}" for item in PRICES), f"/purchase/{UNKNOWN[0]}", "/join/ravens")
SHORT_TIMEOUT_S = 1.0
Response = tuple[str, int | None, int]  # path, status and number of new events of a call


def prepare(namespace: Namespace, seed: int) -> None:
    """Send the players' calls, create the topic of the checks' calls, and write yesterday's tables."""
    send(namespace.topic_of("calls"), (Outgoing(json.dumps(call).encode()) for call in calls(seed)))
    send(namespace.topic_of("trial"), [])
    send(namespace.topic, [])
    for table, rows in YESTERDAY.items():
        files.write_table(f"{namespace.folder}/{table}", as_arrow(rows))


def as_arrow(rows: list[dict]) -> object:
    """Return rows as an Arrow table, with Spark's type int for numbers."""
    import pyarrow as pa

    types = {name: pa.int32() if isinstance(value, int) else pa.string() for name, value in rows[0].items()}
    return pa.Table.from_pylist(rows, pa.schema(list(types.items())))


def sent(evidence: Evidence) -> list[dict]:
    """Return the events that the API sent."""
    return evidence.events(evidence.namespace.topic_of("game"))


def rows(evidence: Evidence, table: str, *names: str) -> list[tuple]:
    """Return a table's rows as sorted tuples; a table that was not replaced is not a result."""
    found = evidence.rows(table)
    if found == YESTERDAY[table]:
        raise EvidenceError(f"{table} is still yesterday's table")
    found = named(found, list(YESTERDAY[table][0]))
    values = ((row.get(name) for name in names) for row in found)
    return sorted((tuple(_plain(value) for value in row) for row in values), key=str)


def _plain(value: object) -> object:
    """Return a number, also one that is text, as int or float; other values stay."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = float(value)
    return value if number(value) is None else number(value)


def todays(evidence: Evidence, table: str, *names: str) -> list[tuple]:
    """Return the rows without yesterday's, which has a check of its own."""
    old = tuple(YESTERDAY[table][0][name] for name in names)
    return [row for row in rows(evidence, table, *names) if row != old]


def columns(evidence: Evidence, table: str) -> list[str]:
    """Return a table's columns in alphabetical order, each with `number` or its type."""
    rows(evidence, table)
    kinds = evidence.columns(table).items()
    return sorted(f"{name} {'number' if {*kind.split(' or ')} <= {*NUMBERS} else kind}" for name, kind in kinds)


def types_of(evidence: Evidence) -> set[str]:
    """Return the types of the table in the text of which events were sent."""
    return {str(event.get("event_type")) for event in sent(evidence)} & set(TYPE_OF.values())


def responses(evidence: Evidence) -> list[Response]:
    """Return the response to each call of CALLS, and to a purchase that Kafka refuses."""
    return evidence.once("responses", "", lambda: _responses(str(evidence.answer("q1")), evidence.namespace))


def _responses(url: str, namespace: Namespace) -> list[Response]:
    topic = namespace.topic_of("trial")
    copy = f"{url}/{secrets.token_hex(8)}"
    found = _each_response(copy, topic)
    if any(status is None or status >= 500 for _, status, _ in found):
        copy = f"{url}/{secrets.token_hex(8)}"  # on a machine that is busy, a right API can be too slow once
        found = _each_response(copy, topic)
    with refuse_messages(topic):
        return [*found, _response(copy, CALLS[1], topic, found)]


def _each_response(url: str, topic: str) -> list[Response]:
    found: list[Response] = []
    for path in CALLS:
        found.append(_response(url, path, topic, found))
    return found


def _response(url: str, path: str, topic: str, earlier: list[Response]) -> Response:
    """Call once; wait only a short time after a call without a response, so that the check ends in time."""
    timeout_s = SHORT_TIMEOUT_S if any(status is None for _, status, _ in earlier) else serve.CALL_TIMEOUT_S
    before = count_messages(topic)
    try:
        status = serve.call(url, path, "user1.comcast.com", timeout_s)
    except ValueError as error:
        raise EvidenceError(str(error)) from error
    return path, status, count_messages(topic) - before


@check("q1", points=1, hint="Look at your topic: kafkacat -C -t TOPIC -o beginning -e. A route sends one event.")
def every_type_of_event_arrives(evidence: Evidence) -> Verdict:
    return expect(expected=sorted(TYPE_OF.values()), got=sorted(types_of(evidence)))


@check("q1", points=1, hint="One event per call, and none for an item without a price.")
def as_many_events_as_good_calls(evidence: Evidence) -> Verdict:
    """Look at the types that arrive: whether all of them do has a check of its own."""
    types = types_of(evidence)
    good = [call for call in calls(evidence.seed) if not call["path"].endswith(UNKNOWN)]
    expected = sum(TYPE_OF[call["path"].split("/")[1]] in types for call in good)
    return expect(expected=expected or "events", got=len(sent(evidence)))


@check("q1", points=1, hint="flask.abort(404) ends a request with the status 404.")
def each_call_has_its_status(evidence: Evidence) -> Verdict:
    expected = [(path, 404 if path.endswith(UNKNOWN) else 200) for path in CALLS]
    return expect(expected=expected, got=[(path, status) for path, status, _ in responses(evidence)[:-1]])


@check("q2", points=1, hint="host and item are string, coins is a number; the table has no other column.")
def purchases_has_its_columns(evidence: Evidence) -> Verdict:
    return expect(expected=["coins number", "host string", "item string"], got=columns(evidence, "purchases"))


@check("q2", points=1, hint="If yesterday's purchase is still there, look at the mode of your write.")
def as_many_rows_as_purchases_of_today(evidence: Evidence) -> Verdict:
    bought = sum(call["path"].startswith("/purchase/") for call in calls(evidence.seed))
    unknown = sum(call["path"].endswith(UNKNOWN) for call in calls(evidence.seed))
    return expect(expected=bought - unknown, got=len(rows(evidence, "purchases")))


@check("q2", points=2, hint="Group by host, so that each has one row; replace the table that is there.")
def a_host_is_in_one_guild(evidence: Evidence) -> Verdict:
    hosts = Counter(host for (host,) in rows(evidence, "members", "host"))
    if not hosts:
        return expect(expected="each member once", got="no row")
    old = {row["host"]: "yesterday's" for row in YESTERDAY["members"] if row["host"] in hosts}
    return expect(expected={}, got={host: count for host, count in hosts.items() if count > 1} | old)


@check("q3", points=1, hint="guild, members and coins; replace the report that is there.")
def the_report_has_its_columns(evidence: Evidence) -> Verdict:
    return expect(expected=["coins number", "guild string", "members number"], got=columns(evidence, "report"))


@check("q3", points=1, hint="A guild whose members bought nothing has a row, too: a left join keeps it.")
def each_guild_has_one_row(evidence: Evidence) -> Verdict:
    guilds = [guild for (guild,) in rows(evidence, "report", "guild")]
    expected = {guild for (guild,) in rows(evidence, "members", "guild")}
    return expect(expected=sorted(expected, key=str), got=guilds)


### BEGIN HIDDEN TESTS
from itertools import groupby  # noqa: E402


def events(seed: int) -> list[dict[str, object]]:
    """Return what a right API sends for the calls, in order."""
    found: list[dict[str, object]] = []
    for call in calls(seed):
        _, kind, *rest = call["path"].split("/")
        host = call["host"]
        if not kind:
            found.append({"event_type": "default", "host": host})
        elif kind == "join":
            found.append({"event_type": "join_guild", "host": host, "guild": rest[0]})
        elif rest[0] in PRICES:
            found.append({"event_type": "purchase", "host": host, "item": rest[0], "coins": PRICES[rest[0]]})
    return found


def of_type(seed: int, event_type: str) -> list[dict]:
    """Return the events of a type, in order."""
    return [event for event in events(seed) if event["event_type"] == event_type]


def purchases(seed: int) -> list[tuple]:
    """Return host, item and coins of each purchase, sorted."""
    return sorted((event["host"], event["item"], event["coins"]) for event in of_type(seed, "purchase"))


def members(seed: int) -> dict[str, str]:
    """Return the guild that each host joined last."""
    return {event["host"]: event["guild"] for event in of_type(seed, "join_guild")}


def coins(seed: int) -> dict[str, int]:
    """Return what the members of each guild spent."""
    guild_of = members(seed)
    spent = dict.fromkeys(guild_of.values(), 0)
    for host, _, price in purchases(seed):
        if host in guild_of:
            spent[guild_of[host]] += price
    return spent


@check(
    "q1",
    points=2,
    hint="The fields are named as in the table, `coins` is a number, `host` the header Host.",
    hidden=True,
)
def every_event_has_its_fields_in_order(evidence: Evidence) -> Verdict:
    """Look at what arrives: types, the number of events and items without a price have checks of their own."""
    types = types_of(evidence)
    expected = [event for event in events(evidence.seed) if event["event_type"] in types]
    got = [event for event in sent(evidence) if event.get("event_type") in TYPE_OF.values()]
    got = [event for event in got if event.get("item") not in UNKNOWN]
    once, found = ([event for event, _ in groupby(many)] for many in (expected, got))
    return expect(expected=once or "events", got=found)


@check("q1", points=1, hint="Wait with .get(): an event that Kafka refuses is no success.", hidden=True)
def a_response_comes_after_the_acknowledgement(evidence: Evidence) -> Verdict:
    """Look at the types that arrive: an event that is never sent, or twice, has a check of its own.

    Which responses came before the event depends on the moment: no figure, if the refused event shows it, too.
    """
    *answered, (path, status, new) = responses(evidence)
    types = types_of(evidence)
    answered = [one for one in answered if TYPE_OF[one[0].split("/")[1]] in types and not one[0].endswith(UNKNOWN)]
    early = [f"{name}: {status}, no event" for name, status, count in answered if status == 200 and not count]
    wrong = []
    if not any(status == 200 for _, status, _ in answered):
        wrong.append("no call is answered with 200")
    if status is not None and status < 500:
        wrong.append(f"{path}, which Kafka refused: {status}")
    if new:
        wrong.append("the topic accepted a message that is too large: its configuration was changed")
    return replace(expect(expected=[], got=early + wrong), figures=figures(wrong or early))


@check("q2", points=1, hint="Each purchase with its host, item and coins.", hidden=True)
def every_purchase_is_in_the_table(evidence: Evidence) -> Verdict:
    """Look at purchases: the number of rows, also of others, has a check of its own."""
    right = Counter(purchases(evidence.seed))
    read = Counter(row for row in todays(evidence, "purchases", "host", "item", "coins") if row[1] is not None)
    is_right = read == right if read.total() == right.total() else read and read.keys() <= right.keys()
    expected, got = (as_text(sorted(rows, key=str)) for rows in (right, read))
    return Verdict(bool(is_right), expected, got, figures=figures(read))


@check("q2", points=1, hint="The guild with the highest offset counts; who joined none is no member.", hidden=True)
def every_host_is_in_the_guild_joined_last(evidence: Evidence) -> Verdict:
    """Look at each host, whether it is there once or more often."""
    right = members(evidence.seed)
    found = todays(evidence, "members", "host", "guild")
    got = dict(found) | {host: guild for host, guild in found if right.get(host) == guild}
    return expect(expected=right, got=got)


@check("q3", points=1, hint="A member who bought three times is one member.", hidden=True)
def every_guild_has_its_members(evidence: Evidence) -> Verdict:
    """Look at the guilds that are there: which ones are has a check of its own."""
    return of_guilds(evidence, "members", dict(Counter(members(evidence.seed).values())))


@check("q3", points=2, hint="Sum the coins of a guild's members, 0 where there are none.", hidden=True)
def every_guild_has_its_coins(evidence: Evidence) -> Verdict:
    """Look at the guilds that are there: which ones are has a check of its own."""
    return of_guilds(evidence, "coins", coins(evidence.seed))


def of_guilds(evidence: Evidence, name: str, right: dict[str, int]) -> Verdict:
    """Compare a column of the report."""
    got = {row[0]: row[1] for row in todays(evidence, "report", "guild", name) if row[0] in right}
    return expect(expected={guild: right[guild] for guild in got} or right, got=got)


### END HIDDEN TESTS
