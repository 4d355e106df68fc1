"""The known mistakes of lab 1, not released: what each leaves with the data of a seed, in plain Python."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable

from eventlab.labs.mistakes import Mistake, Result

from .checks import is_purchase, purchases_among_first, rewarded
from .generate import FIRST, PRACTICE, events


def _counts(names: Iterable[str]) -> Result:
    return Result(answer=dict(Counter(names)))


def _group(seed: int, first: int = FIRST, committed: int | None = FIRST, prefix: str = "purchase_") -> Result:
    """Return what a group that read the first events leaves."""
    answer = sum(event["event_type"].startswith(prefix) for event in events(seed)[:first])
    return Result(answer=answer, committed={} if committed is None else {0: committed})


def _thanks(hosts: Iterable[str], keys: bool = True) -> Result:
    sent = [(host, json.dumps({"event_type": "thank_you", "Host": host}).encode()) for host in hosts]
    return Result(messages={"thanks": [(host.encode() if keys else None, value) for host, value in sent]})


def _rewards(
    level_ups: list[dict],
    coins: str = "coins",
    medal: str = "medal",
    change: Callable[[dict], dict] = lambda event: {},
) -> Result:
    """Return the rewards of events; `change` returns the fields of a reward that are wrong."""
    return Result(
        events={
            "rewards": [
                {
                    "event_type": "level_reward",
                    "Host": event["Host"],
                    "level": event["level"],
                    coins: event["level"] * 10,
                    medal: "gold" if event["level"] >= 30 else "silver",
                }
                | change(event)
                for event in level_ups
            ]
        }
    )


def _at_20(**wrong: object) -> Callable[[dict], dict]:
    return lambda event: wrong if event["level"] == 20 else {}


OTHER_DATA = "You are graded with other data. Compute the answer from the events."
MISTAKES = (
    Mistake(
        "q1",
        "only what is new",
        "found no event in the topic",
        "A consumer without committed offsets starts at the end, unless auto_offset_reset is earliest.",
        lambda s: Result(answer={}),
    ),
    Mistake(
        "q1",
        "wrong column",
        "counted hosts instead of types",
        "The type of an event is in its field event_type.",
        lambda s: _counts(event["Host"] for event in events(s)),
    ),
    Mistake(
        "q1",
        "off by one",
        "left out the first event",
        "The first event of the topic counts like each other one.",
        lambda s: _counts(event["event_type"] for event in events(s)[1:]),
    ),
    Mistake(
        "q1",
        "each type once",
        "counted each type once",
        "A set contains each type once. Count the events.",
        lambda s: _counts({event["event_type"] for event in events(s)}),
    ),
    Mistake(
        "q1",
        "hard-coded",
        "wrote down the numbers of the practice data",
        OTHER_DATA,
        lambda s: _counts(event["event_type"] for event in events(PRACTICE)),
    ),
    Mistake(
        "q2",
        "no commit",
        "committed no offset",
        "Without commit() the group does not know where to continue.",
        lambda s: _group(s, committed=None),
    ),
    Mistake(
        "q2",
        "another group",
        "committed the offset for another group",
        "The group of the lab is lab.group.",
        lambda s: _group(s, committed=None),
    ),
    Mistake(
        "q2",
        "one short",
        "read 29 events",
        "The first 30 events are those with the offsets 0 to 29; the group continues at 30.",
        lambda s: _group(s, FIRST - 1, FIRST - 1),
    ),
    Mistake(
        "q2",
        "one too many",
        "read 31 events",
        "The first 30 events are those with the offsets 0 to 29; the group continues at 30.",
        lambda s: _group(s, FIRST + 1, FIRST + 1),
    ),
    Mistake(
        "q2",
        "swords only",
        "counted only swords",
        "A knife is a purchase, too.",
        lambda s: _group(s, prefix="purchase_sword"),
    ),
    Mistake(
        "q2",
        "hard-coded",
        "answered with the number of the practice data",
        "If you wrote it down: you are graded with other data. Compute the answer from the events.",
        lambda s: Result(answer=purchases_among_first(PRACTICE), committed={0: FIRST}),
    ),
    Mistake(
        "q3",
        "no deduplication",
        "thanked a buyer once for each purchase",
        "Each buyer is thanked once. A set contains each host once.",
        lambda s: _thanks(event["Host"] for event in events(s) if is_purchase(event)),
    ),
    Mistake(
        "q3",
        "dropped filter",
        "thanked everybody",
        "Only a host that bought something is thanked.",
        lambda s: _thanks({event["Host"] for event in events(s)}),
    ),
    Mistake(
        "q3",
        "swords only",
        "thanked only those who bought a sword",
        "Who bought a knife is a buyer, too.",
        lambda s: _thanks({event["Host"] for event in events(s) if event["event_type"] == "purchase_sword"}),
    ),
    Mistake(
        "q3",
        "no key",
        "sent messages without a key",
        "The key keeps the messages of a host in one partition: send(topic, value, key=host.encode()).",
        lambda s: _thanks({event["Host"] for event in events(s) if is_purchase(event)}, keys=False),
    ),
    Mistake(
        "q4",
        "or for and",
        "joined the two conditions with `or`",
        "A reward needs both: the event is a level_up, and its level is 20 or more.",
        lambda s: _rewards([e for e in events(s) if e["event_type"] == "level_up" or e["level"] >= 20]),
    ),
    Mistake(
        "q4",
        "off by one",
        "rewarded only levels above 20",
        "Level 20 is rewarded, too: >= 20.",
        lambda s: _rewards(rewarded(s, least=21)),
    ),
    Mistake(
        "q4",
        "dropped filter",
        "rewarded events that are no level_up",
        "Other events have a level, too. Look at event_type.",
        lambda s: _rewards([event for event in events(s) if event["level"] >= 20]),
    ),
    Mistake(
        "q4",
        "coins as text",
        "sent the coins as text",
        'In JSON, 200 is a number and "200" is text.',
        lambda s: _rewards(rewarded(s), change=lambda event: {"coins": str(event["level"] * 10)}),
    ),
    Mistake(
        "q4",
        "gold off by one",
        "gave gold only above level 30",
        "Gold begins at level 30: >= 30.",
        lambda s: _rewards(rewarded(s), change=lambda e: {"medal": "silver"} if e["level"] == 30 else {}),
    ),
    Mistake(
        "q4",
        "wrong column",
        "gave the field medal another name",
        "The fields are event_type, Host, level, coins and medal.",
        lambda s: _rewards(rewarded(s), medal="award"),
    ),
    Mistake(
        "q4",
        "no coins at 20",
        "gave no coins at level 20",
        "Each rewarded level has ten times its coins.",
        lambda s: _rewards(rewarded(s), change=_at_20(coins=0)),
    ),
    Mistake(
        "q4",
        "bronze at 20",
        "gave bronze at level 20",
        "Below level 30, the medal is silver.",
        lambda s: _rewards(rewarded(s), change=_at_20(medal="bronze")),
    ),
    Mistake(
        "q4",
        "nobody at 20",
        "sent the rewards of level 20 without a host",
        "Each reward names the host of its event.",
        lambda s: _rewards(rewarded(s), change=_at_20(Host="")),
    ),
    Mistake(
        "q4",
        "level 20 last",
        "sent the rewards of level 20 last",
        "Send the rewards in the order of the events.",
        lambda s: _rewards(sorted(rewarded(s), key=lambda event: event["level"] == 20)),
    ),
)
