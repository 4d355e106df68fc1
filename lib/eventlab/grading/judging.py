"""Judge a question; a fault of a service never becomes a verdict."""

from __future__ import annotations

from typing import Protocol

from eventlab.errors import EventlabError
from eventlab.grading import fair_time
from eventlab.grading.execution.run import TimeBudget
from eventlab.grading.judge import TOO_SLOW
from eventlab.labs.checks import Verdict
from eventlab.labs.evidence import Evidence


class EvidenceUnavailable(EventlabError):
    """What a check reads could not be read twice, although the services answer; or the machine had no time."""


class _Judge(Protocol):
    def verdicts(self, evidence: Evidence, question: str) -> list[Verdict]: ...


class _Stack(Protocol):
    def require_running(self) -> None: ...


def verdicts(judge: _Judge, stack: _Stack, evidence: Evidence, question: str, budget: TimeBudget) -> list[Verdict]:
    """Return one verdict per check of a question, in order.

    When a service did not answer or a check was too slow, the question is judged once more; a check that passed
    once has passed. A check that is too slow twice has failed, because a submission can cause that. Only the first
    time counts as time of the submission.

    Raises:
        EventlabError: A check failed, and the judge or a service does not work, or others delayed the checks.
    """
    delay = fair_time.Delay()
    with budget.measured():
        found = judge.verdicts(evidence, question)
    if all(verdict.passed for verdict in found):
        return found
    stack.require_running()
    if any(verdict.unavailable for verdict in found):
        again = judge.verdicts(evidence, question)
        stack.require_running()
        found = [first if first.passed else second for first, second in zip(found, again, strict=True)]
    for verdict in found:
        if verdict.unavailable and verdict.got != TOO_SLOW:
            raise EvidenceUnavailable(verdict.got)
    if delay.is_long and not all(verdict.passed for verdict in found):  # what a check calls may have been too slow
        raise EvidenceUnavailable(f"other programs kept the processors from the checks of {question}")
    return found
