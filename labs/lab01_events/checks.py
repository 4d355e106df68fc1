"""The checks of lab 1: what is in Kafka, compared with what plain Python makes of the seed's own events."""

from __future__ import annotations

from collections import Counter

from eventlab.labs.checks import Verdict, check, expect
from eventlab.labs.evidence import Evidence
from eventlab.labs.inputs import Outgoing, send
from eventlab.labs.names import Namespace

from .generate import events, messages

FIRST = 30


def prepare(namespace: Namespace, seed: int) -> None:
    """Send the day's events to the namespace's topic."""
    send(namespace.topic, map(Outgoing, messages(seed)))


def is_purchase(event: dict) -> bool:
    return event["event_type"].startswith("purchase_")


def sent(evidence: Evidence, suffix: str) -> list[dict]:
    """The events of a topic that the student was to fill."""
    return evidence.events(evidence.namespace.topic_of(suffix))


@check("q1", points=1, hint='auto_offset_reset="earliest" begins at the beginning; count by event["event_type"].')
def every_type_of_event_is_counted(evidence: Evidence) -> Verdict:
    types = sorted({event["event_type"] for event in events(evidence.seed)})
    return expect(expected=types, got=sorted(evidence.answer("q1")))


@check("q1", points=1, hint="Read to the end: all counts together are the number of events in the topic.")
def no_event_is_missing(evidence: Evidence) -> Verdict:
    return expect(expected=len(events(evidence.seed)), got=sum(evidence.answer("q1").values()))


@check("q2", points=2, hint="commit() after the 30th event; what is committed is the offset to read next.")
def the_group_goes_on_at_offset_30(evidence: Evidence) -> Verdict:
    return expect(expected={0: FIRST}, got=evidence.committed())


@check("q3", points=1, hint="Send JSON with event_type `thank_you` and the Host, and flush().")
def buyers_are_thanked(evidence: Evidence) -> Verdict:
    types = {(event.get("event_type"), *sorted(event)) for event in sent(evidence, "thanks")}
    return expect(expected={("thank_you", "Host", "event_type")}, got=types)


@check("q3", points=1, hint="A set holds every host once.")
def nobody_is_thanked_twice(evidence: Evidence) -> Verdict:
    times = Counter(str(event.get("Host")) for event in sent(evidence, "thanks"))
    if not times:
        return expect(expected="each buyer once", got="no event")
    return expect(expected={}, got={host: count for host, count in times.items() if count > 1})


@check("q4", points=1, hint="The fields are event_type, Host, level, coins and medal.")
def a_reward_has_its_own_fields(evidence: Evidence) -> Verdict:
    fields = {tuple(sorted(event)) for event in sent(evidence, "rewards")}
    return expect(expected={("Host", "coins", "event_type", "level", "medal")}, got=fields)


@check("q4", points=1, hint="Level 20 is rewarded, level 19 is not, and only a level_up is.")
def as_many_rewards_as_levels_from_20_on(evidence: Evidence) -> Verdict:
    return expect(expected=len(rewarded(evidence.seed)), got=len(sent(evidence, "rewards")))


def rewarded(seed: int) -> list[dict]:
    return [event for event in events(seed) if event["event_type"] == "level_up" and event["level"] >= 20]


### BEGIN HIDDEN TESTS
from eventlab.labs.checks import Mutant  # noqa: E402


@check("q1", points=1, hint="Count every event once, under its own type.", hidden=True)
def every_type_has_its_count(evidence: Evidence) -> Verdict:
    right = dict(Counter(event["event_type"] for event in events(evidence.seed)))
    return expect(expected=right, got=evidence.answer("q1"))


@check("q2", points=2, hint="Swords and knives, among the first 30 events only.", hidden=True)
def the_purchases_among_the_first_30_are_counted(evidence: Evidence) -> Verdict:
    return expect(expected=sum(map(is_purchase, events(evidence.seed)[:FIRST])), got=evidence.answer("q2"))


@check("q3", points=1, hint="A buyer is whoever bought a sword or a knife, and nobody else.", hidden=True)
def exactly_the_buyers_are_thanked(evidence: Evidence) -> Verdict:
    buyers = sorted({event["Host"] for event in events(evidence.seed) if is_purchase(event)})
    return expect(expected=buyers, got=sorted({str(event.get("Host")) for event in sent(evidence, "thanks")}))


@check("q3", points=1, hint="send(topic, value, key=host.encode())", hidden=True)
def the_key_is_the_host(evidence: Evidence) -> Verdict:
    found = evidence.messages(evidence.namespace.topic_of("thanks"))
    wrong = [message.key for message in found if message.key != str((message.event or {}).get("Host")).encode()]
    return expect(expected=[], got=wrong if found else "no event")


@check("q4", points=2, hint="Send in the order of the level_ups, and compare with >= 20.", hidden=True)
def the_right_players_are_rewarded_in_order(evidence: Evidence) -> Verdict:
    right = [(event["Host"], event["level"]) for event in rewarded(evidence.seed)]
    return expect(expected=right, got=[(event.get("Host"), event.get("level")) for event in sent(evidence, "rewards")])


@check("q4", points=1, hint="coins is a number, ten times the level; gold begins at level 30.", hidden=True)
def coins_and_medals_follow_the_level(evidence: Evidence) -> Verdict:
    right = [
        ("level_reward", event["level"] * 10, "gold" if event["level"] >= 30 else "silver")
        for event in rewarded(evidence.seed)
    ]
    names = ("event_type", "coins", "medal")
    return expect(expected=right, got=[tuple(event.get(name) for name in names) for event in sent(evidence, "rewards")])


_EARLIEST = 'auto_offset_reset="earliest", consumer_timeout_ms=500\n)\nevents ='
MUTANTS = (
    Mutant("only what is new", "q1", _EARLIEST, _EARLIEST.replace("earliest", "latest")),
    Mutant("wrong column", "q1", 'Counter(event["event_type"]', 'Counter(event["Host"]'),
    Mutant("off by one", "q1", "for event in events)", "for event in events[1:])"),
    Mutant("each type once", "q1", "Counter(event[\"event_type\"] for event in events)",
           "Counter({event[\"event_type\"] for event in events})"),
    Mutant("hard-coded", "q1", 'lab.answer("q1", counts)', 'lab.answer("q1", {"default": 30, "purchase_sword": 25, '
           '"purchase_knife": 18, "level_up": 30, "guild_chat": 15})'),
    Mutant("no commit", "q2", "member.commit()\n", ""),
    Mutant("one short", "q2", "islice(member, 30)", "islice(member, 29)"),
    Mutant("one too many", "q2", "islice(member, 30)", "islice(member, 31)"),
    Mutant("swords only", "q2", '.startswith("purchase_")', ' == "purchase_sword"'),
    Mutant("another group", "q2", "group_id=lab.group", 'group_id=lab.group + "-2"'),
    Mutant("hard-coded", "q2", 'lab.answer("q2", purchases)', 'lab.answer("q2", 3)'),
    Mutant("no deduplication", "q3", '{event["Host"] for event in today if event["event_type"].startswith("purchase_")}',
           '[event["Host"] for event in today if event["event_type"].startswith("purchase_")]'),
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
