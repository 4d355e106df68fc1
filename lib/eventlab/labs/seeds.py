"""The seeds of a lab's data, and random parts of game events.

How many events of each kind a lab has is fixed, or varies little. The seed chooses the rest, so that a lab is
equally hard for all students.
"""

from __future__ import annotations

import hashlib
import random
from typing import TypeVar

T = TypeVar("T")

PROVIDERS = ("comcast.com", "att.com", "verizon.net", "orange.fr", "telekom.de", "kddi.jp")
AGENTS = ("ApacheBench/2.3", "Mozilla/5.0", "curl/8.5", "okhttp/4.12", "GameClient/1.7")
ADJECTIVES = (
    *("brave", "calm", "eager", "gentle", "jolly", "lucky"),
    *("quick", "quiet", "proud", "shy", "wise", "wild"),
)
ANIMALS = (
    *("otter", "heron", "lynx", "badger", "falcon", "marten"),
    *("newt", "raven", "stoat", "toad", "vole", "wren"),
)
COUNTRIES = ("Chile", "France", "Ghana", "India", "Japan", "Norway")
EPOCH_MS = 1_735_689_600_000
"""2025-01-01 00:00:00 UTC: when the labs' events begin. Kafka refuses times in the future."""
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def seed_of(student: str, lab: str, purpose: str) -> int:
    """Return a seed of 128 bits, never 0; another purpose gives other data.

    The released generator turns a seed into data. With a small seed, a submission could try all seeds until one
    gives the messages that it sees, and then compute the answers from the seed; 2**128 seeds cannot be tried.
    """
    text = "\0".join((student, lab, purpose)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:16], "big") or 1


def another(seed: int, purpose: str) -> int:
    """Return a seed for other data of the same submission, from which the first data cannot be computed."""
    return int.from_bytes(hashlib.sha256(f"{purpose} {seed}".encode()).digest()[:16], "big")


def further(seed: int, times: int = 1) -> int:
    """Return the seed after a submission got other data a number of times."""
    for _ in range(times):
        seed = another(seed, "again")
    return seed


def practice_seed(lab: str) -> int:
    """Return the seed of the data on which all students work.

    A student who writes down answers of these data instead of computing them must not be right with other data. So
    each answer that is a number has another value with other data.
    """
    return seed_of("", lab, "practice")


def players(rng: random.Random, count: int) -> list[str]:
    """Return different names of players, such as `brave-otter`, in random order."""
    names = [f"{adjective}-{animal}" for adjective in ADJECTIVES for animal in ANIMALS]
    return rng.sample(names, count)


def shuffled(rng: random.Random, counts: dict[T, int]) -> list[T]:
    """Return a list with each key as often as its count says, in random order."""
    keys = [key for key, count in counts.items() for _ in range(count)]
    rng.shuffle(keys)
    return keys


def near(rng: random.Random, count: int, spread: int) -> int:
    """Return a random number that differs from `count` by at most `spread`, so that students' results differ."""
    return count + rng.randint(-spread, spread)


def hosts(rng: random.Random, count: int) -> list[str]:
    """Return different hosts as in the course: `user7.comcast.com`."""
    numbers = rng.sample(range(1, 100), count)
    return [f"user{number}.{rng.choice(PROVIDERS)}" for number in numbers]
