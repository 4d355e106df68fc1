"""The checks of lab 3: answers and a table on HDFS, compared with the tables of the seed.

Checks that students see compare totals and forms. What computes an answer is hidden.
"""

from __future__ import annotations

from eventlab.labs import files
from eventlab.labs.checks import Verdict, check, expect, iso_day, named, number, same
from eventlab.labs.evidence import Evidence, EvidenceError
from eventlab.labs.names import Namespace

from .generate import DAYS, PRICES, as_arrow, tables, yesterdays

COLUMNS = {
    "q1": ("item", "sold", "coins"),
    "q2": ("country", "players", "buyers", "share"),
    "q3": ("country", "player", "coins"),
    "q4": ("day", "coins", "total"),
}


def prepare(namespace: Namespace, seed: int) -> None:
    """Write the lab's tables, and yesterday's daily revenue, to the namespace's folder."""
    for name, rows in tables(seed).items():
        files.write_table(f"{namespace.folder}/{name}", as_arrow(rows))
    files.write_table(f"{namespace.folder}/daily_revenue", as_arrow(yesterdays(seed)))


def table(evidence: Evidence, question: str) -> list[dict]:
    """Return the rows of an answer."""
    return evidence.table(question, *COLUMNS[question])


def column(rows: list[dict], name: str) -> list:
    """Return the values of a column."""
    return [row.get(name) for row in rows]


def total(values: list) -> int | float | str:
    """Return the sum of numbers, or a text when one of them is no number."""
    numbers = [number(value) for value in values]
    return "a value that is not a number" if None in numbers else sum(numbers)  # type: ignore[arg-type]


def daily(evidence: Evidence) -> list[tuple]:
    """Return the rows of daily_revenue by day; yesterday's table, unchanged, is not a result."""
    rows = named(evidence.rows("daily_revenue"), COLUMNS["q4"])
    found = sorted(
        ((iso_day(row.get("day")), number(row.get("coins")), number(row.get("total"))) for row in rows), key=str
    )
    if found == [(row["day"], row["coins"], row["total"]) for row in yesterdays(evidence.seed)]:
        raise EvidenceError("daily_revenue is still yesterday's table")
    return found


@check("q1", points=1, hint="Group by item, and name the columns with `as`.")
def one_row_per_item_with_item_sold_and_coins(evidence: Evidence) -> Verdict:
    rows = table(evidence, "q1")
    got = sorted((str(row.get("item")), *sorted(set(row) - {"item"})) for row in rows)
    return expect(expected=sorted((item, "coins", "sold") for item in PRICES), got=got)


def revenue(seed: int) -> int:
    """Return the coins of all purchases that were not refunded."""
    return sum(row["coins"] for row in tables(seed)["purchases"] if not row["refunded"])


@check("q1", points=1, hint="Sum the coins of an item, and leave refunded purchases out.")
def the_coins_of_all_items_are_the_revenue(evidence: Evidence) -> Verdict:
    coins = column(named(table(evidence, "q1"), COLUMNS["q1"]), "coins")
    return expect(expected=revenue(evidence.seed), got=total(coins))


@check("q2", points=1, hint="A country without buyers has no partner in an inner join.")
def every_country_is_there_in_alphabetical_order(evidence: Evidence) -> Verdict:
    countries = sorted({player["country"] for player in tables(evidence.seed)["players"]})
    return expect(expected=countries, got=column(table(evidence, "q2"), "country"))


@check("q2", points=1, hint="Count all players, also those who never bought; one who bought twice is one.")
def the_players_add_up(evidence: Evidence) -> Verdict:
    players = column(table(evidence, "q2"), "players")
    return expect(expected=len(tables(evidence.seed)["players"]), got=total(players))


@check("q3", points=1, hint="Rank within a country, keep the first, sort by country; refunds make no buyer.")
def one_row_per_country_with_buyers(evidence: Evidence) -> Verdict:
    countries = [str(country) for country in column(table(evidence, "q3"), "country")]
    known = {player["country"] for player in tables(evidence.seed)["players"]}
    expected = f"{len(known) - 1} countries in alphabetical order"
    right = countries == sorted(set(countries) & known) and len(countries) == len(known) - 1
    return expect(expected=expected, got=expected if right else countries)


