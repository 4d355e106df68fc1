"""The labs are complete: weighted questions, public and hidden checks with hints, wrong solutions that apply."""

import re
from collections import Counter

import pytest

from eventlab.labs import cells
from eventlab.labs.catalogue import LabError, all_labs, find
from eventlab.labs.names import Namespace
from eventlab.labs.points import written

NAMESPACE = Namespace.of("lab")

EACH = pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)


def code(lab):
    return [cell for cell in cells.read(lab.instructor).cells if cell.cell_type == "code"]


def test_the_five_labs_are_there_in_order():
    names = ["lab01_events", "lab02_extract", "lab03_sql", "lab04_project", "lab05_stream"]
    assert [lab.name for lab in all_labs()] == names


def test_a_lab_is_found_by_name_by_number_and_by_folder():
    assert find("lab03_sql") == find("lab03") == find(str(find("lab03").folder))


@pytest.mark.parametrize("name", ["lab", "lab99", "", "/nowhere"])
def test_a_lab_that_is_not_there_or_not_one_is_an_error_that_names_those_that_are(name):
    with pytest.raises(LabError, match="lab01_events"):
        find(name)


@EACH
def test_a_lab_has_three_to_five_questions(lab):
    assert 3 <= len(lab.questions) <= 5


@EACH
def test_every_question_has_public_and_hidden_checks_with_hints_and_points(lab):
    for question in lab.questions:
        checks = lab.checks_of(question)

        assert {check.hidden for check in checks} == {True, False}
        assert all(check.hint and check.points > 0 for check in checks)


@EACH
def test_a_check_is_named_once(lab):
    assert max(Counter(check.name for check in lab.checks).values()) == 1


@EACH
def test_the_points_of_a_question_are_written_in_the_checks_only_and_released_in_its_cell_and_heading(lab):
    source, released = cells.read(lab.instructor).cells, cells.read(lab.student).cells
    in_cells = {
        question: points for cell in released if cells.is_check(cell) for question, points in written(cell)
    }
    in_headings = {q: points for cell in released if cell.cell_type == "markdown" for q, points in written(cell)}

    assert [found for cell in source for found in written(cell)] == []
    assert in_cells == in_headings == {question: lab.points(question) for question in lab.questions}


@EACH
def test_every_cell_of_code_has_an_id_of_its_own_or_holds_the_parameters(lab):
    ids = [cells.grade_id(cell) for cell in code(lab) if not cells.is_parameters(cell)]

    assert None not in ids
    assert len(set(ids)) == len(ids)
    assert sum(cells.is_parameters(cell) for cell in code(lab)) == 1


@EACH
def test_the_notebook_has_a_lessons_form(lab):
    notebook = cells.read(lab.instructor)
    opening, closing = notebook.cells[0].source, notebook.cells[-1].source

    assert re.search(r"\*\*\d+ minutes\.\*\*", opening)
    assert "**Questions**" in opening
    assert "**Objectives**" in opening
    assert "## Key points" in closing
    assert not any(cell.get("outputs") for cell in notebook.cells)


@EACH
def test_every_wrong_solution_changes_one_place_of_its_question(lab):
    sources = dict.fromkeys(lab.questions, "")
    for cell in code(lab):
        if cells.is_solution(cell):
            sources[cells.question_of(cell)] += cell.source

    assert {mutant.question for mutant in lab.mutants} == set(lab.questions)
    for mutant in lab.mutants:
        assert sources[mutant.question].count(mutant.old) == 1, mutant
        assert mutant.new != mutant.old


@EACH
def test_two_seeds_give_different_input_and_one_seed_the_same(lab, monkeypatch):
    def made(seed):
        found = []
        if hasattr(lab.module, "send"):
            monkeypatch.setattr(lab.module, "send", lambda topic, messages: found.append((topic, list(messages))))
        if hasattr(lab.module, "files"):
            monkeypatch.setattr(lab.module.files, "write_table", lambda path, table: found.append((path, table)))
        lab.prepare(NAMESPACE, seed)
        return str(found)

    assert made(1) == made(1)
    assert made(1) != made(2)
