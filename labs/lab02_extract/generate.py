"""The messages of lab 2: several schemas, broken ones, some twice, some late; other ones for every seed."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

from eventlab.labs import seeds

SHARES = {"default": 40, "purchase_sword": 40, "purchase_knife": 35, "purchase_bow": 25, "join_guild": 15}
TWICE = 24
LATE = 18
BROKEN = 14
DESCRIPTIONS = ("very sharp knife", "as sharp as they come", "a butter knife", "rusty, but it cuts")


@dataclass(frozen=True)
class Sent:
    """A message as it arrives; `event` is None when it is broken."""

    value: bytes
    arrived_ms: int
    event: dict | None


def time_of(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=4)
def messages(seed: int) -> list[Sent]:
    """The topic's messages in order of arrival."""
    rng = random.Random(seed)
    types = seeds.shares(rng, {name: seeds.about(rng, count, 6) for name, count in SHARES.items()})
    events = [event(rng, number, name) for number, name in enumerate(types)]
    delays = [rng.randint(0, 50) * 1000 for _ in events]
    bought = [number for number, name in enumerate(types) if name.startswith("purchase_")]
    for place, number in enumerate(seeds.pick(rng, bought, LATE)):
        # Among them one on the border, which is not late, and one a second past it.
        delays[number] = (3600, 3601)[place] * 1000 if place < 2 else rng.randint(3700, 50_000) * 1000
    first = [Sent(in_json(rng, each), ms(each) + delay, each) for each, delay in zip(events, delays, strict=True)]
    again = [
        replace(first[number], arrived_ms=first[number].arrived_ms + rng.randint(60, 9000) * 1000)
        for number in seeds.pick(rng, range(len(first)), TWICE - 8) + seeds.pick(rng, bought, 8)
    ]
    broken = [Sent(value, ms(rng.choice(events)), None) for value in broken_values(rng, first)]
    return sorted(first + again + broken, key=lambda sent: sent.arrived_ms)


def event(rng: random.Random, number: int, event_type: str) -> dict:
    """An event with the fields of its type, some time in the day."""
    happened = seeds.EPOCH_MS + rng.randint(0, seeds.DAY_MS // 1000) * 1000
    own = {
        "purchase_knife": {"description": rng.choice(DESCRIPTIONS)},
        "purchase_bow": {"range_m": rng.randint(30, 120), "description": None},
        "join_guild": {"guild": rng.choice(seeds.ANIMALS) + "s"},
    }
    fields = {
        "event_id": f"e{number:04}",
        "event_type": event_type,
        "Host": f"user{rng.randint(1, 40)}.{rng.choice(seeds.PROVIDERS)}",
        "User-Agent": rng.choice(seeds.AGENTS),
        "happened_at": time_of(happened),
    }
    return fields | {name: value for name, value in own.get(event_type, {}).items() if value is not None}


def ms(event: dict) -> int:
    return int(datetime.fromisoformat(event["happened_at"]).timestamp() * 1000)


def in_json(rng: random.Random, event: dict) -> bytes:
    """The event with its keys in any order."""
    keys = list(event)
    rng.shuffle(keys)
    return json.dumps({key: event[key] for key in keys}).encode()


def broken_values(rng: random.Random, good: list[Sent]) -> list[bytes]:
    """Text, nothing, and JSON that was cut off."""
    texts = [b"connection reset", b"", b"<html>502 Bad Gateway</html>", b"event_type=purchase_sword"]
    cut = [sent.value[: rng.randint(5, len(sent.value) - 1)] for sent in seeds.pick(rng, good, BROKEN)]
    count = seeds.about(rng, BROKEN, 3)
    return (texts + cut)[:count]
