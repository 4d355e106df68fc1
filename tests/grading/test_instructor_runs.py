"""The instructor's result is judged before it takes the place of a student's; these tests need no services."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from eventlab.errors import EventlabError
from eventlab.grading import fair_time
from eventlab.grading.environment.services import WorkerStackError
from eventlab.grading.execution.outputs import Ended
from eventlab.grading.execution.reference import Reference
from eventlab.grading.instructor_runs import InstructorError
from eventlab.grading.jobs import Job
from eventlab.labs.catalogue import Lab
from tests.grading.idle_machine import Machine

SUM, LARGEST = "the sum", "the largest was sent"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path / "tiny")


def reference(machine: Machine, *questions: str) -> Reference:
    return machine.worker._reference(Job("ada", None, None, "", "", 7), 7, questions)


def test_a_result_of_the_instructor_with_a_failed_check_is_a_fault_of_the_machine(machine: Machine) -> None:
    machine.failed = {LARGEST}
    with pytest.raises(EventlabError, match=f"solution of q2 .*{LARGEST}.*expected 5, got 4"):
        reference(machine, "q3")


def test_a_service_that_has_ended_is_named_as_the_reason(machine: Machine) -> None:
    machine.failed, machine.fault = {SUM}, WorkerStackError("kafka has ended (signal 9)")
    with pytest.raises(EventlabError, match="kafka has ended"):
        reference(machine, "q1")


def test_the_instructors_questions_are_judged_by_what_they_left_with_the_data_of_the_run(machine: Machine) -> None:
    assert reference(machine, "q2").changes.keys() == {"q1", "q2"}
    assert machine.judged == ["q1", "q2"]
    found = machine.evidence[0]
    assert (found.seed, found.answers, dict(found.files)) == (7, {"q1": 1}, {"api.py": b"made"})
    assert "sum(numbers)" in found.sources["q1"]


def test_what_the_checks_leave_is_no_result_of_the_next_question(machine: Machine) -> None:
    changes = reference(machine, "q3").changes
    assert [(before.values["judgings"], after.values["judgings"]) for before, after in changes.values()] == [
        (0, 0),
        (1, 1),
        (2, 2),
    ]


def test_on_one_stack_each_question_is_judged_once(machine: Machine) -> None:
    for questions in (["q1"], ["q1"], ["q2"], ["q1", "q2"]):
        reference(machine, *questions)
    assert machine.judged == ["q1", "q2"]


def test_after_a_cell_of_the_instructor_that_failed_questions_are_judged_again(machine: Machine) -> None:
    reference(machine, "q2")
    machine.ends, machine.failed = {"KafkaProducer": "raised"}, {LARGEST}
    with pytest.raises(EventlabError, match="the instructor's solution of q2"):
        reference(machine, "q2")
    assert machine.judged == ["q1", "q2", "q2"]


def test_after_a_run_of_the_instructor_that_others_have_delayed_questions_are_judged_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference(machine, "q1")
    monkeypatch.setattr(fair_time, "now", lambda: time.monotonic() / 3)
    monkeypatch.setattr(fair_time, "LONG_S", 0)
    machine.failed = {SUM}
    with pytest.raises(EventlabError, match="of q1"):
        reference(machine, "q1")


def test_the_instructors_job_is_not_judged(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lab, "jobs", {"q1": "job.py"})
    assert reference(machine, "q2").changes.keys() == {"q1", "q2"}
    assert machine.judged == ["q2"]


@pytest.mark.parametrize("ended", ["died", "timed_out"])
def test_a_run_of_the_instructor_that_does_not_end_gives_no_result(machine: Machine, ended: Ended) -> None:
    machine.ends = {"KafkaProducer": ended}
    with pytest.raises(InstructorError, match="did not run to its end"):
        reference(machine, "q2")
