"""One day of the game: some thousand messages, uneven by hour, item and provider.

The same seed gives the same day. As in a real topic, a few messages are damaged, and the schema changes: at 14:00
a new version of the game sends nested purchases.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

DATE = "2026-03-14"
SEED = 29092
UPDATE_HOUR = 14
"""The hour from which purchases are nested: `{"item": {"name": "sword", "price": 120, ...}}`."""
VISITS_PER_HOUR = (
    *(60, 40, 25, 15, 12, 15, 30, 55, 70, 75, 80, 95),
    *(120, 110, 100, 120, 160, 210, 270, 330, 380, 360, 250, 130),
)
"""Fewest in the early morning, most between 20 and 21 o'clock."""
ITEMS = {
    "sword": (120, ["steel", "two-handed"]),
    "knife": (45, ["steel"]),
    "bow": (80, ["wood", "two-handed"]),
    "shield": (95, ["wood", "steel"]),
    "potion": (15, []),
}
"""The price and the tags of each item."""
ITEM_WEIGHTS = (12, 18, 9, 6, 55)
GUILDS = {"dragons": 9, "foxes": 5, "owls": 3, "badgers": 1}
BROKEN = (
    b'{"event_type": "purchase", "player": "ad',
    b"this is not json",
    b"",
    b"\xff\xfe\x00",
    b"[1, 2]",
    b"null",
)
"""Damaged messages: cut off, plain text, empty, binary, and JSON that is not an object."""


@dataclass(frozen=True)
class Provider:
    """A provider: the Host of its players, its share of the visits, and its purchases per 100 visits."""

    host: str
    share: int
    purchases: int


PROVIDERS = (
    Provider("user1.comcast.com", 45, 8),
    Provider("user2.att.com", 25, 22),
    Provider("user3.verizon.com", 15, 12),
    Provider("user4.orange.fr", 10, 35),
    Provider("user5.telekom.de", 5, 18),
)
"""The largest provider has the fewest purchases per visit."""


@lru_cache(maxsize=2)
def messages(seed: int = SEED) -> tuple[bytes, ...]:
    """Return the values of the day's messages in the order of their time."""
    rng = random.Random(seed)
    values = [json.dumps(event).encode() for event in sorted(_events(rng), key=lambda event: event["time"])]
    for value in BROKEN:
        values.insert(rng.randrange(len(values)), value)
    return tuple(values)


def _events(rng: random.Random) -> Iterator[dict[str, Any]]:
    """Yield the events of each visit: the visit, and perhaps a purchase and a guild that the player joins."""
    shares = [provider.share for provider in PROVIDERS]
    for hour, visits in enumerate(VISITS_PER_HOUR):
        for _ in range(visits):
            provider = rng.choices(PROVIDERS, shares)[0]
            player = f"player{rng.randrange(400):03}"
            time = f"{DATE}T{hour:02}:{rng.randrange(60):02}:{rng.randrange(60):02}"
            sender = {
                "player": player,
                "Host": provider.host,
                "User-Agent": f"game/{2 if hour >= UPDATE_HOUR else 1}",
            }
            yield {"time": time, "event_type": "default"} | sender
            if rng.randrange(100) < provider.purchases:
                yield {"time": time} | _purchase(rng, hour) | sender
            if rng.randrange(100) < 4:
                guild = rng.choices(list(GUILDS), list(GUILDS.values()))[0]
                yield {"time": time, "event_type": "join_guild", "guild": guild} | sender


def _purchase(rng: random.Random, hour: int) -> dict[str, Any]:
    """Return the fields of a purchase: the old schema is flat, and its price is a string."""
    name = rng.choices(list(ITEMS), ITEM_WEIGHTS)[0]
    price, tags = ITEMS[name]
    if hour < UPDATE_HOUR:
        return {"event_type": f"purchase_{name}", "price": str(price)}
    quantity = rng.randint(1, 5) if name == "potion" else 1
    item = {"name": name, "price": price, "tags": tags}
    return {"event_type": "purchase", "item": item, "quantity": quantity}
