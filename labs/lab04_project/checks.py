"""The checks of lab 4: what arrived in Kafka and in tables, whatever program brought it there."""

from __future__ import annotations

import json
from collections import Counter

from eventlab.labs import files
from eventlab.labs.checks import Verdict, check, expect
from eventlab.labs.evidence import Evidence, EvidenceError
from eventlab.labs.inputs import Outgoing, send
from eventlab.labs.names import Namespace

from .generate import calls, events

YESTERDAY = {
    "purchases": [{"host": "user0.example.net", "item": "bow", "coins": 80}],
    "members": [{"host": "user0.example.net", "guild": "dodos"}],
    "report": [{"guild": "dodos", "members": 1, "coins": 80}],
}


def prepare(namespace: Namespace, seed: int) -> None:
    """Send the players' calls, and put yesterday's tables where today's are to go."""
    send(namespace.topic_of("calls"), (Outgoing(json.dumps(call).encode()) for call in calls(seed)))
    send(namespace.topic, [])
    for table, rows in YESTERDAY.items():
        files.write_table(f"{namespace.folder}/{table}", as_arrow(rows))


def as_arrow(rows: list[dict]) -> object:
    """With `int` for numbers, as Spark has it."""
    import pyarrow as pa

    kinds = {name: pa.int32() if isinstance(value, int) else pa.string() for name, value in rows[0].items()}
    return pa.Table.from_pylist(rows, pa.schema(list(kinds.items())))


def sent(evidence: Evidence) -> list[dict]:
    return evidence.events(evidence.namespace.topic_of("game"))


def of_type(seed: int, event_type: str) -> list[dict]:
    return [event for event in events(seed) if event["event_type"] == event_type]


def purchases(seed: int) -> list[tuple]:
    return sorted((event["host"], event["item"], event["coins"]) for event in of_type(seed, "purchase"))


def members(seed: int) -> dict[str, str]:
    """Host -> the guild that it joined last."""
    return {event["host"]: event["guild"] for event in of_type(seed, "join_guild")}


def rows(evidence: Evidence, table: str, *names: str) -> list[tuple]:
    """A table's rows as tuples, sorted; a table that nobody replaced is no result."""
    found = evidence.rows(table)
    if found == YESTERDAY[table]:
        raise EvidenceError(f"{table} is still yesterday's")
    return sorted((tuple(row.get(name) for name in names) for row in found), key=str)


def columns(evidence: Evidence, table: str) -> list[str]:
    """A table's columns in alphabetical order, with their types; whole numbers of any size are numbers."""
    rows(evidence, table)
    kinds = {"int32": "number", "int64": "number"}
    return sorted(f"{name} {kinds.get(kind, kind)}" for name, kind in evidence.columns(table).items())


@check("q1", points=1, hint="A route logs one event: look at your topic with kafkacat -C -t TOPIC -o beginning -e.")
def every_type_of_event_arrives(evidence: Evidence) -> Verdict:
    types = sorted({event["event_type"] for event in events(evidence.seed)})
    return expect(expected=types, got=sorted({str(event.get("event_type")) for event in sent(evidence)}))


@check("q1", points=1, hint="One event a call that was answered with 200, and none for what is not on the list.")
def as_many_events_as_good_calls(evidence: Evidence) -> Verdict:
    return expect(expected=len(events(evidence.seed)), got=len(sent(evidence)))


@check("q2", points=1, hint="host and item are string, coins is a number; nothing else is in the table.")
def purchases_has_its_columns(evidence: Evidence) -> Verdict:
    return expect(expected=["coins number", "host string", "item string"], got=columns(evidence, "purchases"))


@check("q2", points=1, hint="Yesterday's purchase is still there? Which mode replaces a table?")
def as_many_rows_as_purchases_of_today(evidence: Evidence) -> Verdict:
    return expect(expected=len(purchases(evidence.seed)), got=len(rows(evidence, "purchases")))


@check("q2", points=1, hint="Group by host, so that each has one row.")
def a_host_is_in_one_guild(evidence: Evidence) -> Verdict:
    hosts = Counter(host for (host,) in rows(evidence, "members", "host"))
    if not hosts:
        return expect(expected="each member once", got="no row")
    return expect(expected={}, got={host: count for host, count in hosts.items() if count > 1})


@check("q3", points=1, hint="guild, members and coins; replace the report that is there.")
def the_report_has_its_columns(evidence: Evidence) -> Verdict:
    return expect(expected=["coins number", "guild string", "members number"], got=columns(evidence, "report"))


@check("q3", points=1, hint="A guild whose members bought nothing has a row, too: a left join keeps it.")
def every_guild_has_one_row(evidence: Evidence) -> Verdict:
    found = [guild for (guild,) in rows(evidence, "report", "guild")]
    return expect(expected=sorted(set(members(evidence.seed).values())), got=found)


### BEGIN HIDDEN TESTS
from eventlab.labs.checks import Mutant  # noqa: E402


