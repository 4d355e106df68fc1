"""A question that a person marks: declared with a rubric, shown as not marked yet, marked in adjustments.csv."""

import json
from dataclasses import replace

import nbformat
import pytest

from eventlab.grading import csv_files
from eventlab.grading.execution import marks, notebook
from eventlab.grading.execution.run import Run
from eventlab.grading.jobs import Limits
from eventlab.grading.reports import gradescope, write_all
from eventlab.grading.results import SubmissionRecord, parse, total
from eventlab.grading.verify import verify
from eventlab.labs import cells, release
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import text_question
from tests.grading.report_examples import read, record

CHECKS = """
from eventlab.labs.checks import check, expect, text_question

@check("q1", points=2, hint="add")
def the_sum(evidence):
    return expect(expected=3, got=evidence.answer("q1"))

DELIVERY = text_question("q2", (1, "names at-least-once"), (2, "says how event_id helps"))

### BEGIN HIDDEN TESTS
@check("q3", points=1, hint="sort", hidden=True)
def the_order(evidence):
    return expect(expected=[1, 2], got=evidence.answer("q3"))
### END HIDDEN TESTS
"""
ANSWER = "Twice, because *at least once*."


def graded_cell(kind, grade_id, source, **more):
    facts = {"grade_id": grade_id, "solution": True, "grade": False, "locked": False, "schema_version": 3} | more
    make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    return make(source, metadata={"nbgrader": facts})


