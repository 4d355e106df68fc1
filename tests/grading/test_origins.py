"""The file submissions.csv: who handed in which file, and when."""

from __future__ import annotations

from pathlib import Path

from eventlab.grading import origins, results
from eventlab.grading.collect import Origin, Submission, find
from eventlab.grading.grade import jobs_of
from eventlab.grading.jobs import Limits
from eventlab.grading.results import slug
from tests.grading import platform_exports as platforms
from tests.grading import tiny_lab
from tests.grading.report_examples import record


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    submissions = find(
        platforms.write(tmp_path / "e.zip", platforms.CANVAS), tmp_path / "unpacked", "lab01_events"
    )
    origins.write(submissions, tmp_path)
    assert origins.read(tmp_path) == {slug(one.student): one.origin for one in submissions}


def test_a_student_who_is_graded_alone_leaves_the_others_in_the_file(tmp_path: Path) -> None:
    ada, ben, gone = (Submission(name, None, origin=Origin("moodle", name)) for name in ("Ada", "=ben", "gone"))
    origins.write([ada, ben, gone], tmp_path)
    results.save(record("=ben"), tmp_path)
    origins.write([ada], tmp_path)
    assert set(origins.read(tmp_path)) == {slug("Ada"), slug("=ben")}
    assert "'=ben" in (tmp_path / origins.NAME).read_text()


def test_grading_writes_the_file(tmp_path: Path) -> None:
    lab = tiny_lab.make(tmp_path / "tiny")
    export = platforms.write(tmp_path / "e.zip", platforms.BLACKBOARD)
    jobs_of(lab, export, tmp_path / "out", Limits())
    assert {one.submitted for one in origins.read(tmp_path / "out").values()} == {
        "2026-11-02T10:00:00",
        "2026-11-03T14:00:00",
    }
