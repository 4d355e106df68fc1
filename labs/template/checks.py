"""The checks of the lab. Points are written here and nowhere else: the notebooks get them from this file."""

from __future__ import annotations

from collections import Counter

from eventlab.labs.checks import Verdict, check, expect, number
from eventlab.labs.evidence import Evidence
from eventlab.labs.inputs import Outgoing, send
from eventlab.labs.names import Namespace

from .generate import events, messages


def prepare(namespace: Namespace, seed: int) -> None:
    """Send the events to the namespace's topic."""
    send(namespace.topic, map(Outgoing, messages(seed)))


@check("q1", points=1, hint="Read the topic from its beginning to its end, and count only purchase_sword.")
def the_sum_is_the_number_of_swords(evidence: Evidence) -> Verdict:
    counts = [number(count) for count in evidence.counts("q1").values()]
    expected = sum(event["event_type"] == "purchase_sword" for event in events(evidence.seed))
    return expect(
        expected=expected, got="a count that is not a number" if None in counts else sum(filter(None, counts))
    )


### BEGIN HIDDEN TESTS
def swords(seed: int) -> dict[str, int]:
    """Return the answer: the number of swords of each host that bought one."""
    return dict(Counter(event["Host"] for event in events(seed) if event["event_type"] == "purchase_sword"))


@check("q1", points=2, hint="Use the Host of each event. A host without a sword is not in the dict.", hidden=True)
def each_host_has_its_number_of_swords(evidence: Evidence) -> Verdict:
    return expect(expected=swords(evidence.seed), got=evidence.counts("q1"))


### END HIDDEN TESTS
