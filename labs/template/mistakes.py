"""The known mistakes of the lab, not released: what each leaves with the data of a seed, in plain Python.

Reports name a mistake when a wrong answer has its figures. A lab without this file is graded, too.
"""

from __future__ import annotations

from collections import Counter

from eventlab.labs.mistakes import Mistake, Result

from .checks import swords
from .generate import events

MISTAKES = (
    Mistake(
        "q1",
        "knives count, too",  # the name of the wrong solution in proof.py
        "counted knives, too",  # read after a number: 9 students ...
        "Only events of the type purchase_sword count.",
        lambda seed: Result(answer=dict(Counter(event["Host"] for event in events(seed)))),
    ),
    Mistake(
        "q1",
        "each host once",
        "counted each host once",
        "A host can buy several swords: count its events.",
        lambda seed: Result(answer=dict.fromkeys(swords(seed), 1)),
    ),
)
