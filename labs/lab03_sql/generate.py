"""The tables of lab 3: purchases and players, other ones for each seed, with the same special cases in each."""

from __future__ import annotations

import random
from functools import lru_cache

import pyarrow as pa

from eventlab.labs import seeds

PRICES = {"sword": 120, "knife": 45, "bow": 80, "shield": 95, "potion": 15}
SHARES = {"sword": 60, "knife": 120, "bow": 40, "shield": 30, "potion": 80}
DAYS = [f"2026-03-{day:02}" for day in range(1, 15)]
PLAYERS_OF = (5, 6, 7)
"""Players of a country. The share of buyers is never in the middle between two numbers of two digits."""
REFUNDED = 40
PRACTICE = seeds.practice_seed("lab03_sql")
EQUAL = 4
"""Players of a country who spent most."""


@lru_cache(maxsize=4)
def tables(seed: int) -> dict[str, list[dict]]:
    """Return the rows of `purchases` and `players`.

    In one country nobody keeps a purchase. In each other country several players spent most, exactly as much as
    each other, so that a wrong rule for equal sums is not right by luck. In one at least, somebody spent less. In
    one of these countries a refunded purchase would make another player the best.
    """
    rng = random.Random(seed)
    poor, changed, *others = rng.sample(seeds.COUNTRIES, len(seeds.COUNTRIES))
    players = _players(rng, poor, changed)
    while seed != PRACTICE and len(players) == len(tables(PRACTICE)["players"]):
        players = _players(rng, poor, changed)
    equal = {country: rng.sample(_names(players, country), EQUAL) for country in (changed, *others)}
    buyers = [name for names in equal.values() for name in names]
    for place, country in enumerate(others):
        rest = sorted(set(_names(players, country)) - set(equal[country]))
        buyers += rng.sample(rest, rng.choice((0, 1)) if place else 1)
    purchases = _purchases(rng, buyers)
    for names in equal.values():
        _make_equal(players, names, purchases)
    purchases.append(_purchase(rng.choice(_names(players, poor)), "sword", refunded=True))
    _return_most(_names(players, changed), max(equal[changed]), purchases)
    _add_days(rng, purchases)
    rng.shuffle(purchases)
    for names in equal.values():
        _last_name_first(names, players, purchases)
    return {"purchases": purchases, "players": players}


def yesterdays(seed: int) -> list[dict]:
    """Return the table of the finance people before the lab: days that are over."""
    rng = random.Random(seed + 1)
    coins = [rng.randint(500, 900) for _ in range(5)]
    return [
        {"day": f"2026-02-{24 + n}", "coins": coins[n], "total": sum(coins[: n + 1])} for n in range(len(coins))
    ]


def as_arrow(rows: list[dict]) -> pa.Table:
    """Return rows as an Arrow table."""
    return pa.Table.from_pylist(rows)


def _players(rng: random.Random, poor: str, changed: str) -> list[dict]:
    """Return the players in random order, and not as many in each country."""
    sizes = {country: rng.choice(PLAYERS_OF) for country in seeds.COUNTRIES} | {poor: 7, changed: 6}
    countries = sorted(sizes)
    while list(dict.fromkeys(countries)) == sorted(sizes):
        countries = seeds.shuffled(rng, sizes)
    names = seeds.players(rng, len(countries))
    return [
        {"player": name, "country": country, "level": rng.randint(1, 40)}
        for name, country in zip(names, countries, strict=True)
    ]


def _names(players: list[dict], country: str) -> list[str]:
    return sorted(player["player"] for player in players if player["country"] == country)


def _purchase(player: str, item: str, coins: int | None = None, *, refunded: bool = False) -> dict:
    return {"player": player, "item": item, "coins": coins or PRICES[item], "refunded": refunded}


def _purchases(rng: random.Random, buyers: list[str]) -> list[dict]:
    """Return purchases of which each buyer keeps at least one."""
    items = seeds.shuffled(rng, {item: seeds.near(rng, count, 9) for item, count in SHARES.items()})
    players = [*buyers, *(rng.choice(buyers) for _ in items[len(buyers) :])]
    purchases = [
        _purchase(player, item, PRICES[item] + rng.randint(-5, 5))
        for player, item in zip(players, items, strict=True)
    ]
    for purchase in rng.sample(purchases[len(buyers) :], REFUNDED):
        purchase["refunded"] = True
    return purchases


def _make_equal(players: list[dict], names: list[str], purchases: list[dict]) -> None:
    """Add purchases so that these players spent more than all others of their country, and equally much.

    The one who comes last in the alphabet gets the largest single purchase.
    """
    (country,) = {player["country"] for player in players if player["player"] in names}
    spent = dict.fromkeys(_names(players, country), 0)
    for purchase in purchases:
        if purchase["player"] in spent and not purchase["refunded"]:
            spent[purchase["player"]] += purchase["coins"]
    most = max(spent.values()) + 2 * PRICES["sword"]
    for name in names:
        while (rest := most - spent[name]) > 0:
            coins = rest if name == max(names) else min(rest, PRICES["sword"])
            purchases.append(_purchase(name, "sword", coins))
            spent[name] += coins


def _return_most(names: list[str], player: str, purchases: list[dict]) -> None:
    """Let a player return more than all others of these names: it would be the best if refunds counted."""
    returned = dict.fromkeys(names, 0)
    for purchase in purchases:
        if purchase["player"] in returned and purchase["refunded"]:
            returned[purchase["player"]] += purchase["coins"]
    while returned[player] <= max(returned[name] for name in names if name != player):
        purchases.append(_purchase(player, "sword", refunded=True))
        returned[player] += PRICES["sword"]


def _add_days(rng: random.Random, purchases: list[dict]) -> None:
    """Give each purchase a day; on each day one is kept and one is refunded."""
    for refunded in (False, True):
        ours = [purchase for purchase in purchases if purchase["refunded"] == refunded]
        for number, purchase in enumerate(ours):
            purchase["day"] = DAYS[number] if number < len(DAYS) else rng.choice(DAYS)


def _last_name_first(names: list[str], *tables: list[dict]) -> None:
    """Order the rows of these players among themselves: the one who comes last in the alphabet first."""
    for table in tables:
        places = [number for number, row in enumerate(table) if row["player"] in names]
        rows = sorted((table[number] for number in places), key=lambda row: row["player"], reverse=True)
        for number, row in zip(places, rows, strict=True):
            table[number] = row
