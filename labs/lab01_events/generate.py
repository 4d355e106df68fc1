"""The events of lab 1: other hosts and numbers for each seed, and the same special cases in each."""

from __future__ import annotations

import json
import operator
import random
from functools import lru_cache

from eventlab.labs import seeds

SHARES = {"default": 30, "purchase_sword": 25, "purchase_knife": 18, "level_up": 30, "guild_chat": 15}
HOSTS = 20
BUYERS = 12
FIRST = 30
"""How many events the group of question 2 reads."""
PURCHASES_AMONG_FIRST = range(6, 19)
PRACTICE = seeds.practice_seed("lab01_events")
LEVELS = (19, 20, 29, 30)
"""The borders of rewards and medals: a level_up reaches each of them."""


@lru_cache(maxsize=4)
def events(seed: int) -> list[dict]:
    """Return the day's events in order.

    Some hosts buy often, others never, one only a knife and one only a sword. Levels are on all borders. Both
    kinds of purchases are among the first 30 events, and after them.
    """
    rng = random.Random(seed)
    hosts = seeds.hosts(rng, HOSTS)
    knife_only, sword_only, *buyers = hosts[:BUYERS]
    types = _types(rng)
    while seed != PRACTICE and _has_a_number_of(types, [event["event_type"] for event in events(PRACTICE)]):
        types = _types(rng)
    special = {types.index("purchase_knife"): knife_only, types.index("purchase_sword"): sword_only}
    levels = rng.sample(LEVELS, len(LEVELS))
    in_order = []
    for number, event_type in enumerate(types):
        host = special.get(number) or rng.choice(buyers if event_type.startswith("purchase_") else hosts)
        level = levels.pop() if event_type == "level_up" and levels else rng.randint(2, 40)
        in_order.append(
            {"event_type": event_type, "Host": host, "User-Agent": rng.choice(seeds.AGENTS), "level": level}
        )
    return in_order


def _types(rng: random.Random) -> list[str]:
    """Return the types in random order, with both purchases in each part."""
    counts = {name: seeds.near(rng, count, 5) for name, count in SHARES.items()}
    while True:
        types = seeds.shuffled(rng, counts)
        first, rest = types[:FIRST], types[FIRST:]
        purchases = sum(name.startswith("purchase_") for name in first)
        both = {"purchase_sword", "purchase_knife"}
        if both <= set(first) and both <= set(rest) and purchases in PURCHASES_AMONG_FIRST:
            return types


def _has_a_number_of(types: list[str], others: list[str]) -> bool:
    """Return whether another day has as many events, or as many purchases among the first ones."""
    numbers, theirs = (
        (len(day), sum(name.startswith("purchase_") for name in day[:FIRST])) for day in (types, others)
    )
    return any(map(operator.eq, numbers, theirs))


def messages(seed: int) -> list[bytes]:
    """Return the events as the values of Kafka messages."""
    return [json.dumps(event).encode() for event in events(seed)]
