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
    return expect(expected=len(events(evidence.seed)), got="no number" if None in counts else sum(counts))


@check("q2", points=2, hint="commit() after the 30th event: the committed offset is the one to read next.")
def the_group_continues_at_offset_30(evidence: Evidence) -> Verdict:
    return expect(expected={0: FIRST}, got=evidence.committed())


@check("q3", points=1, hint="Send JSON with event_type `thank_you` and the Host, and flush().")
def a_thank_you_has_its_fields(evidence: Evidence) -> Verdict:
    types = {(str(event.get("event_type")), *sorted(event)) for event in sent(evidence, "thanks")}
    return expect(expected=[("thank_you", "Host", "event_type")], got=sorted(types))


@check("q3", points=1, hint='A set contains each host once. lab.new_topic("thanks") deletes what you sent before.')
def nobody_is_thanked_twice(evidence: Evidence) -> Verdict:
    times = Counter(str(event.get("Host")) for event in sent(evidence, "thanks"))
    if not times:
        return expect(expected="each buyer once", got="no event")
    return expect(expected={}, got={host: count for host, count in times.items() if count > 1})


@check("q4", points=1, hint="The fields are event_type, Host, level, coins and medal.")
def a_reward_has_its_fields(evidence: Evidence) -> Verdict:
    fields = {tuple(sorted(event)) for event in sent(evidence, "rewards")}
    return expect(expected=[FIELDS], got=sorted(fields))


@check("q4", points=1, hint="Level 20 is rewarded, level 19 is not.")
def the_lowest_rewarded_level_is_20(evidence: Evidence) -> Verdict:
    levels = [number(event.get("level")) for event in sent(evidence, "rewards")]
    if None in levels or not levels:
        return expect(expected=20, got="a level that is not a number" if levels else "no event")
    return expect(expected=20, got=min(levels))


### BEGIN HIDDEN TESTS
from eventlab.labs.checks import Mutant, Rule  # noqa: E402


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


@check("q2", points=2, hint="Swords and knives, among the first 30 events only.", hidden=True)
def the_purchases_among_the_first_30_are_counted(evidence: Evidence) -> Verdict:
    return expect(expected=sum(map(is_purchase, events(evidence.seed)[:FIRST])), got=evidence.value("q2"))


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
    expected = [(event["Host"], event["level"]) for event in rewarded(evidence.seed)]
    return expect(
        expected=expected, got=[(event.get("Host"), event.get("level")) for event in sent(evidence, "rewards")]
    )


@check("q4", points=1, hint="coins is a number, ten times the level; gold begins at level 30.", hidden=True)
def coins_and_medals_follow_the_level(evidence: Evidence) -> Verdict:
    expected = [
        ("level_reward", event["level"] * 10, "gold" if event["level"] >= 30 else "silver")
        for event in rewarded(evidence.seed)
    ]
    names = ("event_type", "coins", "medal")
    got = [tuple(event.get(name) for name in names) for event in sent(evidence, "rewards")]
    return expect(expected=expected, got=got)


def _levels(seed: int, event_type: str = "level_up") -> list[int]:
    return [event["level"] for event in events(seed) if event["event_type"] == event_type]


