"""The corpus: right solutions written differently have full marks, wrong ones lose those of their question.

test_readme grades a sample; `python -m tests.grading.corpus` grades all of it.
"""

from __future__ import annotations

import ast

import pytest

from eventlab.labs.catalogue import find
from tests.grading.corpus import entries

ENTRIES = list(entries())
ONE = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.lab} {entry.kind} {entry.name}")


def test_there_are_at_least_forty_right_and_forty_wrong_ones_over_all_labs():
    for kind in ("right", "wrong"):
        assert sum(entry.kind == kind for entry in ENTRIES) >= 40
        assert {entry.lab for entry in ENTRIES if entry.kind == kind} == {
            "lab01",
            "lab02",
            "lab03",
            "lab04",
            "lab05",
        }


@ONE
def test_a_submission_replaces_solutions_of_its_lab_and_is_python(entry):
    lab = find(entry.lab)

    assert any(kind in lab.questions for kind, _ in entry.sections)
    assert {kind for kind, _ in entry.sections} <= {*lab.questions, "added", "end"}
    for _, source in entry.sections:
        ast.parse(source.partition("\n")[2] if source.startswith("%%") else source)


@ONE
def test_right_ones_have_full_marks_and_wrong_ones_lose_some_of_one_question(entry):
    lab = find(entry.lab)

    assert bool(entry.marks) == (entry.kind == "wrong")
    assert len(entry.marks) <= 1
    assert all(points < lab.points(question) for question, points in entry.marks.items())


def test_the_submitted_notebook_holds_the_submissions_cells():
    (entry,) = [entry for entry in ENTRIES if (entry.lab, entry.name) == ("lab01", "q1_scratch_raises")]
    sources = [cell.source for cell in entry.notebook(find("lab01")).cells]

    place = sources.index('raise RuntimeError("only tried")')
    assert sources[place + 1] == "not_defined + 1"
    assert sources[place - 1].endswith("for event in read(lab.topic)))")
