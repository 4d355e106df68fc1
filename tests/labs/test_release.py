"""What students get: generated, current to the byte, and without a word of solutions or hidden tests."""

import ast
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from eventlab.labs import cells
from eventlab.labs.catalogue import Lab, all_labs, find
from eventlab.labs.release import ReleaseError, release, student_checks, student_notebook

DATA = ("events", "messages")
"""Functions of a released generator, which return input."""
EACH = pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)
SOLUTION = {"nbgrader": {"grade_id": "q1", "solution": True, "grade": False, "locked": False}}
CHECK = {"nbgrader": {"grade_id": "q1-check", "solution": False, "grade": True, "locked": True, "points": 1}}


@pytest.fixture
def lab_of(tmp_path):
    """A lab whose notebook has one cell of code, and whose checks are the given text."""

    def make(source="", metadata=None, checks=""):
        cell = new_code_cell(source, metadata=metadata or {})
        nbformat.write(new_notebook(cells=[cell]), tmp_path / "instructor.ipynb")
        (tmp_path / "checks.py").write_text(checks)
        return Lab("lab00_try", tmp_path)

    return make


def released(lab):
    return nbformat.reads(student_notebook(lab), as_version=4).cells[0]


@EACH
def test_the_committed_student_notebook_is_what_the_instructors_gives(lab):
    assert lab.student.read_text(encoding="utf-8") == student_notebook(lab)


@EACH
def test_a_student_gets_no_line_of_a_solution(lab):
    public = student_notebook(lab)
    for cell in cells.read(lab.instructor).cells:
        if cells.is_solution(cell):
            inside = cell.source.split("### BEGIN SOLUTION\n")[1].split("### END SOLUTION")[0]
            lines = [line.strip() for line in inside.splitlines() if " import " not in line]
            assert [line for line in lines if len(line) > 25 and line in public] == []


@EACH
def test_a_student_gets_public_checks_only_and_knows_how_many_are_hidden(lab, tmp_path):
    own = Lab(lab.name, release(lab, tmp_path))

    assert [check.name for check in own.checks] == [check.name for check in lab.checks if not check.hidden]
    assert {question: own.hidden(question) for question in own.questions} == {
        question: lab.hidden(question) for question in lab.questions
    }
    assert own.mutants == ()


@EACH
def test_the_released_folder_holds_no_word_of_a_hidden_check(lab, tmp_path):
    everything = "".join(path.read_text() for path in release(lab, tmp_path).iterdir() if path.is_file())

    assert "HIDDEN TESTS" not in everything
    assert "BEGIN SOLUTION" not in everything
    for check in lab.checks:
        assert not check.hidden or check.hint not in everything


@EACH
def test_nothing_that_computes_an_answer_is_released(lab, tmp_path):
    hidden = (lab.folder / "checks.py").read_text().partition("### BEGIN HIDDEN TESTS")[2]
    names = [node.name for node in ast.parse(hidden).body if isinstance(node, ast.FunctionDef)]
    own = Lab(lab.name, release(lab, tmp_path))

    assert names
    assert [name for name in names if hasattr(own.module, name) and name not in DATA] == []
    assert own.rules == own.mutants == ()


@EACH
def test_the_notebook_explains_the_students_name_and_the_restart(lab):
    opening = cells.read(lab.student).cells[0].source

    assert "`student`" in opening
    assert "`lab.restart()`" in opening
    assert 'student = ""' in cells.read(lab.student).cells[1].source


@EACH
def test_what_the_instructor_tried_in_the_labs_folder_is_not_released(lab, tmp_path):
    found = {path.name for path in release(lab, tmp_path).iterdir() if path.suffix != ""}

    assert found == {f"{lab.name}.ipynb", "checks.py", "generate.py"}


@EACH
def test_releasing_twice_writes_the_same_bytes(lab, tmp_path):
    first = {path.name: path.read_bytes() for path in release(lab, tmp_path / "a").glob("*.*")}

    assert {path.name: path.read_bytes() for path in release(lab, tmp_path / "b").glob("*.*")} == first


