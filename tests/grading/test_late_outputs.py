"""What has arrived of a cell is read, also when the grader was stopped for a while; these tests need no kernel."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import zmq
from jupyter_client.session import Session

from eventlab.grading.execution import kernel as module
from eventlab.grading.execution.kernel import _RunningCell
from eventlab.grading.execution.outputs import CellResult, OutputBudget


class Channels:
    """The channels of a kernel's client, and the other ends of their sockets."""

    def __init__(self, context: zmq.Context) -> None:
        self.session, self.ends = Session(), {}
        for name in ("iopub", "shell"):
            ours, theirs = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
            ours.bind(f"inproc://{name}")
            theirs.connect(f"inproc://{name}")
            setattr(self, f"{name}_channel", SimpleNamespace(socket=ours))
            self.ends[name] = theirs

    def execute(self, source: str, **options: Any) -> str:
        """Return the id of the request; the cell has replied, and then its outputs arrive."""
        request = self.session.msg("execute_request")
        for name, kind, content in (
            ("shell", "execute_reply", {"status": "ok"}),
            ("iopub", "stream", {"name": "stdout", "text": "the "}),
            ("iopub", "stream", {"name": "stdout", "text": "answer"}),
            ("iopub", "status", {"execution_state": "idle"}),
        ):
            self.session.send(self.ends[name], kind, content, parent=request)
        return request["header"]["msg_id"]


@pytest.fixture
def channels() -> Iterator[Channels]:
    context = zmq.Context()
    yield Channels(context)
    context.destroy(linger=0)


def test_outputs_that_arrived_while_the_grader_was_stopped_are_kept(
    channels: Channels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look at the clock is ten seconds later, as after a pause of a virtual machine."""
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    result = CellResult("done")
    cell = _RunningCell(channels, SimpleNamespace(exit_reason=None), OutputBudget(), result)  # type: ignore[arg-type]
    cell.start("print('the answer')")

    assert cell.wait(9_000)
    assert "".join(output["text"] for output in result.outputs) == "the answer"
