"""The student sees the whole notebook with the outputs of the first run, whatever stopped it."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_output
from papermill.engines import NotebookExecutionManager
from papermill.exceptions import PapermillExecutionError
from papermill.execute import prepare_notebook_metadata, raise_for_execution_errors
from papermill.inspection import inspect_notebook
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from papermill.translators import PythonTranslator
from papermill.utils import find_first_tagged_cell_index

from eventlab.grading.execution.executed import executed
from eventlab.grading.execution.notebook import Matched, Step
from eventlab.grading.execution.outputs import CellResult, Ended
from eventlab.grading.execution.run import Omissions, Run, injected
from eventlab.grading.results import CheckResult

STEPS = (
    Step("code", "setup", grade_id="setup"),
    Step("markdown", "Question 1", "q1", grade_id="q1-text"),
    Step("code", "one", "q1", own=True, grade_id="q1"),
    Step("code", "helper", "q1", own=True),
    Step("code", "check one", "q1", is_check=True, grade_id="q1-check"),
    Step("code", "two", "q2", own=True, grade_id="q2"),
)
FIRST = Omissions()
REPLACED = Omissions(replaced=frozenset({"q1"}))


def ran(*ended: Ended | None, omissions: Omissions = FIRST, judged: tuple[str, ...] = ()) -> Run:
    """A run whose cells ended so, each having shown which run it was."""
    shown = {
        number: CellResult(
            each, [new_output("stream", name="stdout", text=f"{each} {sorted(omissions.replaced)}")]
        )
        for number, each in enumerate(ended)
        if each and STEPS[number].is_code
    }
    checks: dict[str, tuple[CheckResult, ...]] = {q: (CheckResult("check", q, True, 1.0, 1.0),) for q in judged}
    return Run(omissions, shown, checks)


def cells(*runs: Run) -> dict[str, str]:
    """Source → all that the cell shows."""
    node = executed(Matched(STEPS), runs)
    return {cell.source: " | ".join(o.text.strip() for o in cell.get("outputs", [])) for cell in node.cells}


ALL: tuple[Ended, ...] = tuple("done" for _ in STEPS)
LATE = ran("done", "done", "timed_out", judged=("q1",))
FURTHER = ran("done", "done", None, None, None, "done", omissions=REPLACED, judged=("q2",))


def test_every_cell_of_one_run_is_as_it_ran() -> None:
    shown = cells(ran(*ALL, judged=("q1", "q2")))
    assert set(shown) == {step.source for step in STEPS}
    assert shown["two"] == "done []"


def test_the_cell_that_ended_it_says_so() -> None:
    assert cells(LATE)["one"] == "timed_out [] | [stopped: it ran past its time limit]"
    assert cells(ran("died"))["setup"].endswith("[the kernel ended here]")


def test_what_a_further_run_shows_is_never_published_but_that_it_counts_is_said() -> None:
    shown = cells(LATE, FURTHER)
    assert shown["two"] == (
        "[not executed: an earlier cell ended the notebook] | "
        "[graded in another run, with the instructor's result of q1; its outputs are not shown]"
    )
    assert shown["one"].startswith("timed_out")
    assert "['q1']" not in "".join(shown.values())


def test_what_never_ran_is_there_and_says_why() -> None:
    assert cells(LATE)["two"] == "[not executed: an earlier cell ended the notebook]"
    node = executed(Matched(STEPS), [LATE])
    assert [cell.source for cell in node.cells if "not-executed" in cell.metadata.get("tags", [])] == [
        "helper",
        "check one",
        "two",
    ]
    assert [cell.execution_count for cell in node.cells if cell.cell_type == "code"] == [1, 2, None, None, None]


WITH_PARAMETERS = Matched((Step("code", 'student = ""\nseed = 0', parameters=True), *STEPS))
PARAMETERS = {"student": "ada", "seed": 0}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The executed copy of a submission whose third cell raised and whose later cells did not run."""
    ends: dict[int, Ended] = {0: "done", 1: "done", 3: "raised"}
    results = {
        number: CellResult(ended, seconds=1.5, started=1_800_000_000.0 + number) for number, ended in ends.items()
    }
    results[3].outputs = [new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])]
    defaults = CellResult("done", started=1_800_000_000.0)
    run = Run(FIRST, results, parameters=PARAMETERS, defaults=defaults)
    path = tmp_path / "ada.ipynb"
    nbformat.write(executed(WITH_PARAMETERS, [run], "ada.ipynb"), path)
    return path


def test_papermill_reads_the_parameters_of_an_executed_copy(copy: Path) -> None:
    node = load_notebook_node(str(copy))
    injected = find_first_tagged_cell_index(node, "injected-parameters")

    assert find_first_tagged_cell_index(node, "parameters") == injected - 1
    assert node.cells[injected].source == '# Parameters\nstudent = "ada"\nseed = 0\n'
    assert node.metadata.papermill.parameters == PARAMETERS
    assert {name: one["default"] for name, one in inspect_notebook(copy).items()} == {"student": '""', "seed": "0"}


def test_papermill_executes_an_executed_copy_again_with_other_parameters(copy: Path) -> None:
    again = parameterize_notebook(load_notebook_node(str(copy)), {"student": "ben"})

    tagged = [cell.source for cell in again.cells if "injected-parameters" in cell.metadata.tags]
    assert tagged == ['# Parameters\nstudent = "ben"\n']


def test_papermill_finds_the_failure_of_an_executed_copy(copy: Path) -> None:
    with pytest.raises(PapermillExecutionError, match="ValueError: no"):
        raise_for_execution_errors(load_notebook_node(str(copy)), str(copy.with_suffix(".out.ipynb")))


def test_each_cell_has_papermills_status_times_and_exception(copy: Path) -> None:
    node = load_notebook_node(str(copy))
    found = {cell.source: cell.metadata.papermill for cell in node.cells}

    assert {source: one.status for source, one in found.items() if source in ("setup", "one", "helper")} == {
        "setup": "completed",
        "one": "failed",
        "helper": "pending",
    }
    assert (found["one"].exception, found["setup"].exception, found["helper"].exception) == (True, False, None)
    assert (found["setup"].duration, found["helper"].duration) == (1.5, None)
    assert found["setup"].start_time == "2027-01-15T08:00:01+00:00"
    assert found["setup"].end_time == "2027-01-15T08:00:02.500000+00:00"
    assert (node.metadata.papermill.exception, node.metadata.papermill.duration) == (True, 4.5)


def test_an_executed_copy_has_the_fields_that_papermill_itself_writes(copy: Path, tmp_path: Path) -> None:
    manager = NotebookExecutionManager(load_notebook_node(str(copy)), progress_bar=False)
    ours = {key for key in manager.nb.metadata.papermill if key != "error"}
    manager.nb.metadata.papermill.clear()
    manager.notebook_start()
    manager.cell_start(manager.nb.cells[0])
    manager.cell_complete(manager.nb.cells[0])
    manager.notebook_complete()
    written = prepare_notebook_metadata(manager.nb, "a", "b").metadata.papermill

    assert {*written} <= ours
    assert {*manager.nb.cells[0].metadata.papermill} == {
        *load_notebook_node(str(copy)).cells[0].metadata.papermill
    }


@pytest.mark.parametrize("student", ["ada", 'A "quoted" name', "back\\slash", "Zoë 🦊", "two\nlines", ""])
def test_the_injected_cell_is_papermills(student: str) -> None:
    parameters: dict[str, object] = {"student": student, "seed": 0, "topic": "a-b"}
    assert injected(parameters) == PythonTranslator.codify(parameters)
