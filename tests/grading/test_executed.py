"""The student sees the whole notebook with the outputs of the first run, whatever stopped it."""

from __future__ import annotations

from nbformat.v4 import new_output

from eventlab.grading.execution.executed import executed
from eventlab.grading.execution.notebook import Matched, Step
from eventlab.grading.execution.outputs import CellResult, Ended
from eventlab.grading.execution.regrade import Omissions, Run
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
