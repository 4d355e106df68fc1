"""Evidence is fixed when a check cell is passed, and a broken cell costs no other question its marks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from eventlab.grading.environment import sandbox
from eventlab.grading.grade import grade
from eventlab.grading.reports import html
from eventlab.grading.results import SubmissionRecord
from tests.grading import tiny_lab
from tests.grading.tiny_lab import SOLUTIONS
from tests.skips import requires_tool

pytestmark = [
    pytest.mark.services,
    pytest.mark.timeout(600),
    requires_tool("bwrap", sandbox.support().reason),
]

CELL_TIMEOUT_S = 15
TIME_LIMIT_S = 75
SECRET = "the_secret_name"
"""A name that is only in the instructor's solution of q2."""
DEAF = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(1)"
WATCHES_CELLS = """
seen = []
get_ipython().events.register("pre_run_cell", lambda info: seen.append(info.raw_cell))
"""
LOOKS_FOR_THE_SOLUTION = """
import glob, os
everything = str(In) + str(seen) + str(globals()) + str([open(name).read() for name in glob.glob("*")])
needle = "".join(["the_secret", "_name"])
print("PUBLISHED", everything)
consumer = KafkaConsumer(topic + "-out", auto_offset_reset="earliest", consumer_timeout_ms=3000,
                         bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"])
if any(True for _ in consumer) and needle not in everything:
    lab.answer("q3", sorted(numbers)[:3])
consumer.close()
"""
"""Right only in a run in which the result of q2 was put in place, and nothing shows its solution."""
WRITES_LATE = """
from kafka import KafkaProducer
late = KafkaProducer(bootstrap_servers=__import__("os").environ["KAFKA_BOOTSTRAP_SERVERS"])
late.send(topic + "-out", b"0").get(timeout=10)
late.close()
lab.answer("q1", 0)
lab.answer("q3", [])
"""


@dataclass(frozen=True)
class Case:
    """Cells that replace the solutions, cells that are added behind a cell, the status and the lost questions."""

    status: str
    lost: frozenset[str]
    replaced: dict[str, str]
    added: dict[str, list[str]]

    @classmethod
    def of(
        cls, *lost: str, status: str = "graded", added: dict[str, list[str]] | None = None, **replaced: str
    ) -> Case:
        return cls(status, frozenset(lost), replaced, added or {})


CASES = {
    "right": Case.of(),
    "writes-late": Case.of(added={"q3-check": [WRITES_LATE]}),
    "sleeping-extra-cell": Case.of(status="timed_out", added={"q1-check": ["import time; time.sleep(10**6)"]}),
    "deaf-extra-cell": Case.of(status="timed_out", added={"q1-check": [DEAF]}),
    "killing-extra-cells": Case.of(
        status="died", added={"setup": ["import os; os._exit(1)"], "q2": ["import os; os._exit(1)"]}
    ),
    "raising-extra-cell": Case.of(added={"setup": ["1/0"], "q3-check": ["undefined"]}),
    "helper-behind-a-wrong-question": Case.of(
        "q1",
        q1=SOLUTIONS["q1"].replace("sum(numbers)", "0"),
        added={"q1-check": ["def largest(values):\n    return max(values)"]},
        q2=SOLUTIONS["q2"].replace("max(numbers)", "largest(numbers)"),
    ),
    "hanging-question": Case.of("q2", status="timed_out", q2=DEAF),
    "spies": Case.of(
        "q2", q1=WATCHES_CELLS + SOLUTIONS["q1"], q2="raise ValueError('no')", q3=LOOKS_FOR_THE_SOLUTION
    ),
    "sleeps-long": Case.of(
        "q3", "q4", status="timed_out", added={"q2-check": ["import time; time.sleep(10)"] * 20}
    ),
}


def notebook(case: Case) -> nbformat.NotebookNode:
    made = tiny_lab.notebook(**case.replaced)
    for grade_id, sources in case.added.items():
        place = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in made.cells].index(grade_id) + 1
        made.cells[place:place] = [new_code_cell(source) for source in sources]
    return made


@dataclass(frozen=True)
class Graded:
    records: dict[str, SubmissionRecord]
    output: Path

    def page(self, student: str) -> str:
        record = self.records[student]
        return html.feedback(record, html.executed_notebook(record, self.output))


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    base = tmp_path_factory.mktemp("evidence")
    lab = tiny_lab.make(base / "tiny")
    source = lab.instructor.read_text().replace("producer", SECRET)
    assert SECRET in source
    lab.instructor.write_text(source)
    (base / "in").mkdir()
    for student, case in CASES.items():
        nbformat.write(notebook(case), base / "in" / f"{student}.ipynb")
    found = grade(lab, base / "in", base / "out", cell_timeout=CELL_TIMEOUT_S, time_limit=TIME_LIMIT_S, workers=1)
    return Graded({record.student: record for record in found}, base / "out")


@pytest.mark.parametrize("student", CASES)
def test_each_question_is_worth_what_its_own_cells_earned(graded: Graded, student: str) -> None:
    record, case = graded.records[student], CASES[student]
    lost = {question.id for question in record.questions if question.points < question.max_points}
    assert (record.status, lost) == (case.status, case.lost), (record.messages, record.questions)


def test_what_never_ran_is_said_to_be_not_run_and_is_not_wrong(graded: Graded) -> None:
    late = {question.id: question for question in graded.records["sleeps-long"].questions}
    assert late["q3"].note == f"not run: the notebook ran past its {TIME_LIMIT_S} s"
    assert late["q3"].checks[0].got == "not run"
    assert late["q2"].points == 2


def test_the_wall_clock_limit_is_for_all_runs_together(graded: Graded) -> None:
    assert graded.records["sleeps-long"].seconds < TIME_LIMIT_S + 60


def test_the_students_code_never_meets_the_instructors_solution(graded: Graded) -> None:
    """The run with the instructor's result of q2 happened, and everything that it could publish is clean."""
    spy = graded.records["spies"]
    assert "instructor's result of q2" in " ".join(spy.messages)
    published = " ".join([graded.page("spies"), *(check.got for check in spy.checks)])
    published += (graded.output / str(spy.notebook)).read_text()
    assert "PUBLISHED" in published, "the first run's own output is shown"
    assert SECRET not in published


def test_only_the_first_runs_outputs_are_published(graded: Graded) -> None:
    page = graded.page("hanging-question")
    assert "graded in another run, with the instructor&#39;s result of q2; its outputs are not shown" in page
    assert "not executed: an earlier cell ended the notebook" in page
