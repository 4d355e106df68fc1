"""One student, question or check is graded again into the report of the class, and nothing else changes."""

from dataclasses import replace

import pytest

from eventlab.grading import grade as grade_module
from eventlab.grading import results, whole_class
from eventlab.grading.adjustments import AdjustmentsError
from eventlab.grading.jobs import Job
from eventlab.grading.results import CheckResult, Question
from eventlab.grading.whole_class import ALL, FolderError, Selection, SelectionError, select
from eventlab.labs.catalogue import find
from tests.grading.report_examples import record

LAB = find("lab01")


def job(student):
    return Job(student, None, None, "", f"fingerprint of {student}", 1)


def check(name, question, passed, points=1.0):
    return CheckResult(name, question, passed, points if passed else 0, points, got=f"{name} {passed}")


def graded(*passed, student="ada", **fields):
    """Return a record of two questions with two checks each, of which some passed."""
    names = {"q1": ("a", "b"), "q2": ("c", "d")}
    questions = []
    for id, own in names.items():
        checks = tuple(check(name, id, name in passed) for name in own)
        questions.append(Question(id, sum(c.points for c in checks), 2, "", checks))
    return record(student, questions=tuple(questions), points=len(passed), max_points=4, **fields)


def passed(found):
    return "".join(check.name for check in found.checks if check.passed)


def test_only_the_selected_students_are_graded():
    jobs = [job("ada"), job("ben"), job("eve")]

    assert [one.student for one in Selection(("eve", "ada", "eve")).jobs(jobs)] == ["eve", "ada"]
    assert ALL.jobs(jobs) == jobs
    assert not ALL


def test_a_student_without_a_submission_is_refused_with_the_similar_name():
    with pytest.raises(SelectionError, match=r"there is no submission of 'adda': did you mean 'ada'\?"):
        Selection(("adda",)).jobs([job("ada"), job("ben")])


def test_a_check_is_found_by_its_name_however_it_is_written():
    found = select(LAB, ["ada"], ["q2"], ["No_event_is_missing"])

    assert found == Selection(("ada",), ("q2",), ("no event is missing",))


@pytest.mark.parametrize(
    ("questions", "checks", "said"),
    [
        (["q9"], [], "lab01_events has no question 'q9': there are: q1, q2, q3, q4"),
        ([], ["no event is mising"], "has no check 'no event is mising': did you mean 'no event is missing'"),
    ],
)
def test_an_unknown_question_or_check_is_refused(questions, checks, said):
    with pytest.raises(SelectionError, match=said.replace("?", r"\?")):
        select(LAB, [], questions, checks)


def test_a_question_that_is_graded_again_replaces_only_itself():
    merged = Selection(questions=("q2",)).merged(graded("a", fingerprint="old"), graded("b", "c", "d"))

    assert (passed(merged), merged.points) == ("acd", 3)
    assert [question.points for question in merged.questions] == [1, 2]
    assert merged.messages[-1] == "graded again: q2"
    assert merged.fingerprint == "old"  # a later run without a selection grades all


def test_a_check_that_is_graded_again_replaces_only_itself():
    merged = Selection(checks=("d",)).merged(graded("a"), graded("b", "c", "d"))

    assert (passed(merged), merged.points) == ("ad", 2)


def test_a_check_that_is_new_is_added_with_its_points():
    old = graded("a")
    without_d = replace(old.questions[1], checks=old.questions[1].checks[:1], max_points=1)
    merged = Selection(checks=("d",)).merged(
        replace(old, questions=(old.questions[0], without_d), max_points=3), graded("d")
    )

    assert (passed(merged), merged.points, merged.max_points) == ("ad", 2, 4)


def test_a_whole_submission_that_is_graded_again_replaces_its_record():
    assert Selection(("ada",)).merged(graded("a"), graded("b")) == graded("b")
    assert Selection(questions=("q2",)).merged(None, graded("b")) == graded("b")


def test_a_question_that_was_graded_without_a_sandbox_makes_the_record_say_so():
    merged = Selection(questions=("q2",)).merged(graded("a"), graded("c", sandboxed=False, containment="none"))

    assert (merged.sandboxed, merged.containment) == (False, "none")


