"""A lab whose notebook, checks and proof do not fit each other is refused, and all problems are listed."""

import shutil
from pathlib import Path

import nbformat
import pytest

from eventlab.labs import cells, fit, new, release
from eventlab.labs.catalogue import Lab, all_labs, find
from eventlab.labs.proof import mistake_problems, mutant_problems

NEXT = "eventlab labs release labs/lab05_swords"


@pytest.fixture
def lab(tmp_path):
    """A copy of a new lab, whose checks are not imported yet."""
    made = new.create("lab05_swords", tmp_path / "made")
    return Lab(made.name, Path(shutil.copytree(made.folder, tmp_path / made.name)))


def edit(lab, change):
    """Change the cells of the instructor's notebook."""
    notebook = cells.read(lab.instructor)
    change({cells.grade_id(cell) or cell.id: cell for cell in notebook.cells}, notebook)
    nbformat.write(notebook, lab.instructor)


def replace(lab, old, new, name="checks.py"):
    path = lab.folder / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize("lab", [*all_labs(), find(str(new.TEMPLATE))], ids=lambda lab: lab.name)
def test_the_labs_of_the_kit_fit(lab):
    assert [*fit.problems(lab), *mutant_problems(lab), *mistake_problems(lab)] == []


def source(name, text):
    return lambda named, notebook: named[name].update(source=text)


def metadata(name, **changed):
    return lambda named, notebook: named[name].metadata.nbgrader.update(changed)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (metadata("q1-check", points=7), "gives q1 7 points, its checks have 3"),
        (source("cell-006", "## Question 1: swords (5 points)"), "gives q1 5 points, its checks have 3"),
        (
            metadata("q1-check", grade_id="q2-check"),
            "q2 has cells, but checks.py has no check and no text_question of it",
        ),
        (metadata("q1-check", grade_id="q2-check"), "q1 has checks, but no check cell"),
        (metadata("q1", grade_id="q2"), "q1 has checks, but no cell to fill in"),
        (metadata("q1", grade_id="counting"), "belongs to no question: 'counting'"),
        (metadata("setup-kafka", grade_id="setup"), "2 cells have the grade_id 'setup'"),
        (source("q1-check", 'lab.check("q2")'), 'a cell of q1 contains lab.check("q2")'),
        (source("q1", 'lab.answer("q3", 1)'), 'lab.answer("q3", ...) answers no question'),
        (source("q1", "answer_q1 = 1"), "reads answer q1, but no cell has lab.answer"),
        (source("q1", "### BEGIN SOLUTION\n1"), "BEGIN SOLUTION has no END"),
        (source("setup", 'lab = open_lab("lab04_project")'), "open_lab opens 'lab04_project', but the folder is"),
        (source("setup", "pass"), "no cell opens the lab"),
        (source("cell-002", 'student = ""\nseed = 0'), "does not set topic, folder, group"),
        (lambda named, notebook: named["cell-002"].metadata.clear(), "0 cells have the tag `parameters`"),
        (lambda named, notebook: named["setup"].metadata.clear(), "(%load_ext eventlab) has no grade_id"),
    ],
)
def test_a_notebook_that_does_not_fit_its_checks_is_described(lab, change, problem):
    edit(lab, change)

    assert any(problem in found for found in fit.problems(lab)), fit.problems(lab)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"q1", points=1', '"q1", points=0', "'the sum is the number of swords' of q1 has 0 points"),
        ('"q1", points=1', '"q2", points=1', "q2 has checks, but no cell to fill in"),
        ('"q1", points=1', '"swords", points=1', "names the question 'swords': write q1, q2"),
        (
            ' hint="Use the Host of each event. A host without a sword is not in the dict."',
            'hint=" "',
            "has no hint",
        ),
        ("each_host_has_its_number_of_swords", "swords", "defines swords 2 times: only the last one counts"),
        ("### END HIDDEN TESTS", "", "BEGIN HIDDEN TESTS has no END"),
        ("def prepare(", "def prepared(", "has no function prepare"),
        ("return dict(", "return dict((", "checks.py cannot be imported: SyntaxError"),
        ("import events, messages", "import everything", "checks.py cannot be imported: ImportError"),
        ("@check(", "#@check(", "checks.py cannot be imported"),
    ],
)
def test_checks_that_do_not_fit_their_notebook_are_described(lab, old, new, problem):
    replace(lab, old, new)

    assert any(problem in found for found in fit.problems(lab)), fit.problems(lab)


