"""`eventlab grade` on a class that has grades: a part of it again, points by hand, and what Ctrl-C leaves."""

import csv
import io

import pytest
from click.testing import CliRunner

from eventlab.cli.app import main
from eventlab.grading import grade as grade_module
from eventlab.grading import results, whole_class
from eventlab.grading.jobs import Job, Outcome
from eventlab.grading.results import Question, SubmissionRecord
from eventlab.grading.whole_class import Selection
from eventlab.labs.catalogue import find

LAB = find("lab01")


def record(student, points=1.0, **fields):
    return SubmissionRecord(
        student, LAB.name, "graded", points, 2, (Question("q1", points, 2),), seconds=1, **fields
    )


@pytest.fixture
def output(tmp_path):
    """The output folder of a class of three, of which each has one point."""
    folder = tmp_path / "out"
    for student in ("ada", "ben", "eve"):
        results.save(record(student), folder)
    whole_class.remember(["ada", "ben", "eve"], folder)
    return folder


@pytest.fixture
def grade(tmp_path, output, monkeypatch):
    """Run the command; the grading is replaced by one that gives records, and may be interrupted after them."""
    (tmp_path / "ada.ipynb").write_text("{}")

    def run(*options, records=(), interrupted=False):
        received = {}

        def graded(lab, submissions, target, *, selection, progress, **_):
            received["selection"] = selection
            if not selection and records and not interrupted:
                whole_class.remember([one.student for one in records], target)
            for done, one in enumerate(records, start=1):
                results.save(one, target)
                progress(done, len(records), one)
            if interrupted:
                raise KeyboardInterrupt
            return list(records)

        monkeypatch.setattr(grade_module, "grade", graded)
        command = ["grade", "lab01", tmp_path / "ada.ipynb", "--output", output, *options]
        return CliRunner().invoke(main, list(map(str, command))), received.get("selection")

    return run


def grades(output):
    rows = csv.DictReader(io.StringIO((output / "grades.csv").read_text()))
    return {row["student"]: row["points"] for row in rows}


def test_one_student_is_graded_again_into_the_report_on_all(grade, output):
    done, selection = grade("--only", "ada", records=[record("ada", 2.0)])

    assert done.exit_code == 0, done.output
    assert selection == Selection(("ada",))
    assert grades(output) == {"ada": "2", "ben": "1", "eve": "1"}
    assert (output / "feedback" / "eve.html").exists()


def test_a_question_and_a_check_are_selected_by_their_names(grade):
    _, selection = grade("--question", "q2", "--check", "no event is missing", records=[record("ada")])

    assert selection == Selection((), ("q2",), ("no event is missing",))


@pytest.mark.parametrize(
    ("option", "said"),
    [(("--question", "q7"), "lab01_events has no question 'q7'"), (("--check", "any"), "has no check 'any'")],
)
def test_what_the_lab_does_not_have_is_refused_before_anything_is_graded(grade, option, said):
    done, selection = grade(*option)

    assert (done.exit_code, selection) == (1, None)
    assert said in done.output


def test_a_grading_of_fewer_students_says_who_is_missing_and_how_to_add_one(grade, output):
    done, _ = grade(records=[record("ada")])

    assert "2 students of the last report are not among these submissions" in done.output
    assert "ben, eve" in done.output
    assert "--only STUDENT" in done.output
    assert results.load("ben", output) == record("ben")
    assert [path.name for path in (output / "feedback").iterdir()] == ["ada.html"]
    assert "Their records are kept, not their feedback pages" in done.output


def test_ctrl_c_writes_the_reports_of_what_is_done_and_keeps_earlier_results(grade, output):
    done, _ = grade(records=[record("ada", 2.0)], interrupted=True)

    assert done.exit_code == 130
    assert "run the same command again to continue" in done.output
    assert f"Report so far: {output / 'report.html'}" in done.output
    assert grades(output) == {"ada": "2", "ben": "1", "eve": "1"}
    page = " ".join((output / "report.html").read_text().split())
    assert "The grading was stopped: 2 submissions were not graded." in page
    assert "ben, eve." in page
    assert whole_class.EARLIER in page


def test_ctrl_c_writes_the_reports_although_somebody_with_points_by_hand_is_not_graded_yet(grade, output):
    whole_class.remember(["ada", "zoe"], output)
    (output / "adjustments.csv").write_text("student,question,points,comment\nzoe,q1,2,ok\nada,q1,2,ok\n")
    done, _ = grade(records=[record("ada")], interrupted=True)

    assert done.exit_code == 130
    assert grades(output) == {"ada": "2"}


def test_a_second_grading_into_the_same_folder_is_refused(grade, output):
    with whole_class.locked(output):
        done, selection = grade(records=[record("ada")])

    assert (done.exit_code, selection) == (1, None)
    assert "another command grades into" in done.output


def test_points_by_hand_are_in_the_printed_table(grade, output):
    (output / "adjustments.csv").write_text("student,question,points,comment\nben,q1,2,ok\n")
    done, _ = grade("--only", "ada", records=[record("ada")])

    assert "ben       2 / 2  graded" in done.stdout
    assert grades(output)["ben"] == "2"


def test_mistakes_in_the_adjustments_are_listed_and_no_report_is_changed(grade, output):
    grade("--only", "ada", records=[record("ada")])
    (output / "adjustments.csv").write_text("student,question,points,comment\nben,q1,3,ok\nbob,q1,1,\n")
    done, _ = grade("--only", "ada", records=[record("ada", 2.0)])

    assert done.exit_code == 1
    assert "line 2: 3 points, but q1 has 2 at most" in done.output
    assert "line 3: no submission of 'bob'" in done.output
    assert grades(output)["ada"] == "1"
    assert results.load("ada", output) == record("ada", 2.0)


def test_a_machine_that_fails_in_a_regrade_leaves_the_mark_and_the_exit_code_says_so(grade, output):
    job = Job("ada", None, None, "", "f", 1)
    failed = Outcome.infrastructure_failed("the broker ended")

    kept = grade_module._save(LAB, job, failed, output, Selection(("ada",)))

    assert results.load("ada", output) == record("ada")
    assert (kept.points, kept.messages) == (1, (f"{grade_module.NOT_AGAIN} the broker ended",))
    done, _ = grade("--only", "ada", records=[kept])
    assert done.exit_code == 1
    assert "ada could not be graded again and keeps its earlier result: the broker ended" in done.output


def test_a_machine_that_fails_in_a_first_grading_leaves_no_mark(output):
    job = Job("new", None, None, "", "f", 1)

    found = grade_module._save(LAB, job, Outcome.infrastructure_failed("no disk"), output, whole_class.ALL)

    assert found.points is None