@check("q1", points=2, hint="The fields are named as in the table, `coins` is a number, `host` the header Host.", hidden=True)
def every_event_has_its_fields_in_order(evidence: Evidence) -> Verdict:
    return expect(expected=events(evidence.seed), got=sent(evidence))


@check("q1", points=1, hint="What is not on the list of prices is answered with 404 and logged nowhere.", hidden=True)
def nothing_is_sold_that_has_no_price(evidence: Evidence) -> Verdict:
    right = sorted({event["item"] for event in of_type(evidence.seed, "purchase")})
    found = {str(event.get("item")) for event in sent(evidence) if event.get("event_type") == "purchase"}
    return expect(expected=right, got=sorted(found))


@check("q1", points=1, hint="A sword is 120 coins, a knife 45, a bow 80, a shield 95.", hidden=True)
def the_prices_add_up(evidence: Evidence) -> Verdict:
    right = sum(event["coins"] for event in of_type(evidence.seed, "purchase"))
    coins = [event.get("coins") for event in sent(evidence) if event.get("event_type") == "purchase"]
    return expect(expected=right, got=sum(value for value in coins if isinstance(value, int)))


@check("q2", points=1, hint="Each purchase with its host, item and coins.", hidden=True)
def every_purchase_is_in_the_table(evidence: Evidence) -> Verdict:
    return expect(expected=purchases(evidence.seed), got=rows(evidence, "purchases", "host", "item", "coins"))


@check("q2", points=2, hint="Of several guilds the one with the highest offset counts.", hidden=True)
def every_host_is_in_the_guild_joined_last(evidence: Evidence) -> Verdict:
    right = sorted(members(evidence.seed).items())
    return expect(expected=right, got=rows(evidence, "members", "host", "guild"))


@check("q3", points=1, hint="A member who bought three times is one member.", hidden=True)
def every_guild_has_its_members(evidence: Evidence) -> Verdict:
    right = sorted(Counter(members(evidence.seed).values()).items())
    return expect(expected=right, got=rows(evidence, "report", "guild", "members"))


@check("q3", points=2, hint="Sum the coins of a guild's members, 0 where there are none.", hidden=True)
def every_guild_has_its_coins(evidence: Evidence) -> Verdict:
    guild_of = members(evidence.seed)
    coins = dict.fromkeys(guild_of.values(), 0)
    for host, _, price in purchases(evidence.seed):
        if host in guild_of:
            coins[guild_of[host]] += price
    return expect(expected=sorted(coins.items()), got=rows(evidence, "report", "guild", "coins"))


MUTANTS = (
    Mutant("anything is sold", "q1", '            abort(404)\n        log("purchase", item=item, coins=PRICES[item])\n',
           '            pass\n        log("purchase", item=item, coins=PRICES.get(item, 0))\n'),
    Mutant("wrong price", "q1", '"knife": 45', '"knife": 54'),
    Mutant("wrong column", "q1", "item=item, coins=", "thing=item, coins="),
    Mutant("coins as text", "q1", "coins=PRICES[item])", "coins=str(PRICES[item]))"),
    Mutant("sent twice", "q1", "        log(\"join_guild\", guild=guild)\n",
           "        log(\"join_guild\", guild=guild)\n        log(\"join_guild\", guild=guild)\n"),
    Mutant("visits not logged", "q1", '        log("default")\n', ""),
    Mutant("host hard-coded", "q1", '"host": request.headers["Host"]', '"host": "user1.comcast.com"'),
    Mutant("dropped filter", "q2", "events.where(\"event_type = 'purchase'\")", "events"),
    Mutant("append for overwrite", "q2", 'purchases.write.mode("overwrite")', 'purchases.write.mode("append")'),
    Mutant("members appended", "q2", 'members.write.mode("overwrite")', 'members.write.mode("append")'),
    Mutant("no deduplication", "q2", 'joined.groupBy("host").agg(F.max_by("guild", "offset").alias("guild"))',
           'joined.select("host", "guild")'),
    Mutant("the first guild", "q2", "F.max_by(", "F.min_by("),
    Mutant("the last in the alphabet", "q2", 'F.max_by("guild", "offset")', 'F.max("guild")'),
    Mutant("purchases deduplicated", "q2", '"item", "coins")', '"item", "coins").distinct()'),
    Mutant("wrong type", "q2", "coins int,", "coins string,"),
    Mutant("poor guilds dropped", "q3", "members left join", "members join"),
    Mutant("no deduplication", "q3", "count(distinct host)", "count(host)"),
    Mutant("append for overwrite", "q3", 'mode("overwrite")', 'mode("append")'),
    Mutant("wrong column", "q3", "as coins", "as spent"),
    Mutant("no zero", "q3", "coalesce(sum(coins), 0)", "sum(coins)"),
    Mutant("off by one", "q3", "count(distinct host)", "count(distinct host) + 1"),
    Mutant("largest for sum", "q3", "sum(coins)", "max(coins)"),
)
### END HIDDEN TESTS
