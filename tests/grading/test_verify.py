"""A lab is proved when right is right, nothing is nothing, and every wrong solution loses marks."""

import re
from dataclasses import replace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from eventlab.grading import results
from eventlab.grading.grade import GradingError
from eventlab.grading.mistakes import with_mistakes
from eventlab.grading.results import CheckResult, Question, SubmissionRecord
from eventlab.grading.verify import verify, write_class
from eventlab.labs.catalogue import Lab, all_labs
from eventlab.labs.checks import Mutant
from eventlab.labs.mistakes import Result, verdicts
from eventlab.labs.proof import MutantError, mutate

CHECKS = """
from eventlab.labs.checks import Mutant, check, expect

@check("q1", points=2, hint="add")
def the_sum(evidence):
    return expect(expected=3, got=evidence.answer("q1"))

@check("q2", points=3, hint="multiply", hidden=True)
def the_product(evidence):
    return expect(expected=2, got=evidence.answer("q2"))

MUTANTS = (Mutant("off by one", "q1", "a + b", "a + b + 1"), Mutant("wrong operator", "q2", "a * b", "a + b"))
"""
RULES = """
from eventlab.labs.checks import Rule

RULES = (Rule("q1", "always", lambda seed: True), Rule("q2", "sometimes", lambda seed: seed % 2 == 0))
"""


def cell(grade_id, source, **more):
    graded = {"grade_id": grade_id, "solution": True, "grade": False, "locked": False, "schema_version": 3} | more
    return new_code_cell(source, metadata={"nbgrader": graded})


@pytest.fixture
def lab(tmp_path):
    """A small lab; in its folder alone, so that no services are needed to look at it."""
    folder = tmp_path / "lab99_numbers"
    folder.mkdir()
    (folder / "checks.py").write_text(CHECKS)
    solved = [
        cell("q1", "c = a + b"),
        cell("q1-again", "d = 0"),
        cell("q2", "c = a * b"),
        cell("q2-check", "a + b", solution=False),
    ]
    empty = [cell("q1", "# YOUR CODE HERE"), cell("q1-again", ""), cell("q2", "# YOUR CODE HERE")]
    nbformat.write(new_notebook(cells=solved), folder / "instructor.ipynb")
    nbformat.write(new_notebook(cells=empty), folder / "student.ipynb")
    return Lab(folder.name, folder)


def record_of(lab, student, right, **more):
    """A record in which the questions of `right` have all their checks passed."""
    questions = tuple(
        Question(
            id,
            lab.points(id) if id in right else 0,
            lab.points(id),
            "",
            tuple(
                CheckResult(c.name, id, id in right, c.points if id in right else 0, c.points)
                for c in lab.checks_of(id)
            ),
        )
        for id in lab.questions
    )
    return replace(
        SubmissionRecord(student, lab.name, "graded", results.total(questions), lab.points(), questions),
        **more,
    )


def grader(lab, **other):
    """Grades a class as if each submission's source told all; `other` replaces records by student."""

    def grade(graded, submissions, output, *, workers=None, progress=None):
        found = []
        for path in sorted(submissions.glob("*.ipynb")):
            sources = [c.source for c in nbformat.read(path, as_version=4).cells]
            right = [id for id, text in (("q1", "c = a + b"), ("q2", "c = a * b")) if text in sources]
            found.append(other.get(path.stem.replace("-", "_"), record_of(lab, path.stem, right)))
        return [
            replace(record, student=path.stem)
            for record, path in zip(found, sorted(submissions.glob("*.ipynb")), strict=True)
        ]

    return grade


def test_a_lab_whose_checks_catch_every_mutant_has_no_problems(lab):
    proof = verify(lab, grade=grader(lab))

    assert proof.problems == []
    assert proof.share_caught == 1


def test_a_mutant_that_keeps_its_marks_is_named(lab):
    proof = verify(lab, grade=grader(lab, mutant_02_q2=record_of(lab, "", ["q1", "q2"])))

    assert proof.share_caught == 0.5
    (problem,) = proof.problems
    assert "q2 wrong operator" in problem
    assert "'a * b' → 'a + b'" in problem


