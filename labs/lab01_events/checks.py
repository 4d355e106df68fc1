"""The checks of lab 1: results in Kafka, compared with the events of the seed.

Checks that students see compare totals and forms. What computes an answer is hidden.
"""

from __future__ import annotations

from collections import Counter

from eventlab.labs.checks import Verdict, check, expect, number
from eventlab.labs.evidence import Evidence
from eventlab.labs.inputs import Outgoing, send
from eventlab.labs.names import Namespace

from .generate import FIRST, SHARES, events, messages

FIELDS = ("Host", "coins", "event_type", "level", "medal")


def prepare(namespace: Namespace, seed: int) -> None:
    """Send the day's events to the namespace's topic."""
    send(namespace.topic, map(Outgoing, messages(seed)))


def sent(evidence: Evidence, suffix: str) -> list[dict]:
    """Return the events of a topic that the student fills."""
    return evidence.events(evidence.namespace.topic_of(suffix))


@check(
    "q1", points=1, hint='auto_offset_reset="earliest" starts at the first event; count by event["event_type"].'
)
def every_type_of_event_is_counted(evidence: Evidence) -> Verdict:
    return expect(expected=sorted(SHARES), got=sorted(evidence.counts("q1")))


@check("q1", points=1, hint="Read to the end: the sum of all counts is the number of events in the topic.")
def no_event_is_missing(evidence: Evidence) -> Verdict:
    counts = [number(count) for count in evidence.counts("q1").values()]
    return expect(
        expected=len(events(evidence.seed)), got="no number" if None in counts else sum(filter(None, counts))
    )


@check("q2", points=2, hint="commit() after the 30th event: the committed offset is the one to read next.")
def the_group_continues_at_offset_30(evidence: Evidence) -> Verdict:
    offsets = [f"offset {offset} of partition {partition}" for partition, offset in evidence.committed().items()]
    return expect(expected=f"offset {FIRST} of partition 0", got=", ".join(offsets) or "no committed offset")


@check(
    "q3", points=1, hint="Send to the topic in the variable thanks: event_type `thank_you` and the Host, as JSON."
)
def a_thank_you_has_its_fields(evidence: Evidence) -> Verdict:
    types = {(str(event.get("event_type")), *sorted(event)) for event in sent(evidence, "thanks")}
    return expect(expected=[("thank_you", "Host", "event_type")], got=sorted(types))


@check("q3", points=1, hint='A set contains each host once. lab.new_topic("thanks") deletes what you sent before.')
def nobody_is_thanked_twice(evidence: Evidence) -> Verdict:
    times = Counter(str(event.get("Host")) for event in sent(evidence, "thanks"))
    repeated = [f"{host} {count} times" for host, count in times.items() if count > 1]
    expected = "each buyer once"
    return expect(expected=expected, got=", ".join(repeated) or (expected if times else "no event"))


@check("q4", points=1, hint="The fields are event_type, Host, level, coins and medal.")
def a_reward_has_its_fields(evidence: Evidence) -> Verdict:
    fields = {tuple(sorted(event)) for event in sent(evidence, "rewards")}
    return expect(expected=[FIELDS], got=sorted(fields))


@check("q4", points=1, hint="Level 20 is rewarded, level 19 is not.")
def the_lowest_rewarded_level_is_20(evidence: Evidence) -> Verdict:
    found = [number(event.get("level")) for event in sent(evidence, "rewards")]
    levels = [level for level in found if level is not None]
    if not levels or None in found:
        return expect(expected=20, got="a level that is not a number" if found else "no event")
    return expect(expected=20, got=min(levels))


### BEGIN HIDDEN TESTS
def is_purchase(event: dict) -> bool:
    """Return whether an event is a purchase."""
    return event["event_type"].startswith("purchase_")


def hosts(seed: int, *types: str) -> set[str]:
    """Return the hosts of the events of these types."""
    return {event["Host"] for event in events(seed) if event["event_type"] in types}


