"""The proof of lab 1, not released: rules that its data exercise, wrong solutions that its checks catch."""

from __future__ import annotations

from collections import Counter

from eventlab.labs.checks import Mutant, Rule

from .checks import hosts, is_purchase, purchases_among_first, rewarded
from .generate import FIRST, PRACTICE, events


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
    Rule(
        "q1", "the practice data have another number of events", lambda s: len(events(s)) != len(events(PRACTICE))
    ),
    Rule(
        "q2",
        "the first 30 of the practice data have another number of purchases",
        lambda s: purchases_among_first(s) != purchases_among_first(PRACTICE),
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
"""The lab\'s text, rule by rule. Other rules (names of fields, the key, the commit) do not depend on the data."""

_EARLIEST = 'auto_offset_reset="earliest")\nevents ='
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
        'lab.answer("q1", answer_q1)',
        f'lab.answer("q1", {dict(Counter(event["event_type"] for event in events(PRACTICE)))})',
    ),
    Mutant("no commit", "q2", "member.commit()\n", ""),
    Mutant("one short", "q2", "islice(member, 30)", "islice(member, 29)"),
    Mutant("one too many", "q2", "islice(member, 30)", "islice(member, 31)"),
    Mutant("swords only", "q2", '.startswith("purchase_")', ' == "purchase_sword"'),
    Mutant("another group", "q2", "group_id=lab.group", 'group_id=lab.group + "-2"'),
    Mutant(
        "hard-coded", "q2", 'lab.answer("q2", answer_q2)', f'lab.answer("q2", {purchases_among_first(PRACTICE)})'
    ),
    Mutant(
        "no deduplication",
        "q3",
        '{event["Host"] for event in today if event["event_type"].startswith("purchase_")}',
        '[event["Host"] for event in today if event["event_type"].startswith("purchase_")]',
    ),
    Mutant("dropped filter", "q3", ' if event["event_type"].startswith("purchase_")}', "}"),
    Mutant("swords only", "q3", '.startswith("purchase_")', ' == "purchase_sword"'),
    Mutant("no key", "q3", ", key=host.encode())", ")"),
    Mutant(
        "wrong topic",
        "q3",
        "producer.send(thanks,",
        "producer.send(lab.topic,",
        not_described="leaves the topic of the result empty, as an empty submission does",
    ),
    Mutant("or for and", "q4", ' and event["level"] >= 20', ' or event["level"] >= 20'),
    Mutant("off by one", "q4", 'event["level"] >= 20', 'event["level"] > 20'),
    Mutant("dropped filter", "q4", 'event["event_type"] == "level_up" and ', ""),
    Mutant("coins as text", "q4", 'event["level"] * 10,', 'str(event["level"] * 10),'),
    Mutant("gold off by one", "q4", '"gold" if event["level"] >= 30', '"gold" if event["level"] > 30'),
    Mutant("wrong column", "q4", '"medal":', '"award":'),
    Mutant("no coins at 20", "q4", 'event["level"] * 10,', 'event["level"] * 10 if event["level"] > 20 else 0,'),
    Mutant("bronze at 20", "q4", 'else "silver"', 'else "silver" if event["level"] > 20 else "bronze"'),
    Mutant(
        "nobody at 20", "q4", '"Host": event["Host"],', '"Host": event["Host"] if event["level"] > 20 else "",'
    ),
    Mutant(
        "level 20 last",
        "q4",
        "in read_to_end(reader)",
        'in sorted(read_to_end(reader), key=lambda m: json.loads(m.value).get("level") == 20)',
    ),
)