@check("q4", points=1, hint="Name the columns `day`, `coins` and `total`.")
def the_table_has_day_coins_and_total(evidence: Evidence) -> Verdict:
    daily(evidence)
    return expect(expected=sorted(COLUMNS["q4"]), got=sorted(evidence.columns("daily_revenue")))


@check("q4", points=1, hint="If yesterday's rows are still there, look at the mode of your write.")
def each_day_is_there_once(evidence: Evidence) -> Verdict:
    return expect(expected=DAYS, got=[row[0] for row in daily(evidence)])


### BEGIN HIDDEN TESTS
from collections import Counter  # noqa: E402


def kept(seed: int, refunded: bool = False) -> list[dict]:
    """Return the purchases that count; with `refunded` all purchases."""
    return [row for row in tables(seed)["purchases"] if refunded or not row["refunded"]]


def coins_by(rows: list[dict], name: str) -> dict[str, int]:
    """Return the sum of coins for each value of a column."""
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row[name]] += row["coins"]
    return dict(sums)


def country_of(seed: int) -> dict[str, str]:
    """Return the country of each player."""
    return {player["player"]: player["country"] for player in tables(seed)["players"]}


def items(rows: list[dict]) -> list[tuple[str, int, int]]:
    """Return item, sold and coins, the item with the most coins first."""
    coins, sold = coins_by(rows, "item"), Counter(row["item"] for row in rows)
    return [(item, sold[item], coins[item]) for item in sorted(coins, key=lambda item: (-coins[item], item))]


def buyers(seed: int, rows: list[dict]) -> list[tuple[str, int, int, float]]:
    """Return country, players, buyers and share."""
    bought, countries = {row["player"] for row in rows}, country_of(seed)
    found = []
    for country in sorted(set(countries.values())):
        players = [player for player, place in countries.items() if place == country]
        count = sum(player in bought for player in players)
        found.append((country, len(players), count, round(count / len(players), 2)))
    return found


def best(seed: int, rows: list[dict], last: bool = False) -> list[tuple[str, str, int]]:
    """Return country, player and coins of the best buyers; of equal ones the first (or last) by name."""
    countries = country_of(seed)
    found: dict[str, tuple[str, int]] = {}
    for player, coins in sorted(coins_by(rows, "player").items(), reverse=last):
        if coins > found.get(countries[player], ("", -1))[1]:
            found[countries[player]] = (player, coins)
    return [(country, *who) for country, who in sorted(found.items())]


def best_buyers(seed: int) -> set[tuple[str, str]]:
    """Return country and player of everybody who spent as much as the best buyer of the country."""
    spent, countries = coins_by(kept(seed), "player"), country_of(seed)
    most = {country: coins for country, _, coins in best(seed, kept(seed))}
    return {(countries[player], player) for player, coins in spent.items() if coins == most[countries[player]]}


@check("q1", points=1, hint="sold is the number of purchases; the most coins come first.", hidden=True)
def every_item_has_its_figures_and_its_place(evidence: Evidence) -> Verdict:
    """Wrong coins and counted refunds cost the check of the revenue only; equal coins may be in any order."""
    rows = named(table(evidence, "q1"), COLUMNS["q1"])
    got = [tuple(row.get(name) for name in COLUMNS["q1"]) for row in rows]
    coins = [number(row[2]) for row in got]
    right, counted = items(kept(evidence.seed)), items(kept(evidence.seed, refunded=True))
    if total(column(rows, "coins")) != revenue(evidence.seed):
        sold = sorted((str(item), number(sold)) for item, sold, _ in got)
        if sold in [sorted(row[:2] for row in figures) for figures in (right, counted)]:
            own = {item: (number, coins) for item, number, coins in right}
            got = [(item, *own[str(item)]) for item, *_ in got]
    if None not in coins and coins == sorted(coins, reverse=True):  # type: ignore[type-var]
        got = sorted(got, key=lambda row: (-(number(row[2]) or 0), str(row[0])))
    return expect(expected=right, got=got)


@check("q2", points=1, hint="A refunded purchase makes nobody a buyer; who bought twice is one.", hidden=True)
def every_country_has_its_buyers(evidence: Evidence) -> Verdict:
    """Look at the countries that are there, in any order."""
    right = {country: count for country, _, count, _ in buyers(evidence.seed, kept(evidence.seed))}
    got = {str(row.get("country")): row.get("buyers") for row in of_countries(evidence, "q2", "buyers")}
    return expect(expected={country: right.get(country) for country in got} or right, got=got)


