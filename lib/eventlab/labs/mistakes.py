"""Known mistakes: the results of wrong solutions, computed in plain Python, by which wrong answers are recognized.

The lab's own checks look at what a mistake leaves with the data of a student's seed. A submission whose checks
received the same figures has a result that this mistake gives. `eventlab labs verify` compares each mistake with
the wrong solution (a mutant of `proof.py`), which it runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from eventlab.labs.checks import LabCheck, Verdict
from eventlab.labs.evidence import Evidence, EvidenceError, Message
from eventlab.labs.names import Namespace

T = TypeVar("T")


@dataclass(frozen=True)
class Result:
    """The result of a solution: what it leaves in Kafka, on HDFS and as an answer.

    Attributes:
        answer: The answer as JSON data, or None if the question has none.
        tables: The rows of tables, by path.
        columns: The columns and types of tables, by path.
        events: The events of topics that the solution fills, by the suffix of the topic.
        messages: The same as `events`, as tuples of key, value and, if they count, headers.
        committed: The offsets that the group has committed, by partition.
        responses: What a lab's own checks have read, by the name that they pass to `evidence.once`.
        trial: What happened in a trial (the fields of `trial.Record`), in a lab with jobs.
    """

    answer: Any = None
    tables: Mapping[str, Sequence[dict[str, Any]]] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    events: Mapping[str, Sequence[dict[str, Any]]] = field(default_factory=dict)
    messages: Mapping[str, Sequence[tuple]] = field(default_factory=dict)
    committed: Mapping[int, int] = field(default_factory=dict)
    responses: Mapping[str, Any] = field(default_factory=dict)
    trial: Mapping[str, Any] = field(default_factory=dict)

    def evidence(self, question: str, seed: int) -> Evidence:
        """Return the result as evidence, which reads no service."""
        namespace = Namespace.of("mistake")
        seen: dict[tuple[str, str], Any] = {("committed", namespace.group): dict(self.committed)}
        seen |= {("rows", path): [dict(row) for row in rows] for path, rows in self.tables.items()}
        seen |= {("columns", path): dict(kinds) for path, kinds in self.columns.items()}
        pairs = {
            name: [(None, json.dumps(event).encode()) for event in many] for name, many in self.events.items()
        }
        for suffix, messages in (pairs | dict(self.messages)).items():
            sent = [Message(0, offset, 0, *message) for offset, message in enumerate(messages)]
            seen["messages", namespace.topic_of(suffix)] = sent
        seen |= {(name, ""): value for name, value in self.responses.items()}
        answers = {} if self.answer is None else {question: self.answer}
        return _DescribedEvidence(namespace, seed, answers, trial=self.trial, _seen=seen)


@dataclass(frozen=True)
class Mistake:
    """A mistake that students make, and the result that it leaves.

    Attributes:
        question: The question.
        mutant: The name of the wrong solution in `proof.py` that makes this mistake.
        did: What the solution did, to be read after a number of students: `kept duplicates`.
        why: What is wrong with it, as sentences for the student.
        result: Returns what it leaves with the data of a seed.
        shown_by: The names of the checks that show it, if what the others receive depends on the moments of the
            failures in a trial; by default all.
    """

    question: str
    mutant: str
    did: str
    why: str
    result: Callable[[int], Result]
    shown_by: Sequence[str] = ()

    def verdicts(self, checks: Sequence[LabCheck], seed: int) -> list[Verdict]:
        """Return the verdicts of the question's checks on what it leaves."""
        return verdicts(self.result(seed), self.question, checks, seed)


def verdicts(result: Result, question: str, checks: Sequence[LabCheck], seed: int) -> list[Verdict]:
    """Return the verdicts of a question's checks on what a solution leaves."""
    evidence = result.evidence(question, seed)
    return [check.run(evidence) for check in checks]


@dataclass(frozen=True)
class _DescribedEvidence(Evidence):
    """The evidence that a mistake describes: other topics are empty, and nothing else can be read."""

    def once(self, kind: str, name: str, read: Callable[[], T]) -> T:
        if (kind, name) not in self._seen and kind != "messages":
            raise EvidenceError(f"not described: {kind} {name}")
        return self._seen.get((kind, name), [])
