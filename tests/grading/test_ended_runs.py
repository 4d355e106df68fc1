"""Who is to blame for a cell that ends its kernel or raises: the submission, a service, or a busy machine."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from eventlab.grading import worker
from eventlab.grading.environment.sandbox import ProcessLimits
from eventlab.grading.environment.services import WorkerConfiguration, WorkerStackError
from eventlab.grading.environment.worker_stack import WorkerStack
from eventlab.grading.execution.kernel import FullFolderError
from eventlab.grading.jobs import Job, Outcome
from eventlab.labs import cells
from eventlab.settings import Settings
from tests.grading import tiny_lab
from tests.grading.idle_machine import Machine

WAITS = "consumer = wait_for(topic)"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    made = Machine(monkeypatch, tmp_path / "tiny")
    made.ends = {WAITS: "died"}
    return made


def graded(machine: Machine, folder: Path) -> Outcome:
    """Grade a notebook with a cell that the student has added above the last question."""
    made, path = tiny_lab.notebook(), folder / "ada.ipynb"
    number = next(n for n, cell in enumerate(made.cells) if cells.grade_id(cell) == "q4")
    made.cells.insert(number, nbformat.v4.new_code_cell(WAITS))
    nbformat.write(made, path)
    return machine.worker.grade(Job("ada", str(path), None, "", "", 7))


def test_while_the_services_run_a_cell_that_ends_its_kernel_is_left_out_and_the_rest_is_graded(
    machine: Machine, tmp_path: Path
) -> None:
    outcome = graded(machine, tmp_path)
    assert outcome.record is not None
    assert (outcome.kind, outcome.record.points, machine.runs) == ("submission_failed", 8, 2)


def test_after_the_end_of_a_service_no_cell_is_left_out_that_a_later_question_may_need(
    machine: Machine, tmp_path: Path
) -> None:
    machine.fault = WorkerStackError("kafka has ended (signal 9)")
    outcome = graded(machine, tmp_path)
    assert (outcome.kind, outcome.reason) == ("infrastructure_failed", "kafka has ended (signal 9)")
    assert machine.runs == 1


def test_files_of_a_student_that_do_not_fit_into_the_folder_are_no_fault_of_the_machine(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As 500 files with 50 folders each, of which the zip file of a student may consist."""

    def write(files: dict[str, bytes]) -> None:
        raise FullFolderError("no room")

    monkeypatch.setattr(machine, "write", write)
    outcome = graded(machine, tmp_path)
    assert outcome.record is not None
    assert outcome.kind == "submission_failed"
    assert outcome.record.messages.count(worker.TOO_MANY_FILES) == 1


@pytest.mark.parametrize(
    ("delayed", "failed", "kind"),
    [
        (True, {"the sum"}, "infrastructure_failed"),
        (True, set(), "graded"),
        (False, {"the sum"}, "graded"),
    ],
    ids=["delayed, and lost marks", "delayed, and full marks", "not delayed"],
)
def test_a_cell_that_raises_after_others_have_delayed_it_gives_no_mark_unless_it_is_full(
    machine: Machine, tmp_path: Path, delayed: bool, failed: set[str], kind: str
) -> None:
    machine.ends, machine.delayed, machine.failed = {WAITS: "raised"}, delayed, failed
    outcome = graded(machine, tmp_path)
    assert outcome.kind == kind
    assert ("a cell, which then raised no answer" in outcome.reason) == (kind == "infrastructure_failed")


def test_what_a_kernel_left_is_removed_before_the_next_one_and_after_the_last_one_nothing_is_restarted(
    machine: Machine, tmp_path: Path
) -> None:
    for _ in range(2):
        graded(machine, tmp_path)

    assert (machine.runs, machine.cleaned, machine.left) == (4, 3, True)


def test_a_stack_that_nobody_has_used_is_clean(tmp_path: Path) -> None:
    """Its services are not running: each question to one would raise an error, and restart all."""
    stack = WorkerStack(WorkerConfiguration(0, tmp_path, Settings(), ProcessLimits(), contained=False))

    stack.clean()

    assert [*tmp_path.glob("restarts.log")] == []
