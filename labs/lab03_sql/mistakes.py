"""The known mistakes of lab 3, not released: what each leaves with the data of a seed, in plain Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import floor

from eventlab.labs.mistakes import Mistake, Result

from .checks import COLUMNS, best, buyers, coins_by, country_of, items, kept
from .generate import PRACTICE, yesterdays

Row = tuple[object, ...]


def _answer(question: str, rows: Iterable[Row], names: Sequence[str] = ()) -> Result:
    return Result(answer=[dict(zip(names or COLUMNS[question], row, strict=True)) for row in rows])


def _countries(seed: int, change: Callable[[int, int, int], Row], refunded: bool = False) -> Result:
    """Return the answer of question 2, in which players, buyers and share of a country are changed.

    `change` receives the country's players, its buyers, and the number of its purchases.
    """
    sold = Counter(country_of(seed)[row["player"]] for row in kept(seed, refunded))
    rows = buyers(seed, kept(seed, refunded))
    return _answer("q2", ((c, *change(players, bought, sold[c])) for c, players, bought, _ in rows))


def _either(seed: int) -> Result:
    """Return the answer when a player is joined with each kept purchase, and with the player's own ones."""
    world, countries = {row["player"] for row in kept(seed)}, country_of(seed)
    rows = []
    for country, players, _, _ in buyers(seed, kept(seed)):
        own = {row["player"] for row in kept(seed, refunded=True) if countries[row["player"]] == country}
        count = len(world | own)
        rows.append((country, players, count, round(count / players, 2)))
    return _answer("q2", rows)


def _dropped(seed: int) -> Result:
    rows = [(country, bought, bought, 1.0) for country, _, bought, _ in buyers(seed, kept(seed)) if bought]
    return _answer("q2", rows)


def _ranked(seed: int, places: slice, sign: int = -1) -> Result:
    """Return the players of each country at some places by their coins; of equal ones, the first by name."""
    countries = country_of(seed)
    spent = sorted(coins_by(kept(seed), "player").items(), key=lambda pair: (sign * pair[1], pair[0]))
    names = sorted({countries[player] for player, _ in spent})
    rows = [(c, *pair) for c in names for pair in [p for p in spent if countries[p[0]] == c][places]]
    return _answer("q3", rows)


def _largest(seed: int) -> Result:
    most: dict[str, int] = {}
    for row in kept(seed):
        most[row["player"]] = max(most.get(row["player"], 0), row["coins"])
    return _answer("q3", best(seed, [{"player": player, "coins": coins} for player, coins in most.items()]))


def _of_the_world(seed: int) -> Result:
    return _answer("q3", sorted(best(seed, kept(seed)), key=lambda row: (-row[2], row[1]))[:1])


def _days(seed: int, refunded: bool = False, running: bool = True) -> list[Row]:
    coins = sorted(coins_by(kept(seed, refunded), "day").items())
    totals = [sum(value for _, value in coins[: n + 1]) for n in range(len(coins))]
    return [(day, value, totals[n] if running else totals[-1]) for n, (day, value) in enumerate(coins)]


def _daily(rows: Iterable[Row], names: Sequence[str] = COLUMNS["q4"]) -> Result:
    found = [dict(zip(names, row, strict=True)) for row in rows]
    return Result(tables={"daily_revenue": found}, columns={"daily_revenue": dict.fromkeys(names, "any")})


def _hard_coded(question: str, rows: Iterable[Row]) -> Mistake:
    why = "You are graded with other data. Compute the answer from the tables."
    did = "wrote down the rows of the practice data"
    return Mistake(question, "hard-coded", did, why, lambda s: _answer(question, rows))