@EACH
def test_the_student_notebook_is_valid_python_with_nbgraders_stub(lab):
    notebook = nbformat.reads(student_notebook(lab), as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            ast.parse("\n".join(line for line in cell.source.splitlines() if not line.startswith("%")))
        if cells.is_solution(cell):
            assert "# YOUR CODE HERE\nraise NotImplementedError()" in cell.source


@EACH
def test_a_stub_declares_an_answer_whose_name_tells_nothing_about_the_solution(lab):
    declared = re.findall(r'lab\.answer\("(q\d)", (.+)\)', lab.student.read_text().replace('\\"', '"'))
    assert bool(declared) == (lab.name not in ("lab04_project", "lab05_stream")), "programs declare no answers"
    for question, name in declared:
        assert name == f"answer_{question}"


def test_a_solution_becomes_a_stub_with_its_indent(lab_of):
    source = "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\nf()"

    assert released(lab_of(source, SOLUTION)).source == (
        "def f():\n    # YOUR CODE HERE\n    raise NotImplementedError()\nf()"
    )


def test_a_solution_cell_without_markers_is_all_solution(lab_of):
    assert released(lab_of("secret = 1", SOLUTION)).source == "# YOUR CODE HERE\nraise NotImplementedError()"


def test_a_cell_that_is_given_cannot_be_edited_or_deleted(lab_of):
    found = released(lab_of("lab.check('q1')", CHECK)).metadata

    assert (found["deletable"], found["editable"]) == (False, False)


@pytest.mark.parametrize("name", ["SOLUTION", "HIDDEN TESTS"])
@pytest.mark.parametrize(
    "source",
    ["### BEGIN {0}\nsecret", "secret\n### END {0}", "### BEGIN {0}\n### BEGIN {0}\n### END {0}"],
    ids=["no end", "no begin", "nested"],
)
def test_a_marker_without_its_partner_is_an_error(lab_of, name, source):
    metadata = SOLUTION if name == "SOLUTION" else CHECK
    with pytest.raises(ReleaseError, match="cell 1"):
        student_notebook(lab_of(source.format(name), metadata))


@pytest.mark.parametrize("name", ["SOLUTION", "HIDDEN TESTS"])
def test_a_hidden_region_in_a_cell_that_is_not_marked_as_such_is_an_error(lab_of, name):
    with pytest.raises(ReleaseError, match="metadata"):
        student_notebook(lab_of(f"### BEGIN {name}\nsecret\n### END {name}"))


def test_a_hidden_check_outside_of_the_region_is_an_error(lab_of):
    with pytest.raises(ReleaseError, match="would be released"):
        student_checks(lab_of(checks="@check('q1', points=1, hint='', hidden=True)\ndef f(evidence): ...\n"))


def test_a_released_question_with_hidden_checks_only_is_a_question(lab_of, tmp_path):
    checks = "from eventlab.labs.checks import check\n"
    checks += "### BEGIN HIDDEN TESTS\n@check('q1', points=1, hint='', hidden=True)\ndef f(evidence): ...\n"
    lab = lab_of(checks=checks + "### END HIDDEN TESTS\n")

    own = Lab(lab.name, release(lab, tmp_path / "released"))

    assert own.checks == ()
    assert own.all_questions == lab.all_questions == ("q1",)
    assert own.hidden("q1") == 1


def test_a_lab_is_not_released_over_itself():
    lab = find("lab01")

    with pytest.raises(ReleaseError, match="own folder"):
        release(lab, lab.folder.parent)


def test_text_keeps_its_words_and_loses_other_tools_metadata(tmp_path):
    cell = new_markdown_cell("# Title", metadata={"slideshow": {"slide_type": "slide"}})
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "instructor.ipynb")

    found = released(Lab("lab00_try", tmp_path))

    assert (found.source, dict(found.metadata)) == ("# Title", {})
