"""The flow of lab 5: purchases, visits, copies, late events, and messages that cannot be read, in portions."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from functools import lru_cache

from eventlab.labs import seeds

PRICES = {"sword": 120, "knife": 45, "bow": 80, "shield": 95}
FIRST_MINUTES, STEP_MINUTES, STEPS = 24, 4, 4
"""How much event time the first portion has, and each of the next ones."""
LATE_MINUTES, TOO_LATE_MINUTES = (8.0, 9.5), (18.0, 23.0)
"""How much older than the newest event before it a late event is."""
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
        self.no_objects = seeds.sample(self.rng, NO_OBJECTS, len(NO_OBJECTS))
        self.unreadable = seeds.sample(self.rng, UNREADABLE, len(UNREADABLE))

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
