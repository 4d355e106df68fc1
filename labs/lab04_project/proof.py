"""The proof of lab 4, not released: rules that its data exercise, wrong solutions that its checks catch."""

from __future__ import annotations

from collections import Counter

from eventlab.labs.checks import Mutant, Rule

from .checks import TYPE_OF, coins, events, members, of_type, purchases
from .generate import PRACTICE, PRICES, calls


def joined(seed: int) -> dict[str, list[str]]:
    """Return the guilds that each host joined, in order."""
    guilds: dict[str, list[str]] = {}
    for event in of_type(seed, "join_guild"):
        guilds.setdefault(event["host"], []).append(event["guild"])
    return guilds


RULES = (
    Rule("q1", "each price is asked for", lambda s: {item for _, item, _ in purchases(s)} == set(PRICES)),
    Rule("q1", "an item without a price gives no event", lambda s: len(events(s)) < len(calls(s))),
    Rule("q1", "the host is the request's", lambda s: len({call["host"] for call in calls(s)}) > 5),
    Rule(
        "q1",
        "each path is called",
        lambda s: {event["event_type"] for event in events(s)} == set(TYPE_OF.values()),
    ),
    Rule("q2", "only purchases are in purchases", lambda s: len(purchases(s)) < len(events(s))),
    Rule(
        "q2",
        "the practice data have another number of purchases",
        lambda s: len(purchases(s)) != len(purchases(PRACTICE)),
    ),
    Rule("q2", "two equal purchases are two rows", lambda s: len(set(purchases(s))) < len(purchases(s))),
    Rule("q2", "the guild joined last, not first", lambda s: any(g[-1] != g[0] for g in joined(s).values())),
    Rule(
        "q2",
        "the guild joined last, not last in the alphabet",
        lambda s: any(g[-1] != max(g) for g in joined(s).values()),
    ),
    Rule(
        "q2",
        "the guild joined last, not first in the alphabet",
        lambda s: any(g[-1] != min(g) for g in joined(s).values()),
    ),
    Rule(
        "q2", "all three at once", lambda s: any(g[-1] not in (g[0], max(g), min(g)) for g in joined(s).values())
    ),
    Rule(
        "q2",
        "who joined no guild is no member",
        lambda s: bool({host for host, *_ in purchases(s)} - set(members(s))),
    ),
    Rule("q3", "a guild in which nobody buys has a row", lambda s: 0 in coins(s).values()),
    Rule(
        "q3",
        "a member who bought several times is one",
        lambda s: any(
            count > 1 and host in members(s) for host, count in Counter(host for host, *_ in purchases(s)).items()
        ),
    ),
    Rule(
        "q3",
        "a member who bought nothing is one",
        lambda s: bool(set(members(s)) - {host for host, *_ in purchases(s)}),
    ),
    Rule("q3", "only members' coins", lambda s: sum(coins(s).values()) < sum(price for *_, price in purchases(s))),
    Rule("q3", "the coins are a sum", lambda s: max(coins(s).values()) > max(PRICES.values())),
)
"""The lab\'s text, rule by rule. Other rules (columns, statuses, replacing a table) do not depend on the data."""

MUTANTS = (
    Mutant(
        "anything is sold",
        "q1",
        '            abort(404)\n        log("purchase", item=item, coins=PRICES[item])\n',
        '            pass\n        log("purchase", item=item, coins=PRICES.get(item, 0))\n',
    ),
    Mutant("200 for what is not sold", "q1", "abort(404)", 'return "We do not sell that.\\n"'),
    Mutant(
        "no waiting",
        "q1",
        ".encode()).get(timeout=10)",
        ".encode())",
        not_described="is recognized as flush for get: neither looks at the acknowledgement",
    ),
    Mutant("flush for get", "q1", ".encode()).get(timeout=10)", ".encode())\n        producer.flush()"),
    Mutant("wrong price", "q1", '"knife": 45', '"knife": 54'),
    Mutant("wrong column", "q1", "item=item, coins=", "thing=item, coins="),
    Mutant("coins as text", "q1", "coins=PRICES[item])", "coins=str(PRICES[item]))"),
    Mutant(
        "sent twice",
        "q1",
        '        log("join_guild", guild=guild)\n',
        '        log("join_guild", guild=guild)\n        log("join_guild", guild=guild)\n',
    ),
    Mutant("visits not logged", "q1", '        log("default")\n', ""),
    Mutant("host hard-coded", "q1", '"host": request.headers["Host"]', '"host": "user1.comcast.com"'),
    Mutant("dropped filter", "q2", "events.where(\"event_type = 'purchase'\")", "events"),
    Mutant("append for overwrite", "q2", 'purchases.write.mode("overwrite")', 'purchases.write.mode("append")'),
    Mutant("members appended", "q2", 'members.write.mode("overwrite")', 'members.write.mode("append")'),
    Mutant(
        "no deduplication",
        "q2",
        'joined.groupBy("host").agg(F.max_by("guild", "offset").alias("guild"))',
        'joined.select("host", "guild")',
    ),
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
