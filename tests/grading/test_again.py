"""What a second grading of a class does: which submissions it grades, and which results it replaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventlab.grading import results, whole_class
from eventlab.grading.grade import grade
from eventlab.grading.whole_class import ALL, Selection
from eventlab.labs.catalogue import Lab
from tests.grading import tiny_lab
from tests.grading.worker_programs import replace_workers

pytestmark = pytest.mark.programs

WORKER = """
import json, sys
from pathlib import Path
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    job = json.loads(line)
    count = Path(sys.argv[1], job["student"])
    times = int(count.read_text()) + 1 if count.exists() else 1
    count.write_text(str(times))
    questions = [{"id": id, "points": times - 1, "max_points": 2} for id in ("q1", "q2", "q3", "q4")]
    record = {"student": job["student"], "lab": "tiny", "status": "graded", "points": 4 * (times - 1)}
    record |= {"max_points": 8, "questions": questions, "fingerprint": job["fingerprint"]}
    print(json.dumps({"kind": "graded", "record": record, "notebook": None, "reason": ""}), flush=True)
"""
"""A worker that gives each question no point in its first grading, one in the second, and two in the third."""


class Class:
    """A class of two with its output folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.output, self.submissions = folder, folder / "out", folder / "in"
        self.lab: Lab = tiny_lab.make(folder / "tiny")
        self.submissions.mkdir()
        for student in ("ada", "ben"):
            tiny_lab.write(self.submissions / f"{student}.ipynb")

    def grade(self, selection: Selection = ALL, force: bool = False) -> list[str]:
        """Grade the class, and return who was graded; the worker counts."""
        before = self._times()
        grade(self.lab, self.submissions, self.output, workers=1, force=force, selection=selection)
        return [student for student, times in self._times().items() if times != before.get(student)]

    def _times(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted((self.folder / "times").iterdir())}

    def points(self, student: str) -> list[float | None]:
        """Return the points of the questions in the student's record."""
        record = results.load(student, self.output)
        assert record
        return [question.points for question in record.questions]


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Class:
    (tmp_path / "times").mkdir()
    replace_workers(monkeypatch, WORKER, str(tmp_path / "times"))
    return Class(tmp_path)


def test_what_has_not_changed_is_graded_again_only_when_it_is_selected_or_forced(course: Class) -> None:
    assert course.grade() == ["ada", "ben"]
    assert course.grade() == []
    assert course.grade(Selection(("ada",))) == ["ada"]
    assert course.grade(force=True) == ["ada", "ben"]


def test_a_question_that_is_graded_again_leaves_the_other_questions_and_students_as_they_were(
    course: Class,
) -> None:
    course.grade()
    assert course.grade(Selection(("ada",), ("q2",))) == ["ada"]
    assert (course.points("ada"), course.points("ben")) == ([0, 1, 0, 0], [0, 0, 0, 0])
    assert course.grade() == []
    assert course.grade(Selection(questions=("q4",))) == ["ada", "ben"]
    assert (course.points("ada"), course.points("ben")) == ([0, 1, 0, 2], [0, 0, 0, 1])


def test_who_is_graded_alone_in_a_new_folder_is_one_of_the_class(course: Class) -> None:
    assert course.grade(Selection(("ben",))) == ["ben"]
    assert whole_class.students(course.output) == ["ada", "ben"]
    (course.submissions / "ben.ipynb").unlink()
    assert course.grade(Selection(("ada",))) == ["ada"]
    assert whole_class.students(course.output) == ["ada", "ben"]
