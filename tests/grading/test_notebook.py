"""The student's cells on the instructor's places: checks are always the instructor's, code is the student's."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import nbformat
import pytest

from eventlab.grading.execution import notebook as module
from eventlab.grading.execution.notebook import Matched
from eventlab.labs import cells
from eventlab.labs.catalogue import Lab, all_labs
from tests.grading import tiny_lab


def matched(tmp_path: Path, notebook: nbformat.NotebookNode) -> Matched:
    path = tmp_path / "student.ipynb"
    path.write_text(json.dumps(notebook))
    return module.match(module.read(path), tiny_lab.notebook())


def sources(found: Matched) -> dict[str | None, str]:
    return {step.grade_id: step.source for step in found.steps if step.grade_id}


def cell_of(notebook: nbformat.NotebookNode, grade_id: str) -> nbformat.NotebookNode:
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)
def test_the_released_cells_of_each_lab_are_untouched_and_the_instructors_are_not(lab: Lab) -> None:
    released = module.match(module.read(lab.student), cells.read(lab.instructor))
    solved = module.match(module.read(lab.instructor), cells.read(lab.instructor))

    assert {
        step.grade_id for step in released.steps if step.own and step.is_code and not step.is_untouched
    } == set()
    assert {step.grade_id for step in solved.steps if step.own and step.is_code and step.is_untouched} == set()


def test_an_unchanged_notebook_runs_as_it_is(tmp_path: Path) -> None:
    found = matched(tmp_path, tiny_lab.notebook())
    assert [step.source for step in found.steps] == [cell.source for cell in tiny_lab.notebook().cells]
    assert found.messages == ()


def test_solutions_are_the_students(tmp_path: Path) -> None:
    found = matched(tmp_path, tiny_lab.notebook(q3="mine"))
    assert sources(found)["q3"] == "mine"
    assert found.sources["q3"] == "mine"


def test_a_deleted_check_comes_back(tmp_path: Path) -> None:
    notebook = tiny_lab.notebook()
    notebook.cells.remove(cell_of(notebook, "q2-check"))
    found = matched(tmp_path, notebook)
    assert sources(found)["q2-check"] == 'lab.check("q2")'
    assert "q2-check was deleted: put back" in found.messages


def test_an_edited_check_and_setup_are_the_instructors(tmp_path: Path) -> None:
    notebook = tiny_lab.notebook()
    for grade_id in ("q2-check", "setup"):
        cell_of(notebook, grade_id).source = "print('mine')"
    found = matched(tmp_path, notebook)
    assert sources(found)["q2-check"] == 'lab.check("q2")'
    assert sources(found)["setup"] == tiny_lab.SETUP
    assert "q2-check was edited: the instructor's ran in its place" in found.messages


def test_a_check_that_is_there_twice_runs_once(tmp_path: Path) -> None:
    notebook = tiny_lab.notebook()
    notebook.cells.append(cell_of(notebook, "q2-check"))
    found = matched(tmp_path, notebook)
    assert [step.grade_id for step in found.steps].count("q2-check") == 1
    assert "q2-check was there 2 times: the instructor's ran once" in found.messages


def test_an_added_cell_runs_after_the_one_that_it_stood_behind(tmp_path: Path) -> None:
    notebook = tiny_lab.notebook()
    at = notebook.cells.index(cell_of(notebook, "q2"))
    notebook.cells.insert(at + 1, nbformat.v4.new_code_cell("helper = 1"))
    steps = matched(tmp_path, notebook).steps
    place = [step.grade_id for step in steps].index("q2")
    assert (steps[place + 1].source, steps[place + 1].question) == ("helper = 1", "q2")


def test_the_order_of_the_cells_is_the_instructors(tmp_path: Path) -> None:
    notebook = tiny_lab.notebook()
    notebook.cells.reverse()
    found = matched(tmp_path, notebook)
    expected = [module._grade_id(cell.metadata) for cell in tiny_lab.notebook().cells]
    assert [step.grade_id for step in found.steps] == expected


def test_a_deleted_parameters_cell_comes_back_first(tmp_path: Path) -> None:
    notebook = tiny_lab.notebook()
    del notebook.cells[0]
    assert matched(tmp_path, notebook).steps[0].parameters


def test_hidden_tests_never_reach_the_student(tmp_path: Path) -> None:
    instructor = tiny_lab.notebook()
    cell_of(instructor, "q1-check").source += "\n### BEGIN HIDDEN TESTS\nsecret\n### END HIDDEN TESTS"
    path = tmp_path / "student.ipynb"
    path.write_text(json.dumps(tiny_lab.notebook()))
    found = module.match(module.read(path), instructor)
    assert "secret" not in "".join(step.source for step in found.steps)


def test_a_question_is_judged_after_its_check_cell_and_without_one_after_its_last_cell(tmp_path: Path) -> None:
    notebook = tiny_lab.notebook()
    notebook.cells.insert(4, nbformat.v4.new_code_cell("added behind the check of q1"))
    instructor = tiny_lab.notebook()
    instructor.cells.remove(cell_of(instructor, "q2-check"))
    path = tmp_path / "student.ipynb"
    path.write_text(json.dumps(notebook))
    found = module.match(module.read(path), instructor)
    judged = {q: found.steps[n].grade_id for q, n in found.check_steps(["q1", "q2", "q3", "q9"]).items()}
    assert judged == {"q1": "q1-check", "q2": "q2", "q3": "q3-check", "q9": found.steps[-1].grade_id}


def test_the_reference_is_the_instructors_notebook_with_its_solutions() -> None:
    steps = module.instructor_steps(tiny_lab.notebook()).steps
    assert {step.grade_id: step.source for step in steps}["q2"] == tiny_lab.SOLUTIONS["q2"]


@pytest.mark.parametrize("metadata", [None, 7, [], {"nbgrader": 7}, {"nbgrader": {"grade_id": []}}, {"tags": 3}])
def test_odd_metadata_is_no_metadata(tmp_path: Path, metadata: object) -> None:
    cell = {"cell_type": "code", "source": ["a = ", "1"], "metadata": metadata}
    path = tmp_path / "student.ipynb"
    path.write_text(json.dumps({"cells": [cell, "no cell", {"cell_type": 3, "source": 4}]}))
    found = module.match(module.read(path), tiny_lab.notebook())
    assert "a = 1" in [step.source for step in found.steps]


@pytest.mark.programs
def test_a_large_notebook_is_read_and_its_outputs_are_left_out(tmp_path: Path) -> None:
    notebook = tiny_lab.notebook(q3="mine")
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="x" * module.READ_APART_BYTES)]

    assert matched(tmp_path, notebook).sources["q3"] == "mine"


def test_a_student_is_told_of_cells_that_did_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CELLS", 3)
    monkeypatch.setattr(module, "MAX_SOURCE_CHARS", 300)
    notebook = tiny_lab.notebook()
    notebook.cells.insert(0, nbformat.v4.new_code_cell("1" * 301))
    found = matched(tmp_path, notebook)
    assert found.not_run == (
        "a cell has 301 characters: it did not run",
        "the notebook has more than 3 cells: those after cell 3 did not run",
    )
    assert set(found.not_run) < set(found.messages)


def with_copies(tmp_path: Path, *copies: str) -> Matched:
    notebook = tiny_lab.notebook(q3=copies[0])
    at = notebook.cells.index(cell_of(notebook, "q3"))
    for copy in reversed(copies[1:]):
        cell = nbformat.from_dict(notebook.cells[at] | {"source": copy})
        notebook.cells.insert(at + 1, cell)
    return matched(tmp_path, notebook)


def test_a_copy_that_is_not_filled_in_does_not_end_the_cell_before_the_students_code() -> None:
    stub, mine = "raise NotImplementedError()", "a = 1"

    assert cells.merged_copies([stub, mine], stub) == [mine]
    assert cells.merged_copies([mine, "b = 2", stub], stub) == ["a = 1\n\nb = 2"]


def with_parameters(tmp_path: Path, source: str, *more: nbformat.NotebookNode) -> Matched:
    notebook = tiny_lab.notebook()
    (given,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    given.source = source
    notebook.cells[notebook.cells.index(given) + 1 : 0] = more
    return matched(tmp_path, notebook)


def test_a_student_is_told_that_code_in_the_cell_with_the_parameters_did_not_run(tmp_path: Path) -> None:
    given = tiny_lab.notebook().cells[0].source
    named = given.replace('student = ""', 'student = "ada"  # me')
    assert named != given

    for fine in ("# my name; my seed", "seed = 7  # mine; not that of a try", 'student = "Ada; Lovelace"'):
        assert with_parameters(tmp_path, f"{fine}\n{named}").not_run == ()
    for added in ("\nimport json", "; import json"):
        assert with_parameters(tmp_path, named.strip() + added).not_run == (
            "what was added to the cell with the parameters did not run",
        )


def test_a_very_long_cell_with_the_parameters_is_not_compared() -> None:
    """Of 150 MB in short lines, the comparison would take gigabytes in the worker."""
    cell = parameters_of(lines := 2 * module.MAX_SOURCE_CHARS)
    tracemalloc.start()
    try:
        found = module.match([cell], tiny_lab.notebook())
        assert tracemalloc.get_traced_memory()[1] < lines
    finally:
        tracemalloc.stop()
    assert "what was added to the cell with the parameters did not run" in found.not_run


def parameters_of(lines: int) -> dict[str, object]:
    """Return a cell with the parameters, as `read` returns it, with a number of empty lines."""
    metadata = {"nbgrader": {"grade_id": None}, "tags": ["parameters"]}
    return {"kind": "code", "source": "\n" * lines, "metadata": metadata}


def test_the_parameters_that_papermill_has_added_do_not_replace_those_of_the_grader(tmp_path: Path) -> None:
    given = tiny_lab.notebook().cells[0].source
    injected = nbformat.v4.new_code_cell('# Parameters\ntopic = "of the student"\n')
    injected.metadata["tags"] = ["injected-parameters"]

    found = with_parameters(tmp_path, given, injected)

    assert not [step for step in found.steps if "of the student" in step.source]
    assert found.messages == ()


def test_copies_of_a_solution_are_one_cell(tmp_path: Path) -> None:
    assert sources(with_copies(tmp_path, "a = 1", "b = 2"))["q3"] == "a = 1\n\nb = 2"


def test_copies_with_cell_magics_stay_apart_and_run_in_order_before_the_check(tmp_path: Path) -> None:
    first, second = "%%writefile job.py\na = 1", "%%writefile job.py\na = 2"

    found = with_copies(tmp_path, first, second)

    steps = [step for step in found.steps if step.question == "q3" and step.is_code]
    assert [(step.source, step.grade_id) for step in steps[:2]] == [(first, None), (second, "q3")]
    assert found.sources["q3"] == f"{first}\n{second}"
    assert found.check_steps(["q3"])["q3"] == found.steps.index(steps[2])
    assert "q3 was there 2 times: all count, in order" in found.messages


def test_a_copy_that_is_not_filled_in_does_not_replace_the_students_file() -> None:
    stub, mine = "%%writefile job.py\nraise NotImplementedError()", "%%writefile job.py\na = 1"

    assert cells.merged_copies([mine, stub], stub) == [mine]
    assert cells.merged_copies([stub, stub], stub) == [stub]
    assert cells.merged_copies([], stub) == [""]
