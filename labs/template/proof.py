"""The proof of the lab, not released: rules that its data exercise, wrong solutions that its checks catch."""

from __future__ import annotations

from eventlab.labs.checks import Mutant, Rule

from .checks import swords
from .generate import events

RULES = (
    Rule("q1", "only swords count", lambda seed: len(events(seed)) > sum(swords(seed).values())),
    Rule("q1", "each sword counts", lambda seed: max(swords(seed).values()) > 1),
    Rule(
        "q1",
        "a host without a sword is not in the answer",
        lambda seed: {event["Host"] for event in events(seed)} != set(swords(seed)),
    ),
)
"""The rules that the text states. Each function returns whether ignoring the rule gives another result."""

_COUNTED = 'event["Host"] for event in events if event["event_type"] == "purchase_sword"'
MUTANTS = (
    Mutant("knives count, too", "q1", ' if event["event_type"] == "purchase_sword"', ""),
    Mutant("only what is new", "q1", "earliest", "latest"),
    Mutant("each host once", "q1", f"Counter({_COUNTED})", f"Counter({{{_COUNTED}}})"),
)
"""Wrong solutions: each is one edit of the instructor's solution. Add one for each mistake that students make."""
