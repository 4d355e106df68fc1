"""The checks of lab 3: the truth is recomputed here in plain Python, from the seed's own tables."""

from __future__ import annotations

from collections import defaultdict

from eventlab.labs import files
from eventlab.labs.checks import Verdict, check, expect
from eventlab.labs.evidence import Evidence, EvidenceError
from eventlab.labs.names import Namespace

from .generate import as_arrow, tables, yesterdays


def prepare(namespace: Namespace, seed: int) -> None:
    """Write the lab's tables, and yesterday's daily revenue, to the namespace's folder."""
    for name, rows in tables(seed).items():
        files.write_table(f"{namespace.folder}/{name}", as_arrow(rows))
    files.write_table(f"{namespace.folder}/daily_revenue", as_arrow(yesterdays(seed)))


def kept(seed: int) -> list[dict]:
    """The purchases that count."""
    return [purchase for purchase in tables(seed)["purchases"] if not purchase["refunded"]]


def coins_by(seed: int, column: str) -> dict[str, int]:
    totals: dict[str, int] = defaultdict(int)
    for purchase in kept(seed):
        totals[purchase[column]] += purchase["coins"]
    return dict(totals)


def table(evidence: Evidence, question: str) -> list[dict]:
    """An answer that is a list of rows; anything else is a failed check."""
    rows = evidence.answer(question)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise EvidenceError(f"the answer is no list of rows but {rows!r:.100}")
    return rows


def column(rows: list[dict], name: str) -> list:
    return [row.get(name) for row in rows]


@check("q1", points=1, hint="Group by item, and name the columns with `as`.")
def one_row_an_item_with_item_sold_and_coins(evidence: Evidence) -> Verdict:
    rows = table(evidence, "q1")
    got = sorted((str(row.get("item")), *sorted(set(row) - {"item"})) for row in rows)
    return expect(expected=sorted((item, "coins", "sold") for item in coins_by(evidence.seed, "item")), got=got)


@check("q1", points=1, hint="Sum the coins of an item, and leave refunded purchases out.")
def the_coins_of_all_items_are_the_revenue(evidence: Evidence) -> Verdict:
    coins = [value for value in column(table(evidence, "q1"), "coins") if isinstance(value, int)]
    return expect(expected=sum(coins_by(evidence.seed, "item").values()), got=sum(coins))


@check("q2", points=1, hint="A country without buyers has no partner in an inner join.")
def every_country_is_there_in_alphabetical_order(evidence: Evidence) -> Verdict:
    countries = sorted({player["country"] for player in tables(evidence.seed)["players"]})
    return expect(expected=countries, got=column(table(evidence, "q2"), "country"))


@check("q2", points=1, hint="A player who bought twice is one player: count distinct.")
def the_players_add_up(evidence: Evidence) -> Verdict:
    players = [value for value in column(table(evidence, "q2"), "players") if isinstance(value, int)]
    return expect(expected=len(tables(evidence.seed)["players"]), got=sum(players))


@check("q3", points=1, hint="Rank within a country (partition by), and keep the first.")
def one_row_a_country_with_buyers(evidence: Evidence) -> Verdict:
    return expect(expected=sorted(best(evidence.seed)), got=column(table(evidence, "q3"), "country"))


@check("q4", points=1, hint="Name the columns `day`, `coins` and `total`, in this order.")
def the_table_has_day_coins_and_total(evidence: Evidence) -> Verdict:
    if evidence.rows("daily_revenue") == yesterdays(evidence.seed):
        raise EvidenceError("the table is still yesterday's")
    return expect(expected=["day", "coins", "total"], got=list(evidence.columns("daily_revenue")))


@check("q4", points=1, hint="Yesterday's rows are still there, or a day is missing: which mode replaces a table?")
def each_day_is_there_once(evidence: Evidence) -> Verdict:
    days = sorted(str(row.get("day")) for row in evidence.rows("daily_revenue"))
    return expect(expected=sorted(coins_by(evidence.seed, "day")), got=days)


def best(seed: int) -> dict[str, tuple[str, int]]:
    """Country -> its best buyer and what that one spent."""
    country = {player["player"]: player["country"] for player in tables(seed)["players"]}
    found: dict[str, tuple[str, int]] = {}
    for player, coins in sorted(coins_by(seed, "player").items()):
        if coins > found.get(country[player], ("", -1))[1]:
            found[country[player]] = (player, coins)
    return found


### BEGIN HIDDEN TESTS
from collections import Counter  # noqa: E402

from eventlab.labs.checks import Mutant  # noqa: E402


