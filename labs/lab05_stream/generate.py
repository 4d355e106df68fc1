"""The flow of lab 5: purchases, visits, copies, late events, and messages that cannot be read, in portions.

Below the generator: what is true of each message, computed from its text in plain Python. The public checks use it
to name the first message that went wrong.
"""

from __future__ import annotations

import json
import random
from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate
from typing import Any

from eventlab.labs import seeds

PRICES = {"sword": 120, "knife": 45, "bow": 80, "shield": 95}
FIRST_MINUTES, STEP_MINUTES, STEPS = 24, 4, 4
"""How much event time the first portion has, and each of the next ones."""
LATE_MINUTES, TOO_LATE_MINUTES = (8.0, 9.5), (20.0, 23.0)
"""How much older than the newest event before it a late event is.

Spark drops late rows by the watermark of the batch before. Without an empty batch, this watermark is STEP_MINUTES
old: an event is too late for each watermark up to 15 minutes only from 19 minutes on.
"""
LATE_S, ALLOWED_S, TOO_LATE_S = 5 * 60, 10 * 60, 15 * 60
"""From when an event is late, until when it counts, and from when it does not count any more."""
UNREADABLE = (*("cut off",) * 3, *("no object",) * 2, *("no id",) * 3, *("no time",) * 2)
NO_OBJECTS = ("[1, 2, 3]", '"hello"', "game over")
SECOND_MS, MINUTE_MS = 1000, seeds.MINUTE_MS


@lru_cache(maxsize=4)
def portions(seed: int) -> tuple[tuple[bytes, ...], ...]:
    """Return the messages in the order in which they are sent, in portions.

    - The first portion has events of FIRST_MINUTES, each later one of STEP_MINUTES.
    - A later portion begins with events that are late, and a copy of an earlier message; from the third later one
      on, one of them is too late. How late an event is depends on the newest event before it only.
    - The newest event of each portion is a purchase.
    - The last two portions are one event each, hours later: they complete all windows before.
    """
    return tuple(tuple(portion) for portion in _Flow(seed).portions())


def messages(seed: int) -> list[bytes]:
    """Return all messages in order; the offset of a message is its place in this list."""
    return [message for portion in portions(seed) for message in portion]


class _Flow:
    """The events so far, and random further ones."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.players = seeds.players(self.rng, 12)
        self.now_ms = seeds.EPOCH_MS + 12 * seeds.HOUR_MS
        self.recent: list[bytes] = []
        self.no_objects = self.rng.sample(NO_OBJECTS, len(NO_OBJECTS))
        self.unreadable = self.rng.sample(UNREADABLE, len(UNREADABLE))

    def portions(self) -> list[list[bytes]]:
        first = self.in_order(FIRST_MINUTES, purchases=14, visits=3)
        found = [first]
        for step in range(1, STEPS + 1):
            behind = [self.purchase(self.now_ms - self.minutes(*LATE_MINUTES)) for _ in range(2)]
            behind.append(self.rng.choice(self.recent))
            if step > 2:
                behind.append(self.purchase(self.now_ms - self.minutes(*TOO_LATE_MINUTES)))
            self.rng.shuffle(behind)
            found.append([*behind, *self.in_order(STEP_MINUTES, purchases=5, visits=2)])
        closing = self.purchase(self.now_ms + 3 * seeds.HOUR_MS)
        return [*found, [closing], [self.event(self.now_ms + 4 * seeds.HOUR_MS, "visit")]]

    def in_order(self, minutes: int, purchases: int, visits: int) -> list[bytes]:
        """Return events in the order of their times, one copy, and two messages that cannot be read."""
        begin, end = self.now_ms, self.now_ms + minutes * MINUTE_MS
        times = sorted(self.rng.sample(range(begin + SECOND_MS, end, SECOND_MS), purchases + visits - 1))
        kinds = seeds.shuffled(self.rng, {"purchase": purchases - 1, "visit": visits})
        made = [
            self.purchase(time) if kind == "purchase" else self.event(time, kind)
            for time, kind in zip(times, kinds, strict=True)
        ]
        bought = [message for message, kind in zip(made, kinds, strict=True) if kind == "purchase"]
        self.recent, self.now_ms = bought[-3:], end
        copied = self.rng.choice(bought)
        made.insert(made.index(copied) + 1, copied)
        for number in range(2):  # at different times, so that no two of them are the same
            unreadable = self.not_readable(self.unreadable.pop(), end - number * SECOND_MS)
            made.insert(self.rng.randrange(len(made)), unreadable)
        return [*made, self.purchase(end)]

    def minutes(self, least: float, most: float) -> int:
        return round(self.rng.uniform(least, most) * 60) * SECOND_MS

    def purchase(self, time_ms: int) -> bytes:
        item = self.rng.choice(list(PRICES))
        return self.event(time_ms, "purchase", item=item, coins=PRICES[item])

    def event(self, time_ms: int, event_type: str, **fields: object) -> bytes:
        moment = datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        own = {"id": f"{self.rng.getrandbits(32):08x}", "time": moment, "event_type": event_type}
        return json.dumps(own | {"player": self.rng.choice(self.players)} | fields).encode()

    def not_readable(self, kind: str, time_ms: int) -> bytes:
        whole = self.purchase(time_ms)
        if kind == "no object":
            return self.no_objects.pop().encode()
        if kind == "cut off":
            return whole[: self.rng.randrange(len(whole) // 3, len(whole) - 1)]
        fields = json.loads(whole)
        if kind == "no id":
            del fields["id"]
        else:
            fields["time"] = self.rng.choice(("yesterday", "", "12 o'clock"))
        return json.dumps(fields).encode()


@dataclass(frozen=True)
class Sent:
    """A message of the flow.

    Attributes:
        event: The event, or None if the message cannot be read.
        reason: Why it cannot be read, or "".
        behind_s: How much older it is than the newest event before it, in seconds; 0 if it is newer.
        copy_of: The offset of the message of which it is a copy, or None.
    """

    offset: int
    value: bytes
    event: dict[str, Any] | None
    reason: str
    behind_s: float = 0.0
    copy_of: int | None = None

    @property
    def minute(self) -> datetime:
        """Return the beginning of the event's minute."""
        return moment(self.event or {}).replace(second=0)


