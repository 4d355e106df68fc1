"""The events of the lab: other hosts and numbers for each seed. Students get this file."""

from __future__ import annotations

import json
import random

from eventlab.labs import seeds

HOSTS = 6


def events(seed: int) -> list[dict]:
    """Return the events in order. Each host but the last one buys swords; knives are bought, too."""
    rng = random.Random(seed)
    hosts = seeds.hosts(rng, HOSTS)
    types = {"purchase_sword": hosts[:-1], "purchase_knife": hosts}
    in_order = [
        {"event_type": event_type, "Host": host}
        for event_type, buyers in types.items()
        for host in buyers
        for _ in range(rng.randint(2, 6))
    ]
    rng.shuffle(in_order)
    return in_order


def messages(seed: int) -> list[bytes]:
    """Return the events as the values of Kafka messages."""
    return [json.dumps(event).encode() for event in events(seed)]
