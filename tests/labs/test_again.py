"""A solution that is run again passes the same checks: `lab.check` agrees with the grader, which runs it once."""

import copy
import re

import nbclient
import pytest

from eventlab.labs import cells, inputs
from eventlab.labs.catalogue import all_labs
from eventlab.labs.names import Namespace

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]
STUDENT = "runs cells again"


@pytest.mark.parametrize("lab", [lab for lab in all_labs() if not lab.jobs], ids=lambda lab: lab.name)
def test_all_public_checks_pass_after_each_solution_was_run_twice(lab, stack, tmp_path, monkeypatch):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    monkeypatch.setenv("EVENTLAB_WAITS", "long")  # as in grading
    notebook = cells.read(lab.instructor)
    notebook.cells = [again for cell in notebook.cells for again in twice(cell)]
    try:
        nbclient.execute(notebook, cwd=tmp_path, timeout=120)
    finally:
        inputs.clear(Namespace.of_student(lab.name, STUDENT))

    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    passed = re.findall(r"(\d+)/(\d+) public checks pass", printed)
    assert len(passed) == len(lab.questions)
    assert all(number == count for number, count in passed), printed


def twice(cell):
    """Return a solution two times, the parameters with a student's name, and a check without its hidden part."""
    if cells.is_parameters(cell):
        cell.source = cell.source.replace('student = ""', f"student = {STUDENT!r}")
    if cells.is_check(cell):
        cell.source = cell.source.splitlines()[0]
    return [cell, copy.deepcopy(cell)] if cells.is_solution(cell) else [cell]