def test_one_question_is_verified_alone_and_a_question_that_does_not_exist_is_refused(lab):
    proof = verify(lab, questions=["q2"], grade=grader(lab))

    assert [mutant.question for mutant, _ in proof.mutants] == ["q2"]
    assert proof.problems == []
    with pytest.raises(GradingError, match="lab99_numbers has no question q7; it has q1, q2"):
        verify(lab, questions=["q7"], grade=grader(lab))


def test_a_mutant_that_loses_marks_only_elsewhere_is_not_caught(lab):
    proof = verify(lab, grade=grader(lab, mutant_02_q2=record_of(lab, "", ["q2"])))

    assert [mutant.name for mutant in proof.survivors] == ["wrong operator"]


def test_a_mutant_that_costs_another_question_its_marks_is_not_fair(lab):
    proof = verify(lab, grade=grader(lab, mutant_01_q1=record_of(lab, "", [])))

    assert proof.share_caught == 1
    assert proof.problems == ["wrong in q1 only, but q2 lost marks, too: off by one: 'a + b'"]


def test_a_mutant_that_nobody_could_read_is_not_caught(lab):
    proof = verify(lab, grade=grader(lab, mutant_01_q1=record_of(lab, "", [], status="unreadable")))

    assert [mutant.name for mutant in proof.survivors] == ["off by one"]


def test_an_instructor_without_full_marks_fails_the_lab(lab):
    proof = verify(lab, grade=grader(lab, instructor=record_of(lab, "", ["q1"])))

    assert [problem for problem in proof.problems if "the instructor's solution misses q2 the product" in problem]


@pytest.mark.parametrize("status", ["timed_out", "died", "unreadable"])
def test_an_instructor_or_untouched_notebook_that_breaks_something_fails_the_lab(lab, status):
    right = verify(lab, grade=grader(lab, instructor=record_of(lab, "", ["q1", "q2"], status=status)))
    untouched = verify(lab, grade=grader(lab, untouched=record_of(lab, "", [], status=status)))

    assert right.problems == [f"the instructor's solution: {status}, 5 of 5 points"]
    assert untouched.problems == [f"the untouched notebook: {status}, 0 of 5 points"]


def test_an_untouched_notebook_with_a_point_fails_the_lab(lab):
    proof = verify(lab, grade=grader(lab, untouched=record_of(lab, "", ["q1"])))

    assert proof.problems == ["the untouched notebook passes q1 the sum"]


def test_a_check_that_breaks_on_an_untouched_notebook_fails_the_lab(lab):
    check = CheckResult("the sum", "q1", False, 0, 2, got="could not be checked: KeyError: 'x'")
    untouched = record_of(lab, "", [], questions=(Question("q1", 0, 2, "", (check,)),))

    (problem,) = verify(lab, grade=grader(lab, untouched=untouched)).problems

    assert "a check breaks on the untouched notebook: q1 the sum" in problem


def test_each_solution_is_graded_once_per_run_and_must_lose_marks_in_each(lab):
    proof = verify(lab, runs=3, grade=grader(lab, mutant_02_q2_run_3=record_of(lab, "", ["q1", "q2"])))

    assert [(mutant.name, caught, runs) for mutant, caught, runs in proof.caught] == [
        ("off by one", 3, 3),
        ("wrong operator", 2, 3),
    ]
    assert len(proof.instructor) == len(proof.untouched) == 3
    assert "kept full marks in 1 of 3 runs" in proof.problems[0]


def test_a_rule_that_the_data_of_a_seed_do_not_exercise_is_a_problem(lab):
    (lab.folder / "checks.py").write_text(CHECKS + RULES)

    proof = verify(lab, seeds=40, grade=grader(lab))

    (problem,) = proof.problems
    assert proof.rules == 2
    assert re.match(r"the data of \d+ of 40 seeds do not exercise a rule of q2: sometimes", problem)


def test_a_lab_without_mutants_has_proved_nothing(lab):
    (lab.folder / "checks.py").write_text(CHECKS.partition("MUTANTS")[0])

    proof = verify(lab, grade=grader(lab))

    assert proof.share_caught == 0
    assert "no MUTANTS" in proof.problems[0]


