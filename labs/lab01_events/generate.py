"""A day of game events for lab 1: other hosts and figures for every seed, and the same traps in each."""

from __future__ import annotations

import json
import random
from functools import lru_cache

from eventlab.labs import seeds

SHARES = {"default": 30, "purchase_sword": 25, "purchase_knife": 18, "level_up": 30, "guild_chat": 15}
HOSTS = 20
BUYERS = 12
LEVELS = (19, 20, 29, 30)
"""The borders of rewards and medals: each is reached at least once."""


@lru_cache(maxsize=4)
def events(seed: int) -> list[dict]:
    """The day's events in order. Some hosts buy often, others never, one only a knife; levels lie on all borders."""
    rng = random.Random(seed)
    hosts = seeds.hosts(rng, HOSTS)
    knife_only, *buyers = hosts[:BUYERS]
    types = seeds.shares(rng, {name: seeds.about(rng, count, 5) for name, count in SHARES.items()})
    levels = list(LEVELS)
    for_knife_only = types.index("purchase_knife")
    made = []
    for number, event_type in enumerate(types):
        host = rng.choice(buyers if event_type.startswith("purchase_") else hosts)
        if number == for_knife_only:
            host = knife_only
        level = levels.pop() if event_type == "level_up" and levels else rng.randint(2, 40)
        event = {"event_type": event_type, "Host": host, "User-Agent": rng.choice(seeds.AGENTS), "level": level}
        made.append(event)
    return made


def messages(seed: int) -> list[bytes]:
    return [json.dumps(event).encode() for event in events(seed)]