RULES = (
    Rule(
        "q1",
        "each type has its own count",
        lambda s: len(set(Counter(e["event_type"] for e in events(s)).values())) > 1,
    ),
    Rule(
        "q1", "an event counts each time", lambda s: min(Counter(e["event_type"] for e in events(s)).values()) > 1
    ),
    Rule("q2", "only the first 30 count", lambda s: any(map(is_purchase, events(s)[FIRST:]))),
    Rule(
        "q2",
        "swords and knives count",
        lambda s: {"purchase_sword", "purchase_knife"} <= {e["event_type"] for e in events(s)[:FIRST]},
    ),
    Rule("q2", "not every event is a purchase", lambda s: not all(map(is_purchase, events(s)[:FIRST]))),
    Rule(
        "q3",
        "a buyer is thanked once",
        lambda s: max(Counter(e["Host"] for e in events(s) if is_purchase(e)).values()) > 1,
    ),
    Rule(
        "q3",
        "who buys nothing is not thanked",
        lambda s: bool({e["Host"] for e in events(s)} - hosts(s, "purchase_sword", "purchase_knife")),
    ),
    Rule(
        "q3",
        "who buys only a knife is thanked",
        lambda s: bool(hosts(s, "purchase_knife") - hosts(s, "purchase_sword")),
    ),
    Rule(
        "q3",
        "who buys only a sword is thanked",
        lambda s: bool(hosts(s, "purchase_sword") - hosts(s, "purchase_knife")),
    ),
    Rule("q4", "level 20 is rewarded", lambda s: 20 in _levels(s)),
    Rule("q4", "level 19 is not rewarded", lambda s: 19 in _levels(s)),
    Rule("q4", "only a level_up is rewarded", lambda s: bool(rewarded(s, "default"))),
    Rule("q4", "gold begins at level 30", lambda s: {29, 30} <= set(_levels(s))),
    Rule(
        "q4",
        "the order is that of the events, not by level",
        lambda s: (
            [e["level"] for e in rewarded(s)]
            not in (
                sorted(e["level"] for e in rewarded(s)),
                sorted((e["level"] for e in rewarded(s)), reverse=True),
            )
        ),
    ),
    Rule(
        "q4",
        "the order is that of the events, not by host",
        lambda s: [e["Host"] for e in rewarded(s)] != sorted(e["Host"] for e in rewarded(s)),
    ),
)
"""The lab's text, rule by rule. Its other rules (names of fields, the key, the commit) do not depend on the data."""

_EARLIEST = 'auto_offset_reset="earliest", consumer_timeout_ms=500\n)\nevents ='
MUTANTS = (
    Mutant("only what is new", "q1", _EARLIEST, _EARLIEST.replace("earliest", "latest")),
    Mutant("wrong column", "q1", 'Counter(event["event_type"]', 'Counter(event["Host"]'),
    Mutant("off by one", "q1", "for event in events)", "for event in events[1:])"),
    Mutant(
        "each type once",
        "q1",
        'Counter(event["event_type"] for event in events)',
        'Counter({event["event_type"] for event in events})',
    ),
    Mutant(
        "hard-coded",
        "q1",
        'lab.answer("q1", counts)',
        'lab.answer("q1", {"default": 30, "purchase_sword": 25, '
        '"purchase_knife": 18, "level_up": 30, "guild_chat": 15})',
    ),
    Mutant("no commit", "q2", "member.commit()\n", ""),
    Mutant("one short", "q2", "islice(member, 30)", "islice(member, 29)"),
    Mutant("one too many", "q2", "islice(member, 30)", "islice(member, 31)"),
    Mutant("swords only", "q2", '.startswith("purchase_")', ' == "purchase_sword"'),
    Mutant("another group", "q2", "group_id=lab.group", 'group_id=lab.group + "-2"'),
    Mutant("hard-coded", "q2", 'lab.answer("q2", purchases)', 'lab.answer("q2", 3)'),
    Mutant(
        "no deduplication",
        "q3",
        '{event["Host"] for event in today if event["event_type"].startswith("purchase_")}',
        '[event["Host"] for event in today if event["event_type"].startswith("purchase_")]',
    ),
    Mutant("dropped filter", "q3", ' if event["event_type"].startswith("purchase_")}', "}"),
    Mutant("swords only", "q3", '.startswith("purchase_")', ' == "purchase_sword"'),
    Mutant("no key", "q3", ", key=host.encode())", ")"),
    Mutant("wrong topic", "q3", "producer.send(thanks,", "producer.send(lab.topic,"),
    Mutant("or for and", "q4", ' and event["level"] >= 20', ' or event["level"] >= 20'),
    Mutant("off by one", "q4", 'event["level"] >= 20', 'event["level"] > 20'),
    Mutant("dropped filter", "q4", 'event["event_type"] == "level_up" and ', ""),
    Mutant("coins as text", "q4", 'event["level"] * 10,', 'str(event["level"] * 10),'),
    Mutant("gold off by one", "q4", '"gold" if event["level"] >= 30', '"gold" if event["level"] > 30'),
    Mutant("wrong column", "q4", '"medal":', '"award":'),
)
### END HIDDEN TESTS