@check("q1", points=1, hint="The most coins first; refunded purchases are not sold.", hidden=True)
def every_item_has_its_figures_and_its_place(evidence: Evidence) -> Verdict:
    coins = coins_by(evidence.seed, "item")
    sold = Counter(purchase["item"] for purchase in kept(evidence.seed))
    right = [(item, sold[item], coins[item]) for item in sorted(coins, key=lambda item: (-coins[item], item))]
    got = [(row["item"], row["sold"], row["coins"]) for row in table(evidence, "q1")]
    tied = sorted(got, key=lambda row: (-row[2], row[0]))  # the order of items with equal coins is not asked for
    return expect(expected=right, got=tied if [row[2] for row in got] == [row[2] for row in tied] else got)


@check("q2", points=2, hint="A refunded purchase makes nobody a buyer; the share is rounded to 2 digits.", hidden=True)
def every_country_has_its_buyers_and_share(evidence: Evidence) -> Verdict:
    players = tables(evidence.seed)["players"]
    bought = set(coins_by(evidence.seed, "player"))
    right = []
    for country in sorted({player["country"] for player in players}):
        own = [player["player"] for player in players if player["country"] == country]
        buyers = sum(player in bought for player in own)
        right.append((country, len(own), buyers, round(buyers / len(own), 2)))
    names = ("country", "players", "buyers", "share")
    return expect(expected=right, got=[tuple(row.get(name) for name in names) for row in table(evidence, "q2")])


@check("q3", points=3, hint="Sum before you rank, leave refunds out, and break ties by name.", hidden=True)
def every_country_has_its_best_buyer(evidence: Evidence) -> Verdict:
    right = [(country, *who) for country, who in sorted(best(evidence.seed).items())]
    got = [(row.get("country"), row.get("player"), row.get("coins")) for row in table(evidence, "q3")]
    return expect(expected=right, got=got)


@check("q4", points=1, hint="Group by day, without refunded purchases.", hidden=True)
def every_day_has_its_coins(evidence: Evidence) -> Verdict:
    got = sorted((str(row.get("day")), row.get("coins")) for row in evidence.rows("daily_revenue"))
    return expect(expected=sorted(coins_by(evidence.seed, "day").items()), got=got)


@check("q4", points=2, hint="A window that is ordered by day sums up to the day.", hidden=True)
def the_total_runs_from_day_to_day(evidence: Evidence) -> Verdict:
    coins = sorted(coins_by(evidence.seed, "day").items())
    right = [(day, sum(value for _, value in coins[: n + 1])) for n, (day, _) in enumerate(coins)]
    got = sorted((str(row.get("day")), row.get("total")) for row in evidence.rows("daily_revenue"))
    return expect(expected=right, got=got)


_REFUNDS = "    where not refunded\n    group by item"
MUTANTS = (
    Mutant("refunds counted", "q1", _REFUNDS, "    group by item"),
    Mutant("least first", "q1", "order by coins desc\n", "order by coins\n"),
    Mutant("off by one", "q1", "count(*) as sold", "count(*) - 1 as sold"),
    Mutant("wrong column", "q1", "sum(coins) as coins\n    from purchases\n    where not refunded\n    group by item",
           "sum(coins) as revenue\n    from purchases\n    where not refunded\n    group by item"),
    Mutant("hard-coded", "q1", 'lab.answer("q1", per_item.collect())',
           'lab.answer("q1", [{"item": "sword", "sold": 55, "coins": 6600}])'),
    Mutant("countries without buyers dropped", "q2", "    left join purchases on", "    join purchases on"),
    Mutant("purchases instead of buyers", "q2", "count(distinct purchases.player) as buyers",
           "count(purchases.player) as buyers"),
    Mutant("or for and", "q2", "players.player = purchases.player and not refunded",
           "players.player = purchases.player or not refunded"),
    Mutant("refunded buyers counted", "q2", " and not refunded\n", "\n"),
    Mutant("share in whole numbers", "q2", ", 2) as share", ", 0) as share"),
    Mutant("smallest buyer", "q3", "order by coins desc, player)", "order by coins, player)"),
    Mutant("second, too", "q3", ") = 1", ") <= 2"),
    Mutant("second instead of first", "q3", ") = 1", ") = 2"),
    Mutant("refunds counted", "q3", "        where not refunded\n        group by country", "        group by country"),
    Mutant("one for the world", "q3", "over (partition by country order", "over (order"),
    Mutant("append for overwrite", "q4", 'mode("overwrite")', 'mode("append")'),
    Mutant("no running total", "q4", "over (order by day) as total", "over () as total"),
    Mutant("refunds counted", "q4", "    where not refunded\n    group by day", "    group by day"),
    Mutant("wrong column", "q4", ") as total", ") as sum_so_far"),
    Mutant("wrong place", "q4", "/daily_revenue\")", "/daily\")"),
)
### END HIDDEN TESTS