def test_a_notebook_that_is_none_is_the_only_problem(lab):
    lab.instructor.write_text("{")

    (problem,) = fit.problems(lab)
    assert "instructor.ipynb cannot be read as a notebook" in problem


def test_points_that_the_notebook_repeats_correctly_are_no_problem(lab):
    edit(lab, metadata("q1-check", points=3))

    assert fit.problems(lab) == []


def test_mutants_and_rules_that_do_not_fit_are_all_described(lab):
    replace(lab, '"q1", "earliest"', '"q1", "sometimes"', "proof.py")
    replace(lab, 'Rule("q1", "only swords count"', 'Rule("q4", "only swords count"', "proof.py")
    replace(lab, '"knives count, too", "q1"', '"knives count, too", "q4"', "proof.py")

    rule, unknown, absent = mutant_problems(lab)
    assert "a rule names q4" in rule
    assert "'knives count, too'" in unknown
    assert "'sometimes' occurs 0 times in the solution of q1" in absent


def test_a_mistake_without_its_wrong_solution_is_described(lab):
    replace(lab, '"knives count, too", "q1"', '"with knives", "q1"', "proof.py")

    assert mistake_problems(lab) == ["mistakes.py: 'knives count, too' is no wrong solution of q1 in proof.py"]


def test_mistakes_that_cannot_be_imported_are_described(lab):
    replace(lab, "import swords", "import knives", "mistakes.py")

    (problem,) = mistake_problems(lab)
    assert problem.startswith("mistakes.py cannot be used: ImportError: cannot import name 'knives'")


def test_all_problems_of_all_labs_are_in_one_error_with_the_next_command(lab):
    with pytest.raises(fit.FitError) as error:
        fit.require_fit({lab: ["first", "second"], find("lab01"): [], find("lab02"): ["third"]}, NEXT)

    text = str(error.value)
    assert f"lab05_swords has 2 problems. Edit the files in {lab.folder}:\n  - first\n  - second" in text
    assert "lab02_extract has 1 problem." in text
    assert "lab01" not in text
    assert text.endswith(f"Next: {NEXT}")


@pytest.fixture
def with_text(lab):
    """The lab with a question q2 in text; its cell has only the metadata that matter."""

    def add(named, notebook):
        cell = nbformat.v4.new_markdown_cell("Your answer")
        cell.metadata.nbgrader = {"grade_id": "q2", "solution": True, "grade": True}
        notebook.cells.append(cell)

    edit(lab, add)
    checks = lab.folder / "checks.py"
    checks.write_text(
        checks.read_text() + "\nfrom eventlab.labs.checks import text_question\n"
        'REASONS = text_question("q2", (1, "names at-least-once delivery"))\n'
    )
    return lab


def test_a_question_in_text_fits_without_a_check(with_text):
    assert fit.problems(with_text) == []


def test_release_completes_the_metadata_of_a_cell_for_nbgrader(with_text, tmp_path):
    for notebook in (
        release.release(with_text, tmp_path / "out") / "lab05_swords.ipynb",
        release.release_for_nbgrader(with_text, tmp_path),
    ):
        assert cells.read(notebook).cells[-1].metadata.nbgrader == {
            "grade_id": "q2",
            "solution": True,
            "grade": True,
            "points": 1,
            "cell_type": "markdown",
            "locked": False,
            "task": False,
            "schema_version": 3,
        }


@pytest.mark.parametrize("changed", [{"grade_id": "notes"}, {"grade": False}, {"solution": False}])
def test_a_question_in_text_without_its_cell_says_which_metadata_the_cell_needs(with_text, changed):
    edit(with_text, metadata("q2", **changed))

    assert any(
        "q2 has a rubric, but no cell for the text (grade_id `q2`, solution and grade: true)" in found
        for found in fit.problems(with_text)
    )
