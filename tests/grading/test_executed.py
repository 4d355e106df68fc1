"""The student sees the whole notebook, whatever stopped it."""

from __future__ import annotations

from collections.abc import Iterable

from nbformat.v4 import new_output

from eventlab.grading.execution.executed import executed
from eventlab.grading.execution.notebook import Matched, Step
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.execution.regrade import Run

STEPS = (
    Step("code", "setup", grade_id="setup"),
    Step("markdown", "Question 1", "q1", grade_id="q1-text"),
    Step("code", "one", "q1", own=True, solution="right one", grade_id="q1"),
    Step("code", "helper", "q1", own=True),
    Step("code", "check one", "q1", grade_id="q1-check"),
    Step("code", "two", "q2", own=True, solution="right two", grade_id="q2"),
)


def ran(*results: str, broken: Iterable[str] = ()) -> Run:
    """A run whose cells ended so, each having shown its number and what the run was."""
    shown = [
        (step, CellResult(ended, [new_output("stream", name="stdout", text=f"{ended} {sorted(broken)}")]))  # type: ignore[arg-type]
        for step, ended in zip(STEPS, results, strict=False)
    ]
    return Run(frozenset(broken), shown)


def cells(*runs: Run) -> dict[str, str]:
    """Source → all that the cell shows."""
    node = executed(Matched(STEPS), runs)
    return {cell.source: " | ".join(o.text.strip() for o in cell.get("outputs", [])) for cell in node.cells}


ALL = ("done",) * len(STEPS)
LATE = ran("done", "done", "timed_out")


def test_every_cell_of_one_run_is_as_it_ran() -> None:
    shown = cells(ran(*ALL))
    assert set(shown) == {step.source for step in STEPS}
    assert shown["two"] == "done []"


def test_the_cell_that_ended_it_says_so() -> None:
    assert cells(LATE)["one"] == "timed_out [] | [stopped: it ran past its time]"
    assert cells(ran("died"))["setup"].endswith("[the kernel ended here]")


def test_later_cells_are_shown_as_they_ran_beside_the_instructors_solution() -> None:
    shown = cells(LATE, ran(*ALL, broken=["q1"]))
    assert shown["two"] == "[executed with the instructor's q1 in its place] | done ['q1']"
    assert shown["one"].startswith("timed_out"), "the student's own, not the instructor's"


def test_what_never_ran_is_there_and_says_why() -> None:
    assert cells(LATE)["two"] == "[not executed: an earlier cell ended the notebook]"
    assert cells(LATE, ran(*ALL, broken=["q1"]))["helper"] == (
        "[not executed: the instructor's solution ran in its place]"
    )
    node = executed(Matched(STEPS), [LATE])
    assert [cell.source for cell in node.cells if "not-executed" in cell.metadata.get("tags", [])] == [
        "helper",
        "check one",
        "two",
    ]
    assert [cell.execution_count for cell in node.cells if cell.cell_type == "code"] == [1, 2, None, None, None]


def test_no_solution_of_the_instructors_is_shown() -> None:
    every = executed(Matched(STEPS), [LATE, ran(*ALL, broken=["q1"]), ran(*ALL, broken=["q1", "q2"])])
    assert "right" not in "".join(cell.source for cell in every.cells)
