"""The messages of lab 2: several types, some broken, some repeated, some late; other ones for each seed."""

from __future__ import annotations

import json
import operator
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from eventlab.labs import seeds

SHARES = {"default": 40, "purchase_sword": 40, "purchase_knife": 35, "purchase_bow": 25, "join_guild": 15}
REPEATED = 24
BROKEN = 14
LATE_GROUPS = (5, 5, 5, 5)
"""Sizes of groups of late purchases with the same whole minutes of delay."""
PRACTICE = seeds.practice_seed("lab02_extract")
ON_TIME_S, JUST_LATE_S = 3600, 3601
DESCRIPTIONS = ("very sharp knife", "as sharp as they come", "a butter knife", "rusty, but it cuts")


@dataclass(frozen=True)
class Sent:
    """A message: its value, when it arrived, and its event, which is None when it is broken."""

    value: bytes
    arrived_ms: int
    event: dict | None


@lru_cache(maxsize=4)
def messages(seed: int) -> list[Sent]:
    """Return the messages in the order of the topic, which is not the order in which they arrived."""
    rng = random.Random(seed)
    sent = _messages(rng)
    while seed != PRACTICE and any(map(operator.eq, numbers(sent), numbers(messages(PRACTICE)))):
        sent = _messages(rng)
    return sent


def numbers(sent: Sequence[Sent]) -> tuple[int, int, int]:
    """Return how many messages there are, how many of them are broken, and how many are not."""
    broken = sum(message.event is None for message in sent)
    return len(sent), broken, len(sent) - broken


def _messages(rng: random.Random) -> list[Sent]:
    types = seeds.shuffled(rng, {name: seeds.near(rng, count, 6) for name, count in SHARES.items()})
    events = [event(rng, number, name) for number, name in enumerate(types)]
    bought = [number for number, name in enumerate(types) if name.startswith("purchase_")]
    delays = _delays(rng, bought, len(events))
    first = [
        Sent(in_json(rng, event), ms(event) + delay * 1000, event)
        for event, delay in zip(events, delays, strict=True)
    ]
    again = _repeated(rng, first, [number for number in bought if delays[number] < ON_TIME_S])
    broken = [Sent(value, ms(rng.choice(events)), None) for value in broken_values(rng, first)]
    return _in_order_of_the_topic(rng, first, again, broken)


def event(rng: random.Random, number: int, event_type: str) -> dict:
    """Return an event with the fields of its type, at any time of the day."""
    happened = seeds.EPOCH_MS + rng.randint(0, seeds.DAY_MS // 1000) * 1000
    fields: dict[str, object] = {
        "event_id": f"e{number:04}",
        "event_type": event_type,
        "Host": f"user{rng.randint(1, 40)}.{rng.choice(seeds.PROVIDERS)}",
        "User-Agent": rng.choice(seeds.AGENTS),
        "happened_at": datetime.fromtimestamp(happened / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if event_type == "purchase_knife":
        fields["description"] = rng.choice(DESCRIPTIONS)
    elif event_type == "purchase_bow":
        fields["range_m"] = rng.randint(30, 120)
    elif event_type == "join_guild":
        fields["guild"] = rng.choice(seeds.ANIMALS) + "s"
    return fields


def ms(event: dict) -> int:
    """Return when an event happened, in milliseconds since 1970."""
    return int(datetime.fromisoformat(event["happened_at"]).timestamp() * 1000)


def in_json(rng: random.Random, event: dict) -> bytes:
    """Return the event as JSON with its keys in any order."""
    keys = list(event)
    rng.shuffle(keys)
    return json.dumps({key: event[key] for key in keys}).encode()


def broken_values(rng: random.Random, good: list[Sent]) -> list[bytes]:
    """Return text, an empty message, and JSON that was cut off."""
    texts = [b"connection reset", b"", b"<html>502 Bad Gateway</html>", b"event_type=purchase_sword"]
    cut = [sent.value[: rng.randint(5, len(sent.value) - 1)] for sent in rng.sample(good, BROKEN)]
    return (texts + cut)[: seeds.near(rng, BROKEN, 3)]


def _delays(rng: random.Random, bought: Sequence[int], count: int) -> list[int]:
    """Return the seconds from each event to its first arrival.

    One purchase is on the border and one a second past it. Groups of late purchases have the same whole minutes,
    and their seconds do not follow the order of their ids. Some events that are no purchases are late, too.
    """
    delays = [rng.randint(0, 50) for _ in range(count)]
    others = [number for number in range(count) if number not in set(bought)]
    for number in rng.sample(others, 4):
        delays[number] = rng.randint(3700, 50_000)
    border, past, *late = rng.sample(bought, 2 + sum(LATE_GROUPS))
    delays[border], delays[past] = ON_TIME_S, JUST_LATE_S
    minutes = iter(rng.sample(range(62, 800), len(LATE_GROUPS)))
    for size in LATE_GROUPS:
        group, late = sorted(late[:size]), late[size:]
        minute = next(minutes)
        seconds = _unordered(rng, sorted(rng.sample(range(60), size)))
        for number, second in zip(group, seconds, strict=True):
            delays[number] = minute * 60 + second
    return delays


def _unordered(rng: random.Random, values: list[int]) -> list[int]:
    """Return sorted values in another order, which is not the reverse either."""
    mixed = list(values)
    while mixed in (values, values[::-1]):
        rng.shuffle(mixed)
    return mixed


def _repeated(rng: random.Random, first: list[Sent], on_time: Sequence[int]) -> list[Sent]:
    """Return messages that are sent again: one of them twice, and one so late that it would count as late."""
    twice, late, *more = rng.sample(on_time, 10)
    numbers = [twice, twice, *more, *rng.sample(range(len(first)), REPEATED - 11)]
    again = [(number, rng.randint(60, 9000)) for number in numbers] + [(late, rng.randint(4000, 9000))]
    return [Sent(first[n].value, first[n].arrived_ms + delay * 1000, first[n].event) for n, delay in again]


def _in_order_of_the_topic(
    rng: random.Random, first: list[Sent], again: list[Sent], broken: list[Sent]
) -> list[Sent]:
    """Shuffle the messages so that some repeated ones are before, and some behind, their first arrival."""
    sent = first + again + broken
    while True:
        rng.shuffle(sent)
        place = {id(message): number for number, message in enumerate(sent)}
        of = {message.event["event_id"]: message for message in first if message.event}
        before = sum(place[id(m)] < place[id(of[m.event["event_id"]])] for m in again if m.event)
        if REPEATED // 4 <= before <= REPEATED - REPEATED // 4:
            return sent
