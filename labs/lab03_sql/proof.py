"""The proof of lab 3, not released: rules that its data exercise, wrong solutions that its checks catch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from eventlab.labs.checks import Mutant, Rule

from .checks import COLUMNS, best, best_buyers, buyers, coins_by, country_of, items, kept
from .generate import DAYS, PRACTICE, PRICES, tables


def _first_of_equals(seed: int, name: str) -> list[tuple[str, str]]:
    """Return the country and the player who is the first of the best ones in a table."""
    most = {country: coins for country, _, coins in best(seed, kept(seed))}
    spent, countries = coins_by(kept(seed), "player"), country_of(seed)
    first: dict[str, str] = {}
    for row in tables(seed)[name]:
        country = countries[row["player"]]
        if spent.get(row["player"]) == most.get(country):
            first.setdefault(country, row["player"])
    return sorted((country, player) for country, player in first.items() if country in most)


def _largest(seed: int) -> list[tuple[str, str]]:
    """Return the best buyers when the largest purchase counts, not the sum."""
    largest: dict[str, int] = {}
    for row in kept(seed):
        largest[row["player"]] = max(largest.get(row["player"], 0), row["coins"])
    return [(c, p) for c, p, _ in best(seed, [{"player": p, "coins": c} for p, c in largest.items()])]


RULES = (
    Rule("q1", "refunded purchases do not count", lambda s: items(kept(s)) != items(kept(s, refunded=True))),
    Rule("q1", "the most coins first, not by name", lambda s: [r[0] for r in items(kept(s))] != sorted(PRICES)),
    Rule(
        "q1",
        "the most coins first, not the most sold",
        lambda s: [r[0] for r in items(kept(s))] != [r[0] for r in sorted(items(kept(s)), key=lambda r: -r[1])],
    ),
    Rule(
        "q1",
        "the most coins first, not the dearest",
        lambda s: [r[0] for r in items(kept(s))] != sorted(PRICES, key=PRICES.__getitem__, reverse=True),
    ),
    Rule(
        "q1",
        "coins are summed, not list prices",
        lambda s: any(coins != sold * PRICES[item] for item, sold, coins in items(kept(s))),
    ),
    Rule(
        "q2",
        "the practice data have another number of players",
        lambda s: len(tables(s)["players"]) != len(tables(PRACTICE)["players"]),
    ),
    Rule("q2", "a country without any buyer is there", lambda s: any(row[2] == 0 for row in buyers(s, kept(s)))),
    Rule(
        "q2",
        "a refunded purchase makes nobody a buyer",
        lambda s: buyers(s, kept(s)) != buyers(s, kept(s, refunded=True)),
    ),
    Rule(
        "q2",
        "a player who bought twice is one buyer",
        lambda s: max(Counter(row["player"] for row in kept(s)).values()) > 1,
    ),
    Rule(
        "q2",
        "a player who never bought is a player",
        lambda s: any(row[1] > row[2] > 0 for row in buyers(s, kept(s))),
    ),
    Rule(
        "q2",
        "the share is rounded to 2 digits",
        lambda s: any(row[3] != row[2] / row[1] for row in buyers(s, kept(s))),
    ),
    Rule(
        "q2",
        "the share is rounded, not cut",
        lambda s: any(row[3] != row[2] * 100 // row[1] / 100 for row in buyers(s, kept(s))),
    ),
    Rule(
        "q2",
        "by country, not in the order of the table",
        lambda s: (
            list(dict.fromkeys(p["country"] for p in tables(s)["players"])) != sorted({*country_of(s).values()})
        ),
    ),
    Rule("q3", "a country without buyers is not there", lambda s: len(best(s, kept(s))) < len(buyers(s, kept(s)))),
    Rule("q3", "refunds make no buyer", lambda s: len(best(s, kept(s))) < len(best(s, kept(s, refunded=True)))),
    Rule(
        "q3",
        "refunds do not count for the best",
        lambda s: {r[:2] for r in best(s, kept(s))} - {r[:2] for r in best(s, kept(s, refunded=True))} != set(),
    ),
    Rule("q3", "the most, not the least", lambda s: len(best_buyers(s)) < len(coins_by(kept(s), "player"))),
    Rule(
        "q3",
        "the sum counts, not the largest purchase",
        lambda s: [r[:2] for r in best(s, kept(s))] != _largest(s),
    ),
    Rule(
        "q3",
        "of equal ones the first by name, not the last",
        lambda s: best(s, kept(s)) != best(s, kept(s), last=True),
    ),
    Rule(
        "q3",
        "of equal ones not the first in purchases",
        lambda s: _first_of_equals(s, "purchases") != [r[:2] for r in best(s, kept(s))],
    ),
    Rule(
        "q3",
        "of equal ones not the first in players",
        lambda s: _first_of_equals(s, "players") != [r[:2] for r in best(s, kept(s))],
    ),
    Rule(
        "q4",
        "refunds do not count",
        lambda s: not coins_by(kept(s), "day").items() & coins_by(kept(s, refunded=True), "day").items(),
    ),
    Rule(
        "q4",
        "the total is in the order of the days",
        lambda s: list(dict.fromkeys(row["day"] for row in kept(s))) != DAYS,
    ),
    Rule("q4", "the total contains the days before", lambda s: len(coins_by(kept(s), "day")) == len(DAYS)),
)
"""The lab\'s text, rule by rule. Other rules (names of columns, replacing a table) do not depend on the data."""


