"""The players' calls of lab 4: visits, purchases, guilds joined and changed, and things that nobody sells."""

from __future__ import annotations

import random
from functools import lru_cache

from eventlab.labs import seeds

PRICES = {"sword": 120, "knife": 45, "bow": 80, "shield": 95}
UNKNOWN = ("dragon", "castle", "unicorn")
SHARES = {"visit": 12, "purchase": 30, "unknown": 6, "join": 16}
HOSTS = 14
GUILDS = 5


@lru_cache(maxsize=4)
def calls(seed: int) -> list[dict[str, str]]:
    """Every call's host and path. One guild's only member buys nothing; one host, at least, changes its guild."""
    rng = random.Random(seed)
    hermit, *hosts = seeds.hosts(rng, HOSTS)
    lonely, *guilds = seeds.pick(rng, [f"{animal}s" for animal in seeds.ANIMALS], GUILDS)
    kinds = seeds.shares(rng, {name: seeds.about(rng, count, 3) for name, count in SHARES.items()})
    made = [{"host": rng.choice(hosts), "path": path(rng, kind, guilds)} for kind in kinds]
    changing = next(call for call in made if call["path"].startswith("/join/"))
    others = [f"/join/{guild}" for guild in guilds if not changing["path"].endswith(guild)]
    # Its last guild is neither its first one nor the last in the alphabet.
    made += [{"host": changing["host"], "path": path} for path in sorted(seeds.pick(rng, others, 2), reverse=True)]
    made.insert(rng.randrange(len(made)), {"host": hermit, "path": f"/join/{lonely}"})
    return made


def path(rng: random.Random, kind: str, guilds: list[str]) -> str:
    choices = {
        "visit": ["/"],
        "purchase": [f"/purchase/{item}" for item in PRICES],
        "unknown": [f"/purchase/{item}" for item in UNKNOWN],
        "join": [f"/join/{guild}" for guild in guilds],
    }
    return rng.choice(choices[kind])


def events(seed: int) -> list[dict[str, object]]:
    """What a right API sends for the calls, in order."""
    made: list[dict[str, object]] = []
    for call in calls(seed):
        _, kind, *rest = call["path"].split("/")
        host = call["host"]
        if not kind:
            made.append({"event_type": "default", "host": host})
        elif kind == "join":
            made.append({"event_type": "join_guild", "host": host, "guild": rest[0]})
        elif rest[0] in PRICES:
            made.append({"event_type": "purchase", "host": host, "item": rest[0], "coins": PRICES[rest[0]]})
    return made