def test_a_question_that_is_graded_again_has_the_status_of_the_run_that_is_shown():
    old = graded("a", status="timed_out", notes=("cell 3 was stopped",), seconds=600.0, notebook="old.ipynb")
    merged = Selection(questions=("q2",)).merged(
        old, graded(status="graded", notes=(), seconds=2.0, notebook="new.ipynb")
    )

    assert (merged.status, merged.notes, merged.seconds, merged.notebook) == ("graded", (), 2, "new.ipynb")


def test_two_commands_do_not_grade_into_one_folder_at_the_same_time(tmp_path):
    with whole_class.locked(tmp_path / "out"):
        with (
            pytest.raises(FolderError, match=r"another command grades into .*out\. Wait for its end"),
            whole_class.locked(tmp_path / "out"),
        ):
            pass
        with whole_class.locked(tmp_path / "another"):
            pass
    with whole_class.locked(tmp_path / "out"):
        pass


def test_the_grades_of_another_lab_are_not_replaced(tmp_path):
    results.save(replace(graded("a"), lab="lab02_extract"), tmp_path)
    (tmp_path / "ada.ipynb").write_text("{}")

    with pytest.raises(
        FolderError, match="has the grades of lab02_extract, which would be replaced by those of lab01"
    ):
        grade_module.grade(LAB, tmp_path / "ada.ipynb", tmp_path)
    assert [one.lab for one in results.load_all(tmp_path)] == ["lab02_extract"]
    assert not (tmp_path / "submissions.csv").exists()


def test_points_by_hand_with_mistakes_end_the_grading_before_anything_is_graded(tmp_path, monkeypatch):
    def started(*_, **__):
        raise AssertionError("a worker was started")

    monkeypatch.setattr(grade_module, "Scheduler", started)
    (tmp_path / "ada.ipynb").write_text("{}")
    (tmp_path / "adjustments.csv").write_text("student,question,points,comment\nzoe,q1,1,\nada,q1,99,\n")

    shown = []
    with pytest.raises(AdjustmentsError) as caught:
        grade_module.grade(LAB, tmp_path / "ada.ipynb", tmp_path, progress=lambda *step: shown.append(step))
    assert shown == []
    assert "line 2: no submission of 'zoe'" in caught.value.message
    assert "line 3: 99 points, but q1 has" in caught.value.message
    assert not whole_class.is_known(tmp_path), "or the next report is about this class"


def test_a_regrade_twice_has_its_message_once():
    once = Selection(questions=("q2",)).merged(graded(), graded("c"))

    assert Selection(questions=("q2",)).merged(once, graded("c")).messages.count("graded again: q2") == 1


def saved(folder, *students):
    for student in students:
        results.save(graded("a", student=student), folder)
    whole_class.remember(students, folder)


def test_the_report_after_a_regrade_is_about_the_whole_class(tmp_path):
    saved(tmp_path, "ada", "ben", "eve")
    results.save(graded(student="somebody who left"), tmp_path)
    whole_class.remember(["ada", "ben", "eve"], tmp_path)

    found = whole_class.completed([graded("a", "b", student="ben")], tmp_path)

    assert [(one.student, passed(one)) for one in found] == [("ada", "a"), ("ben", "ab"), ("eve", "a")]


def test_records_of_a_grading_without_a_list_of_the_class_are_the_class(tmp_path):
    results.save(graded("a"), tmp_path)

    assert [one.student for one in whole_class.completed([graded(student="ben")], tmp_path)] == ["ada", "ben"]


def test_after_an_interruption_the_others_have_their_earlier_result_and_the_report_names_them(tmp_path):
    saved(tmp_path, "ada", "ben")
    whole_class.remember(["ada", "ben", "eve"], tmp_path)

    found, left = whole_class.interrupted([graded("a", "b")], tmp_path, ALL)

    assert [(one.student, passed(one)) for one in found] == [("ada", "ab"), ("ben", "a")]
    assert whole_class.EARLIER in found[1].messages
    assert left == ["ben", "eve"]


def test_an_interrupted_regrade_names_only_those_who_were_to_be_graded(tmp_path):
    saved(tmp_path, "ada", "ben", "eve")

    found, left = whole_class.interrupted([graded("a", "b")], tmp_path, Selection(("ada", "ben")))

    assert left == ["ben"]
    assert [whole_class.EARLIER in one.messages for one in found] == [False, True, False]
