"""Difficult submissions graded together with good ones: each has a record, and each question what it earned.

Two workers grade them in the order of their names; `test_isolation_attacks.py` grades attacks one after the other
on one worker. In both, everybody has the marks of their own work.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from eventlab.grading.environment import sandbox
from eventlab.grading.grade import grade
from eventlab.grading.jobs import Limits
from eventlab.grading.reports import html
from eventlab.grading.results import SubmissionRecord
from eventlab.labs import checks
from tests.grading import tiny_lab
from tests.grading.difficult_submissions import CASES, DRAWS, GOOD, ODD, SECRET, Case, file_name, write_all
from tests.skips import requires_tool

pytestmark = [
    pytest.mark.services,
    pytest.mark.timeout(800),  # a limit takes longer on a busy machine
    requires_tool("bwrap", sandbox.support().reason),
]


CELL_TIMEOUT_S = 12
TIME_LIMIT_S = 50


@dataclass(frozen=True)
class Graded:
    """The one grading that all tests here look at."""

    cases: dict[str, Case]
    records: dict[str, SubmissionRecord]
    output: Path

    def shown(self, student: str) -> str:
        """What the student's notebook printed."""
        name = self.records[student].notebook
        assert name
        executed = nbformat.read(self.output / name, as_version=4)
        outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
        return "".join(output.get("text", "") for output in outputs)

    def page(self, student: str) -> str:
        """The page that the student gets."""
        record = self.records[student]
        return html.feedback(record, html.executed_notebook(record, self.output))


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    base = tmp_path_factory.mktemp("difficult")
    cases = write_all(base / "submissions")
    lab = tiny_lab.make(base / "tiny")
    lab.instructor.write_text(lab.instructor.read_text().replace("producer", SECRET))
    assert SECRET in lab.instructor.read_text()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INSTRUCTOR_SECRET", "not for students")
        patch.setenv("SPARK_CONNECT_AUTHENTICATE_TOKEN", "not for students")
        found = grade(
            lab,
            base / "submissions",
            base / "output",
            workers=2,
            limits=Limits(CELL_TIMEOUT_S, 700, TIME_LIMIT_S),
        )
    return Graded(cases, {record.student: record for record in found}, base / "output")


def test_every_submission_ends_with_a_record(graded: Graded) -> None:
    assert graded.records.keys() == graded.cases.keys()


@pytest.mark.parametrize("student", GOOD)
def test_good_ones_keep_full_marks(graded: Graded, student: str) -> None:
    record = graded.records[student]
    assert (record.status, record.points) == ("graded", 8), record.messages


@pytest.mark.parametrize("name", [*CASES, *ODD])
def test_each_question_is_worth_what_its_own_cells_earned(graded: Graded, name: str) -> None:
    student = file_name(name)
    case, record = graded.cases[student], graded.records[student]
    lost = {question.id for question in record.questions if not question.is_full}
    assert (record.status, lost) == (case.status, case.lost), (record.messages, record.questions)


def test_a_search_finds_neither_hidden_tests_nor_the_instructors_variables(graded: Graded) -> None:
    shown = graded.shown("raises and searches")
    assert "FOUND []\nSECRETS []\n" in shown
    assert "FOUND [] [] False" in shown


def test_no_other_students_topics_are_in_sight(graded: Graded) -> None:
    assert "OTHERS []" in graded.shown("writes to others")


def test_a_function_in_spark_sees_neither_labs_nor_grader(graded: Graded) -> None:
    assert "UDF []" in graded.shown("leaves a process in Spark")


def test_a_figure_is_in_the_feedback_as_a_student_sees_it(graded: Graded) -> None:
    assert 'src="data:image/png;base64,' in graded.page(file_name(DRAWS))


def test_what_is_too_large_to_be_read_is_said_to_be(graded: Graded) -> None:
    (check,) = graded.records["too large to read"].questions[3].checks
    assert int(graded.shown("too large to read").split("BYTES ")[1].split()[0]) < 100_000
    assert check.got == checks.TOO_LARGE


def test_all_cells_are_in_the_executed_copy_also_after_one_that_ended_it(graded: Graded) -> None:
    whole = len(tiny_lab.notebook().cells) + 1  # the injected parameters have a cell
    for student in ("exit", "hanging question"):
        name = graded.records[student].notebook
        assert name
        cells = nbformat.read(graded.output / name, as_version=4).cells
        assert len(cells) == whole
        assert "not executed: an earlier cell ended the notebook" in cells[-2].outputs[0].text
        assert "graded in another run, with the instructor's result of q2" in cells[-2].outputs[1].text


def test_every_record_says_which_containment_was_used(graded: Graded) -> None:
    assert all("bubblewrap" in record.containment for record in graded.records.values())


def test_what_never_ran_is_said_to_be_not_run_and_is_not_wrong(graded: Graded) -> None:
    late = {question.id: question for question in graded.records["sleeps long"].questions}
    assert late["q3"].note == f"not run: the notebook ran past its {TIME_LIMIT_S} s"
    assert late["q3"].checks[0].got == "not run"
    assert late["q2"].points == 2


def test_the_students_code_never_meets_the_instructors_solution(graded: Graded) -> None:
    """The run with the instructor's result of q2 happened, and everything that it could publish is clean."""
    spy = graded.records["spies"]
    assert "instructor's result of q2" in " ".join(spy.messages)
    published = " ".join([graded.page("spies"), *(check.got for check in spy.checks)])
    published += (graded.output / str(spy.notebook)).read_text()
    assert "PUBLISHED" in published, "the first run's own output is shown"
    assert SECRET not in published


def test_only_the_first_runs_outputs_are_published(graded: Graded) -> None:
    page = graded.page("hanging question")
    assert "graded in another run, with the instructor&#39;s result of q2; its outputs are not shown" in page
    assert "not executed: an earlier cell ended the notebook" in page