@check("q2", points=1, hint="The share is buyers divided by players, rounded to 2 digits.", hidden=True)
def every_country_has_its_share(evidence: Evidence) -> Verdict:
    """Look at the countries that are there; a share of the answer's own buyers and players is right, too.

    One of these two must be the country's: a share of invented numbers is none.
    """
    figures_of = {
        country: (players, count) for country, players, count, _ in buyers(evidence.seed, kept(evidence.seed))
    }
    right = {country: share for country, *_, share in buyers(evidence.seed, kept(evidence.seed))}
    expected, got = {}, {}
    for row in of_countries(evidence, "q2", "share"):
        country, share = str(row.get("country")), number(row.get("share"))
        players, bought = number(row.get("players")), number(row.get("buyers"))
        follows = (
            (players and bought is not None and share is not None)
            and same(share, round(share, 2))
            and any(map(same, figures_of.get(country, ()), (players, bought)))
            and abs(bought / players - share) < 0.00501
        )
        expected[country], got[country] = share if follows else right.get(country), share
    return expect(expected=expected or right, got=got)


def of_countries(evidence: Evidence, question: str, own: str) -> list[dict]:
    """Return the rows of an answer; a wrong name of a column costs the check that the column belongs to."""
    rows = table(evidence, question)
    if any(own not in row for row in rows):
        raise EvidenceError(f"the answer has no column {own}")
    return named(rows, COLUMNS[question])


@check("q3", points=2, hint="Sum before you rank, leave refunds out, and break ties by name.", hidden=True)
def every_country_has_its_best_buyer(evidence: Evidence) -> Verdict:
    """Look at the countries in any order; rows with equal coins, and refunds that count, cost other checks."""
    players, equal = {row[:2] for row in best(evidence.seed, kept(evidence.seed))}, best_buyers(evidence.seed)
    with_refunds = {row[:2] for row in best(evidence.seed, kept(evidence.seed, refunded=True))}
    got = {(str(row.get("country")), str(row.get("player"))) for row in of_countries(evidence, "q3", "player")}
    return expect(
        expected=sorted(players), got=sorted(players if players <= got <= equal or got == with_refunds else got)
    )


@check("q3", points=1, hint="coins is the sum of what the player spent, without refunds.", hidden=True)
def every_player_has_the_sum_of_the_coins(evidence: Evidence) -> Verdict:
    """Look at the players in the answer, whether they are the best ones or not."""
    spent = coins_by(kept(evidence.seed), "player")
    got = {str(row.get("player")): row.get("coins") for row in of_countries(evidence, "q3", "coins")}
    return expect(expected={player: spent.get(player) for player in got} or "players", got=got)


@check("q4", points=1, hint="Group by day, without refunded purchases.", hidden=True)
def every_day_has_its_coins(evidence: Evidence) -> Verdict:
    """Look at the days that are there: which ones are has a check of its own."""
    right = coins_by(kept(evidence.seed), "day")
    got = {day: coins for day, coins, _ in daily(evidence) if day in right}
    return expect(expected={day: right[day] for day in got} or right, got=got)


@check("q4", points=2, hint="A window that is ordered by day sums up to the day.", hidden=True)
def the_total_runs_from_day_to_day(evidence: Evidence) -> Verdict:
    """Look at the days that are there. A total with refunds is right, too; one with other coins is not."""
    rows = [row for row in daily(evidence) if row[0] in DAYS]
    coins, counted = (coins_by(kept(evidence.seed, refunded), "day") for refunded in (False, True))
    is_counted = all(value in (coins[day], counted[day]) for day, value, _ in rows)
    own = [(day, sum(number(value) or 0 for _, value, _ in rows[: n + 1])) for n, (day, *_) in enumerate(rows)]
    right = [(day, sum(coins[each] for each in DAYS if each <= day)) for day, *_ in rows]
    got = [(day, total) for day, _, total in rows]
    return expect(expected=(own if is_counted and same(own, got) else right) or "days", got=got)


### END HIDDEN TESTS
