"""The tables of lab 3: purchases and players, different for every seed and alike in all that makes it a lab."""

from __future__ import annotations

import random
from functools import lru_cache

import pyarrow as pa

from eventlab.labs import seeds

PRICES = {"sword": 120, "knife": 45, "bow": 80, "shield": 95, "potion": 15}
SHARES = {"sword": 60, "knife": 90, "bow": 40, "shield": 30, "potion": 80}
DAYS = [f"2026-03-{day:02}" for day in range(1, 15)]
PLAYERS_A_COUNTRY = 6
REFUNDED = 40


@lru_cache(maxsize=4)
def tables(seed: int) -> dict[str, list[dict]]:
    """The rows of `purchases` and `players`. In one country nobody buys; some players only buy what they return."""
    rng = random.Random(seed)
    names = seeds.players(rng, PLAYERS_A_COUNTRY * len(seeds.COUNTRIES))
    players = [
        {"player": name, "country": seeds.COUNTRIES[number % len(seeds.COUNTRIES)], "level": rng.randint(1, 40)}
        for number, name in enumerate(names)
    ]
    poor = rng.choice(seeds.COUNTRIES)
    able = [player["player"] for player in players if player["country"] != poor]
    buyers = seeds.pick(rng, able, len(able) - seeds.about(rng, 8, 2))
    returning = buyers[:2]
    items = seeds.shares(rng, {item: seeds.about(rng, count, 9) for item, count in SHARES.items()})
    purchases = [
        {"player": rng.choice(buyers[2:]), "item": item, "coins": PRICES[item] + rng.randint(-5, 5), "refunded": False}
        for item in items
    ]
    for purchase in seeds.pick(rng, purchases, REFUNDED):
        purchase["refunded"] = True
    for player in returning:
        purchases.append({"player": player, "item": "sword", "coins": PRICES["sword"], "refunded": True})
    for number, purchase in enumerate(purchases):
        purchase["day"] = DAYS[number] if number < len(DAYS) else rng.choice(DAYS)
    return {"purchases": purchases, "players": players}


def yesterdays(seed: int) -> list[dict]:
    """What stands in the finance people's table before the lab: days that are over."""
    rng = random.Random(seed + 1)
    coins = [rng.randint(500, 900) for _ in range(5)]
    return [
        {"day": f"2026-02-{24 + n}", "coins": coins[n], "total": sum(coins[: n + 1])} for n in range(len(coins))
    ]


def as_arrow(rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(rows)