def test_a_mutant_edits_only_its_own_questions_solution(lab):
    changed = mutate(nbformat.read(lab.instructor, as_version=4), Mutant("", "q1", "a + b", "a - b"))

    assert [cell.source for cell in changed.cells] == ["c = a - b", "d = 0", "c = a * b", "a + b"]


@pytest.mark.parametrize(
    ("question", "old", "new"),
    [
        ("q1", "a - b", "x"),
        ("q1", "", "x"),
        ("q2", "a + b", "x"),
        ("q1", "=", "=="),
        ("q9", "a", "b"),
        ("q1", "a + b", "a + b"),
    ],
)
def test_a_mutant_that_is_not_one_edit_is_refused(lab, question, old, new):
    with pytest.raises(MutantError, match="mutant 'careless'"):
        mutate(nbformat.read(lab.instructor, as_version=4), Mutant("careless", question, old, new))


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)
def test_every_mutant_of_the_kits_labs_can_be_made(lab, tmp_path):
    assert len(write_class(lab, lab.mutants, tmp_path)) == len(lab.mutants) + 2
    assert {mutant.question for mutant in lab.mutants} == set(lab.questions)


MISTAKES = """
from eventlab.labs.mistakes import Result, Mistake

MISTAKES = (
    Mistake("q1", "off by one", "counted one too many", "Add the two.", lambda seed: Result(answer=4)),
    Mistake("q2", "wrong operator", "added", "Multiply the two.", lambda seed: Result(answer=seed)),
)
"""


def recognized(lab, student, **answers):
    """The record of a submission that declared these answers."""
    by_question = {question: Result(answer=answer) for question, answer in answers.items()}
    questions = []
    for id in lab.questions:
        checks = lab.checks_of(id)
        judged = tuple(map(CheckResult.of, checks, verdicts(by_question.get(id, Result()), id, checks, 5)))
        questions.append(Question(id, sum(check.points for check in judged), lab.points(id), "", judged))
    points = results.total(questions)
    found = SubmissionRecord(student, lab.name, "graded", points, lab.points(), tuple(questions))
    return with_mistakes(lab, found, 5)


def test_a_mistake_must_have_the_figures_of_its_wrong_solution(lab):
    (lab.folder / "mistakes.py").write_text(MISTAKES)
    graded = {"mutant_01_q1": recognized(lab, "", q1=4, q2=2), "mutant_02_q2": recognized(lab, "", q1=3, q2=3)}

    proof = verify(lab, grade=grader(lab, **graded))

    assert proof.problems == [
        "mistakes.py: in 1 of 1 runs q2 'wrong operator' has other figures than its wrong solution"
    ]
    assert proof.described == {("q1", "off by one"), ("q2", "wrong operator")}
    assert proof.undescribed == []


def test_wrong_solutions_without_a_mistake_are_listed(lab):
    proof = verify(lab, grade=grader(lab))

    assert [mutant.name for mutant in proof.undescribed] == [mutant.name for mutant in lab.mutants]


@pytest.mark.parametrize(
    ("answer", "names"), [(4, ["off by one"]), (4.0, ["off by one"]), (5, []), ("4", []), (None, []), (3, [])]
)
def test_an_answer_is_recognized_only_by_exactly_the_figures_of_a_mistake(lab, answer, names):
    (lab.folder / "mistakes.py").write_text(MISTAKES)

    found = recognized(lab, "ada", q1=answer)

    assert [mistake.name for mistake in found.questions[0].mistakes] == names


def test_a_mistake_that_cannot_be_computed_is_named_to_nobody_and_logged(lab, caplog):
    (lab.folder / "mistakes.py").write_text(MISTAKES.replace("Result(answer=4)", "Result(answer=1 / 0)"))

    assert recognized(lab, "ada", q1=4).questions[0].mistakes == ()
    assert "the mistake off by one of q1 cannot be computed" in caplog.text


def test_mistakes_that_cannot_be_imported_name_nothing_and_the_class_keeps_its_marks(lab, caplog):
    (lab.folder / "mistakes.py").write_text("import nothing_of_this_name\n")

    found = recognized(lab, "ada", q1=4)

    assert (found.questions[0].mistakes, found.status) == ((), "graded")
    assert f"mistakes.py of {lab.name} cannot be used" in caplog.text
