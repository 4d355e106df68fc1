"""The players' calls of lab 4: visits, purchases, guilds joined and changed, and items that nobody sells."""

from __future__ import annotations

import random
from functools import lru_cache

from eventlab.labs import seeds

PRICES = {"sword": 120, "knife": 45, "bow": 80, "shield": 95}
UNKNOWN = ("dragon", "castle", "unicorn")
VISITS, PURCHASES, UNKNOWNS, JOINS = 12, 26, 6, 14
HOSTS = 14
GUILDS = 5
PRACTICE = seeds.practice_seed("lab04_project")


@lru_cache(maxsize=4)
def calls(seed: int) -> list[dict[str, str]]:
    """Return the host and path of each call, in order."""
    rng = random.Random(seed)
    found = _calls(rng)
    while seed != PRACTICE and purchases_among(found) == purchases_among(calls(PRACTICE)):
        found = _calls(rng)
    return found


def purchases_among(calls: list[dict[str, str]]) -> int:
    """Return the number of purchases, also of items that nobody sells."""
    return sum(call["path"].startswith("/purchase/") for call in calls)


def _calls(rng: random.Random) -> list[dict[str, str]]:
    """Return calls with all special cases.

    One guild's only member buys nothing. One host buys and joins no guild. One host changes its guild twice: the
    last one is neither its first one, nor the first or last of them in the alphabet. One host buys an item twice.
    """
    hermit, single, changing, *hosts = seeds.hosts(rng, HOSTS)
    lonely, *guilds = rng.sample([f"{animal}s" for animal in seeds.ANIMALS], GUILDS)
    members, buyers = [changing, *hosts], [changing, single, *hosts]
    items = [*PRICES, *(rng.choice(list(PRICES)) for _ in range(seeds.near(rng, PURCHASES, 3)))]
    joins = [(rng.choice(hosts), rng.choice(guilds)) for _ in range(seeds.near(rng, JOINS, 3))]
    calls = [
        *(_call(rng.choice(members), "/") for _ in range(seeds.near(rng, VISITS, 3))),
        *(_call(rng.choice(buyers), f"/purchase/{item}") for item in items),
        *(_call(single, f"/purchase/{item}") for item in ("bow", "bow")),
        *(_call(rng.choice(buyers), f"/purchase/{item}") for item in UNKNOWN),
        *(_call(rng.choice(buyers), f"/purchase/{rng.choice(UNKNOWN)}") for _ in range(UNKNOWNS)),
        *(_call(host, f"/join/{guild}") for host, guild in joins),
        _call(hermit, f"/join/{lonely}"),
        _call(changing, f"/purchase/{rng.choice(list(PRICES))}"),
    ]
    rng.shuffle(calls)
    least, middle, greatest = sorted(rng.sample(guilds, 3))
    first, second = rng.sample((least, greatest), 2)
    for guild in (middle, second, first):
        calls.insert(rng.randrange(len(calls) // 3), _call(changing, f"/join/{guild}"))
    return _in_turn(calls, changing, [first, second, middle])


def _call(host: str, path: str) -> dict[str, str]:
    return {"host": host, "path": path}


def _in_turn(calls: list[dict[str, str]], host: str, guilds: list[str]) -> list[dict[str, str]]:
    """Return the calls, in which the host joins its guilds in this order."""
    turns = iter(guilds)
    return [
        _call(host, f"/join/{next(turns)}") if call["host"] == host and call["path"].startswith("/join/") else call
        for call in calls
    ]