def _hard_coded(question: str, rows: Sequence[tuple]) -> Mutant:
    """Return the wrong solution that answers with these rows."""
    answer = [dict(zip(COLUMNS[question], row, strict=True)) for row in rows]
    old = f'lab.answer("{question}", answer_{question})'
    return Mutant("hard-coded", question, old, f'lab.answer("{question}", {answer})')


_REFUNDS = "    where not refunded\n    group by item"
MUTANTS = (
    Mutant("refunds counted", "q1", _REFUNDS, "    group by item"),
    Mutant("least first", "q1", "order by coins desc\n", "order by coins\n"),
    Mutant("off by one", "q1", "count(*) as sold", "count(*) - 1 as sold"),
    Mutant(
        "wrong column",
        "q1",
        "sum(coins) as coins\n    from purchases\n    where not refunded\n    group by item\n    order by coins",
        "sum(coins) as revenue\n    from purchases\n    where not refunded\n    group by item\n"
        "    order by revenue",
    ),
    _hard_coded("q1", items(kept(PRACTICE))),
    _hard_coded("q2", buyers(PRACTICE, kept(PRACTICE))),
    _hard_coded("q3", best(PRACTICE, kept(PRACTICE))),
    Mutant("countries without buyers dropped", "q2", "    left join purchases on", "    join purchases on"),
    Mutant(
        "purchases instead of buyers",
        "q2",
        "count(distinct purchases.player) as buyers",
        "count(purchases.player) as buyers",
    ),
    Mutant(
        "or for and",
        "q2",
        "players.player = purchases.player and not refunded",
        "players.player = purchases.player or not refunded",
    ),
    Mutant("refunded buyers counted", "q2", " and not refunded\n", "\n"),
    Mutant("share in whole numbers", "q2", ", 2) as share", ", 0) as share"),
    Mutant("smallest buyer", "q3", "order by coins desc, player)", "order by coins, player)"),
    Mutant(
        "no rule for equal ones",
        "q3",
        "order by coins desc, player)",
        "order by coins desc)",
        not_described="leaves any one of the players with equal coins",
    ),
    Mutant("the last of equal ones", "q3", "order by coins desc, player)", "order by coins desc, player desc)"),
    Mutant("largest purchase", "q3", "sum(coins) as coins", "max(coins) as coins"),
    Mutant(
        "share cut off",
        "q2",
        "round(count(distinct purchases.player) / count(distinct players.player), 2)",
        "floor(100 * count(distinct purchases.player) / count(distinct players.player)) / 100",
    ),
    Mutant("second, too", "q3", ") = 1", ") <= 2"),
    Mutant("second instead of first", "q3", ") = 1", ") = 2"),
    Mutant(
        "refunds counted", "q3", "        where not refunded\n        group by country", "        group by country"
    ),
    Mutant("one for the world", "q3", "over (partition by country order", "over (order"),
    Mutant("append for overwrite", "q4", 'mode("overwrite")', 'mode("append")'),
    Mutant("no running total", "q4", "over (order by day) as total", "over () as total"),
    Mutant("refunds counted", "q4", "    where not refunded\n    group by day", "    group by day"),
    Mutant("wrong column", "q4", ") as total", ") as sum_so_far"),
    Mutant(
        "wrong place",
        "q4",
        '/daily_revenue")',
        '/daily")',
        not_described="leaves yesterday's table in the place of the result, as an empty submission does",
    ),
)