def rewarded(seed: int, event_type: str = "level_up", least: int = 20) -> list[dict]:
    """Return the events that are rewarded, in order."""
    return [event for event in events(seed) if event["event_type"] == event_type and event["level"] >= least]


@check("q1", points=1, hint="Count each event once, under its own type.", hidden=True)
def every_type_has_its_count(evidence: Evidence) -> Verdict:
    expected = dict(Counter(event["event_type"] for event in events(evidence.seed)))
    return expect(expected=expected, got=evidence.counts("q1"))


def purchases_among_first(seed: int) -> int:
    """Return the number of purchases among the first events."""
    return sum(map(is_purchase, events(seed)[:FIRST]))


@check("q2", points=2, hint="Swords and knives, among the first 30 events only.", hidden=True)
def the_purchases_among_the_first_30_are_counted(evidence: Evidence) -> Verdict:
    return expect(expected=purchases_among_first(evidence.seed), got=evidence.value("q2"))


@check("q3", points=1, hint="A buyer is a host that bought a sword or a knife.", hidden=True)
def exactly_the_buyers_are_thanked(evidence: Evidence) -> Verdict:
    buyers = hosts(evidence.seed, "purchase_sword", "purchase_knife")
    return expect(
        expected=sorted(buyers), got=sorted({str(event.get("Host")) for event in sent(evidence, "thanks")})
    )


@check("q3", points=1, hint="send(topic, value, key=host.encode())", hidden=True)
def the_key_is_the_host(evidence: Evidence) -> Verdict:
    messages = evidence.messages(evidence.namespace.topic_of("thanks"))
    wrong = [message.key for message in messages if message.key != str((message.event or {}).get("Host")).encode()]
    return expect(expected=[], got=wrong if messages else "no event")


@check("q4", points=1, hint="Only a level_up is rewarded, each one from level 20 on.", hidden=True)
def as_many_rewards_as_levels_from_20_on(evidence: Evidence) -> Verdict:
    return expect(expected=len(rewarded(evidence.seed)), got=len(sent(evidence, "rewards")))


@check("q4", points=1, hint="Send in the order of the level_ups.", hidden=True)
def the_right_players_are_rewarded_in_order(evidence: Evidence) -> Verdict:
    expected, got = rewards(evidence)
    names = ("Host", "level")
    return expect(expected=[pick(event, *names) for event in expected], got=[pick(event, *names) for event in got])


@check("q4", points=1, hint="coins is a number, ten times the level; gold begins at level 30.", hidden=True)
def coins_and_medals_follow_the_level(evidence: Evidence) -> Verdict:
    """Look at them in any order, because the order has a check of its own."""
    level_ups, sent_rewards = rewards(evidence)
    expected = [
        ("level_reward", event["level"] * 10, "gold" if event["level"] >= 30 else "silver") for event in level_ups
    ]
    got = [pick(event, "event_type", "coins", "medal") for event in sent_rewards]
    return expect(expected=sorted(expected, key=repr), got=sorted(got, key=repr))


def rewards(evidence: Evidence) -> tuple[list[dict], list[dict]]:
    """Return the events to reward and the rewards, without those that the check of the lowest level is about.

    These are rewards below level 20, and the events of level 20 when no reward has this level.
    """
    got = sent(evidence, "rewards")
    levels = [level_number(event.get("level")) for event in got]
    kept = [event for event, level in zip(got, levels, strict=True) if level is None or level >= 20]
    return rewarded(evidence.seed, least=20 if 20 in levels else 21), kept


def level_number(level: object) -> int | float | None:
    """Return the number of a level, also of one that is text: the type has a check of its own."""
    return number(int(level) if isinstance(level, str) and level.isdecimal() and len(level) < 4 else level)


def pick(event: dict, *names: str) -> tuple:
    """Return the values of some fields; None for a field that is missing."""
    return tuple(event.get(name) for name in names)


### END HIDDEN TESTS