REFUNDS = "A refunded purchase was given back. Leave it out: where not refunded."
MISTAKES = (
    _hard_coded("q1", items(kept(PRACTICE))),
    _hard_coded("q2", buyers(PRACTICE, kept(PRACTICE))),
    _hard_coded("q3", best(PRACTICE, kept(PRACTICE))),
    Mistake(
        "q1",
        "refunds counted",
        "counted refunded purchases",
        REFUNDS,
        lambda s: _answer("q1", items(kept(s, True))),
    ),
    Mistake(
        "q1",
        "least first",
        "put the item with the fewest coins first",
        "The item with the most coins comes first: order by coins desc.",
        lambda s: _answer("q1", items(kept(s))[::-1]),
    ),
    Mistake(
        "q1",
        "off by one",
        "counted one purchase of each item too few",
        "count(*) is the number of rows of a group.",
        lambda s: _answer("q1", [(item, sold - 1, coins) for item, sold, coins in items(kept(s))]),
    ),
    Mistake(
        "q1",
        "wrong column",
        "gave the column coins another name",
        "Name the columns item, sold and coins.",
        lambda s: _answer("q1", items(kept(s)), ("item", "sold", "revenue")),
    ),
    Mistake(
        "q2",
        "countries without buyers dropped",
        "lost the countries and players without a purchase",
        "An inner join keeps only players with a purchase. A left join keeps all.",
        _dropped,
    ),
    Mistake(
        "q2",
        "purchases instead of buyers",
        "counted purchases instead of buyers",
        "Who bought twice is one buyer: count(distinct ...).",
        lambda s: _countries(s, lambda players, bought, sold: (players, sold, round(bought / players, 2))),
    ),
    Mistake(
        "q2",
        "or for and",
        "joined each player with the purchases of all",
        "Both conditions of the join must hold: the same player, and not refunded.",
        _either,
    ),
    Mistake(
        "q2",
        "refunded buyers counted",
        "counted buyers whose purchases were refunded",
        "A refunded purchase makes nobody a buyer.",
        lambda s: _countries(s, lambda players, bought, sold: (players, bought, round(bought / players, 2)), True),
    ),
    Mistake(
        "q2",
        "share in whole numbers",
        "rounded the share to a whole number",
        "Round the share to 2 digits.",
        lambda s: _countries(s, lambda players, bought, sold: (players, bought, floor(bought / players + 0.5))),
    ),
    Mistake(
        "q2",
        "share cut off",
        "cut the share off instead of rounding it",
        "5 / 7 is 0.714..., rounded 0.71; 4 / 6 is 0.666..., rounded 0.67.",
        lambda s: _countries(s, lambda players, bought, sold: (players, bought, 100 * bought // players / 100)),
    ),
    Mistake(
        "q3",
        "smallest buyer",
        "chose the player who spent least",
        "The best buyer spent most: order by coins desc.",
        lambda s: _ranked(s, slice(1), sign=1),
    ),
    Mistake(
        "q3",
        "the last of equal ones",
        "chose the last name of players who spent equally much",
        "Of players with equal coins, the first by name counts.",
        lambda s: _answer("q3", best(s, kept(s), last=True)),
    ),
    Mistake(
        "q3",
        "largest purchase",
        "ranked players by their largest purchase",
        "The sum of a player's purchases counts.",
        _largest,
    ),
    Mistake(
        "q3",
        "second, too",
        "kept two players of each country",
        "Keep the first place only.",
        lambda s: _ranked(s, slice(2)),
    ),
    Mistake(
        "q3",
        "second instead of first",
        "chose the second best player",
        "row_number() begins at 1.",
        lambda s: _ranked(s, slice(1, 2)),
    ),
    Mistake(
        "q3",
        "refunds counted",
        "counted refunded purchases",
        REFUNDS,
        lambda s: _answer("q3", best(s, kept(s, refunded=True))),
    ),
    Mistake(
        "q3",
        "one for the world",
        "chose one player of the whole world",
        "Each country has its own best buyer: partition by country.",
        _of_the_world,
    ),
    Mistake(
        "q4",
        "append for overwrite",
        "kept yesterday's rows",
        'Replace the table: mode("overwrite").',
        lambda s: _daily([*(tuple(row.values()) for row in yesterdays(s)), *_days(s)]),
    ),
    Mistake(
        "q4",
        "no running total",
        "wrote the total of all days into each row",
        "The total of a day sums up to this day: over (order by day).",
        lambda s: _daily(_days(s, running=False)),
    ),
    Mistake(
        "q4", "refunds counted", "counted refunded purchases", REFUNDS, lambda s: _daily(_days(s, refunded=True))
    ),
    Mistake(
        "q4",
        "wrong column",
        "gave the column total another name",
        "Name the columns day, coins and total.",
        lambda s: _daily(_days(s), ("day", "coins", "sum_so_far")),
    ),
)
