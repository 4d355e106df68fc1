"""Recognizing the mistake of a wrong answer: the known mistake that gives the same figures.

The checks of a question look at what each mistake of the lab's `mistakes.py` leaves with the data of the
submission's seed. The record names a mistake only if all checks of the question, or all of its `shown_by`, have
the same verdict and received the same figures as from the submission. A mistake that leaves the same as an empty
submission is never named. If several mistakes leave the same, all are named.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from itertools import compress

from eventlab.grading.results import CheckResult, KnownMistake, Question, SubmissionRecord
from eventlab.grading.trials import seed_of_trial
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import Verdict
from eventlab.labs.mistakes import Result, verdicts
from eventlab.labs.seeds import further

logger = logging.getLogger(__name__)
Figures = tuple[tuple[bool, str], ...]


def with_mistakes(lab: Lab, record: SubmissionRecord, seed: int) -> SubmissionRecord:
    """Return the record with the known mistakes of each question that lost points.

    An error in the lab's `mistakes.py` only removes these names; it changes no mark.
    """
    try:
        known = lab.mistakes
    except Exception:
        logger.exception("mistakes.py of %s cannot be used: no mistake is named", lab.name)
        known = ()
    if not known:
        return record
    questions = tuple(_recognized(lab, question, seed) for question in record.questions)
    return replace(record, questions=questions)


def _recognized(lab: Lab, question: Question, seed: int) -> Question:
    checks = lab.checks_of(question.id)
    known = [mistake for mistake in lab.mistakes if mistake.question == question.id]
    if question.is_full or not known or [check.name for check in checks] != [c.name for c in question.checks]:
        return question
    seed = further(seed, question.changes_of_data)
    seed = seed_of_trial(seed) if question.id in lab.jobs else seed
    nothing = verdicts(Result(), question.id, checks, seed)
    names = []
    for mistake in known:
        shows = [not mistake.shown_by or check.name in mistake.shown_by for check in checks]
        found = _figures(question.checks, shows)
        try:
            same = _figures(mistake.verdicts(checks, seed), shows) == found != _figures(nothing, shows)
        except Exception:
            logger.exception("the mistake %s of %s cannot be computed", mistake.mutant, question.id)
            continue
        if same:
            names.append(KnownMistake(mistake.mutant, mistake.did, mistake.why))
    return replace(question, mistakes=tuple(names))


def _figures(results: Iterable[CheckResult | Verdict], shows: Iterable[bool]) -> Figures:
    """Return for each check that counts whether it passed and what it received."""
    return tuple((result.passed, result.figures or result.got) for result in compress(results, shows))