@pytest.fixture
def lab(tmp_path):
    folder = tmp_path / "lab99_text"
    folder.mkdir()
    (folder / "checks.py").write_text(CHECKS)
    cells = [
        graded_cell("code", "q1", "### BEGIN SOLUTION\n1 + 2\n### END SOLUTION"),
        graded_cell(
            "markdown", "q2", "### BEGIN SOLUTION\nA perfect answer.\n### END SOLUTION", grade=True, points=3
        ),
        graded_cell("code", "q3", "### BEGIN SOLUTION\nsorted([2, 1])\n### END SOLUTION"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "instructor.ipynb")
    found = Lab(folder.name, folder)
    release.renew(found)
    return found


def marked(lab, tmp_path, text=ANSWER, added=""):
    """Return the record's questions of a student who writes this text."""
    submitted = nbformat.read(lab.student, as_version=4)
    if text is not None:
        submitted.cells[1].source = text
    if added:
        submitted.cells.insert(2, nbformat.v4.new_markdown_cell(added))
    path = tmp_path / "ada.ipynb"
    path.write_text(json.dumps(submitted))
    matched = notebook.match(notebook.read(path), cells.read(lab.instructor))
    return marks.questions(lab, matched, [Run()], Limits())


def test_the_points_of_a_lab_are_those_of_its_checks_and_rubrics(lab):
    assert lab.all_questions == ("q1", "q2", "q3")
    assert lab.questions == ("q1", "q3")
    assert (lab.points(), lab.points("q2"), lab.points("q1")) == (6, 3, 2)


@pytest.mark.parametrize("rubric", [(), ((0, "nothing"),), ((-1, "less"),)])
def test_a_rubric_has_lines_with_points(rubric):
    with pytest.raises(ValueError, match="the rubric of q2 needs lines, each with points above 0"):
        text_question("q2", *rubric)


def test_the_released_notebook_has_a_place_for_the_text_and_the_released_checks_have_the_rubric(lab):
    assert "YOUR ANSWER HERE" in release.student_notebook(lab)
    assert "A perfect answer" not in release.student_notebook(lab)
    assert "says how event_id helps" in release.student_checks(lab)


def test_a_text_is_not_marked_yet_and_has_its_rubric(lab, tmp_path):
    _, text, _ = marked(lab, tmp_path)

    assert (text.points, text.max_points, text.answer) == (None, 3, ANSWER)
    assert [line.points for line in text.rubric] == [1, 2]


def test_a_text_in_an_added_cell_counts_too(lab, tmp_path):
    assert marked(lab, tmp_path, None, "I wrote it below.")[1].answer == "I wrote it below."


def test_the_given_texts_after_the_answer_are_no_part_of_it(lab, tmp_path):
    notebook_of_the_lab = nbformat.read(lab.instructor, as_version=4)
    for text in ("## Question 3: the order", "## Key points\n- Sort."):
        notebook_of_the_lab.cells.insert(2, nbformat.v4.new_markdown_cell(text))
    nbformat.write(notebook_of_the_lab, lab.instructor)
    release.renew(lab)
    assert "## Question 3: the order (1 point)" in lab.student.read_text()

    assert marked(lab, tmp_path)[1].answer == ANSWER
    untouched = marked(lab, tmp_path, None)[1]
    assert (untouched.points, untouched.answer, untouched.note) == (0, "", marks.NO_TEXT)


def test_both_halves_of_a_cell_that_the_student_has_split_count(lab, tmp_path):
    submitted = nbformat.read(lab.student, as_version=4)
    submitted.cells[1].source = "The first half."
    submitted.cells.insert(2, graded_cell("markdown", "q2", "The second half.", grade=True))
    path = tmp_path / "ada.ipynb"
    path.write_text(json.dumps(submitted))
    matched = notebook.match(notebook.read(path), cells.read(lab.instructor))

    assert marks.text_answer(lab.text_questions["q2"], matched).answer == "The first half.\n\nThe second half."
    assert "q2 was there 2 times: all count, in order" in matched.messages


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_a_missing_text_has_no_points_and_needs_no_person(lab, tmp_path, text):
    _, question, _ = marked(lab, tmp_path, text)

    assert (question.points, question.note) == (0, marks.NO_TEXT)


@pytest.fixture
def submission(lab, tmp_path):
    questions = marked(lab, tmp_path)
    return SubmissionRecord("ada", lab.name, "graded", total(questions), lab.points(), questions)


def test_a_record_with_an_answer_that_is_not_marked_is_read_back(submission):
    from dataclasses import asdict

    assert parse(json.loads(json.dumps(asdict(submission)))) == submission
    assert [question.id for question in submission.unmarked] == ["q2"]


def test_before_it_is_marked_every_report_says_so_and_never_0(submission, tmp_path):
    write_all.write_all([submission], tmp_path)

    (row,) = read((tmp_path / "grades.csv").read_text())
    assert (row["q2"], row["not_marked"]) == ("not marked yet", "q2")
    page = (tmp_path / "feedback" / "ada.html").read_text()
    for said in ("q2 not marked yet", "q2: not marked yet (of 3)", "says how event_id helps (2)"):
        assert said in page
    assert "q2 not marked yet" in (tmp_path / "report.html").read_text()
    (test,) = [one for one in gradescope.results(submission)["tests"] if one["number"] == "q2"]
    assert "score" not in test
    assert test["output"] == "not marked yet"


def test_the_answers_to_mark_are_on_a_page_and_in_a_file_that_becomes_adjustments(submission, tmp_path):
    write_all.write_all([submission, replace(submission, student="=ben")], tmp_path)

    page = (tmp_path / "marking.html").read_text()
    for said in ("2 of 2 not marked yet", "names at-least-once (1)", "Twice, because *at least once*."):
        assert said in page
    rows = read((tmp_path / "to_mark.csv").read_text())
    assert [(row["student"], row["question"], row["points"]) for row in rows] == [
        ("ada", "q2", ""),
        ("'=ben", "q2", ""),
    ]
    assert rows[0]["answer"] == ANSWER
    assert rows[0]["rubric"] == "1: names at-least-once; 2: says how event_id helps"
    filled = [[row["student"], "q2", "2", "fine", row["answer"]] for row in rows]
    csv_files.write(tmp_path / "adjustments.csv", [list(rows[0]), *filled])

    adjusted = write_all.write_all([submission, replace(submission, student="=ben")], tmp_path)

    assert [one.points for one in adjusted] == [2, 2]
    assert read((tmp_path / "to_mark.csv").read_text()) == []


def test_a_marked_text_has_its_points_and_comment_everywhere(submission, tmp_path):
    (tmp_path / "adjustments.csv").write_text("student,question,points,comment\nada,q2,2.5,What if it is lost?\n")
    (adjusted,) = write_all.write_all([submission], tmp_path)

    assert (adjusted.points, adjusted.unmarked) == (2.5, ())
    page = (tmp_path / "feedback" / "ada.html").read_text()
    for said in ("q2: 2.5 / 3", "Your instructor marked this answer.", "What if it is lost?"):
        assert said in page
    (row,) = read((tmp_path / "grades.csv").read_text())
    assert (row["q2"], row["points"], "not_marked" in row) == ("2.5", "2.5", False)
    (test,) = [one for one in gradescope.results(adjusted)["tests"] if one["number"] == "q2"]
    assert (test["score"], test["max_score"]) == (2.5, 3)


def test_the_points_of_each_line_of_the_rubric_are_shown_and_their_sum_counts(submission, tmp_path):
    (tmp_path / "adjustments.csv").write_text("student,question,points,comment\nada,q2,1 + 0.5,\n")
    (adjusted,) = write_all.write_all([submission], tmp_path)

    assert adjusted.points == 1.5
    said = "Your instructor marked this answer:\n1 / 1 names at-least-once\n0.5 / 2 says how event_id helps"
    assert said in (tmp_path / "feedback" / "ada.html").read_text()
    (test,) = [one for one in gradescope.results(adjusted)["tests"] if one["number"] == "q2"]
    assert test["output"] == said


def test_a_lab_is_verified_without_a_person(lab):
    """The instructor's text is not marked, the untouched one has no points."""

    def grade(graded, submissions, output, **_):
        found = []
        for path in sorted(submissions.glob("*.ipynb")):
            matched = notebook.match(notebook.read(path), cells.read(graded.instructor))
            right = path.stem == "instructor"
            questions = tuple(
                replace(
                    q,
                    points=q.max_points if right else 0,
                    checks=tuple(replace(c, passed=right) for c in q.checks),
                )
                if q.checks
                else q
                for q in marks.questions(graded, matched, [Run()], Limits())
            )
            points = total(questions)
            found.append(SubmissionRecord(path.stem, graded.name, "graded", points, graded.points(), questions))
        return found

    assert verify(lab, grade=grade).problems == [
        "proof.py has no MUTANTS: nothing shows that a wrong solution loses marks"
    ]


def test_a_lab_without_text_questions_has_no_files_to_mark(tmp_path):
    write_all.write_all([record()], tmp_path)

    assert not (tmp_path / "marking.html").exists()
    assert not (tmp_path / "to_mark.csv").exists()