def moment(event: dict[str, Any]) -> datetime:
    """Return the time of an event."""
    return datetime.fromisoformat(event["time"])


def read(value: bytes) -> tuple[dict[str, Any] | None, str]:
    """Return the event in a message, or None and the reason why it cannot be read."""
    try:
        event = json.loads(value)
    except ValueError:
        return None, "not an object"
    if not isinstance(event, dict):
        return None, "not an object"
    if "id" not in event:
        return None, "no id"
    try:
        moment(event)
    except ValueError:
        return None, "no time"
    return event, ""


@lru_cache(maxsize=4)
def flow(seed: int) -> tuple[Sent, ...]:
    """Return all messages with what is true of them."""
    found: list[Sent] = []
    first: dict[str, int] = {}
    newest = datetime.min.replace(tzinfo=UTC)
    for offset, value in enumerate(messages(seed)):
        event, reason = read(value)
        if event is None:
            found.append(Sent(offset, value, None, reason))
            continue
        copy_of = first.setdefault(event["id"], offset)
        behind = max(0.0, (newest - moment(event)).total_seconds()) if first and offset else 0.0
        newest = max(newest, moment(event))
        found.append(Sent(offset, value, event, "", behind, None if copy_of == offset else copy_of))
    return tuple(found)


def purchases(seed: int) -> list[Sent]:
    """Return the purchases without copies."""
    return [
        one for one in flow(seed) if one.event and one.event["event_type"] == "purchase" and one.copy_of is None
    ]


def in_time(seed: int) -> list[Sent]:
    """Return the purchases that count in their minute, without the last one, whose minute is never complete."""
    return [one for one in purchases(seed)[:-1] if one.behind_s <= ALLOWED_S]


def extent(seed: int, some: Iterable[Sent]) -> str:
    """Return whether messages are of the first portion only, of each one before the last three, or others."""
    ends = [*accumulate(map(len, portions(seed)))]
    there = {bisect(ends, one.offset) for one in some}
    return "first" if there == {0} else "each" if there >= {*range(STEPS)} else "some"


def stage_of_lost(seed: int, lost: list[Sent]) -> str:
    """Return the stage at which purchases got lost.

    A watermark drops late ones only. A batch that is not written is lost as a whole: never a part of the first
    portion, which is one batch, and never everything.
    """
    if all(one.behind_s > LATE_S for one in lost):
        return "windowed"
    right = purchases(seed)
    first = [one for one in right if one.offset < len(portions(seed)[0])]
    is_part = 0 < sum(one in first for one in lost) < len(first)
    return "filtered" if is_part or len(lost) == len(right) else "written"
