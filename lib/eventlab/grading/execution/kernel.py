"""Executing cells in the kernel of a submission, with a time limit and limited outputs."""

from __future__ import annotations

import contextlib
import functools
import queue
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import zmq
from jupyter_client.blocking.client import BlockingKernelClient

from eventlab.errors import EventlabError
from eventlab.grading import fair_time
from eventlab.grading.execution.outputs import Capture, CellResult, OutputBudget

if TYPE_CHECKING:
    from eventlab.grading.environment.fork_server import KernelProcess

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
MAX_QUEUED_MESSAGES = 8
"""Messages of a kernel that wait in a socket to be read."""
START_TIMEOUT_S = 60
INTERRUPT_S = 3.0
"""How long an interrupted cell may take to end before its kernel is killed."""
POLL_MS = 100
NO_SANDBOX = "the sandbox of the kernels is not running"


class FullFolderError(EventlabError):
    """The working folder of a kernel has no room for files; its notebook may have filled it."""


class KernelError(EventlabError):
    """The sandbox did not start a kernel; the machine is the reason, not the submission."""


class SubmissionKernel:
    """A forked kernel and its client."""

    def __init__(self, process: KernelProcess) -> None:
        self.process = process
        self._budget = OutputBudget()
        client = BlockingKernelClient(context=_context())
        client.load_connection_info(process.connection | {"ip": str(process.folder / "s")})
        self._client = client

    @property
    def id(self) -> str:
        """Return the id of the kernel in the fork server."""
        return self.process.id

    @property
    def answers(self) -> dict[str, Any]:
        """Return the last answer to each question that the kernel has declared."""
        return dict(self._budget.answers)

    def wait_ready(self) -> None:
        """Wait until the kernel answers."""
        deadline = time.monotonic() + START_TIMEOUT_S
        first = self.process.folder / f"s-{self._client.shell_port}"
        while not first.exists():
            self._require_starting(deadline)
            time.sleep(0.01)
        self._client.start_channels(stdin=False, hb=False)
        while True:
            self._require_starting(deadline)
            request = self._client.kernel_info()
            if _answered(self._client, request, 1.0) and _output_arrived(self._client, request, 0.5):
                break

    def _require_starting(self, deadline: float) -> None:
        reason = self.process.exit_reason
        if reason or time.monotonic() > deadline:
            report = self.process.folder / "start-error"
            details = report.read_text()[-2000:] if report.exists() else ""
            raise KernelError(f"no kernel: {reason or 'it did not start in time'} {details}".strip())

    def write(self, files: Mapping[str, bytes]) -> None:
        """Put files into the notebook's folder."""
        self.process.write(files)

    def execute(self, source: str, timeout_s: float) -> CellResult:
        """Run a cell; interrupt it when its time is over, and kill the kernel when it does not end then."""
        started, delay = time.monotonic(), fair_time.Delay()
        result = CellResult("done", started=time.time())
        try:
            cell = _RunningCell(self._client, self.process, self._budget, result)
            cell.start(source)
            if not cell.wait(timeout_s):
                cell.interrupt()
                ended = cell.wait(INTERRUPT_S) and result.ended != "died"
                result.ended, result.error, result.kernel_ended = "timed_out", "", not ended
        except (OSError, MemoryError, zmq.ZMQError, KernelError):  # the machine is the reason
            raise
        except Exception as error:  # the student's process can send anything
            result.ended, result.error = "died", f"the kernel sent an invalid message: {error!r:.200}"
        result.kernel_ended = result.kernel_ended or result.ended == "died"
        if result.kernel_ended:
            self.end()
        result.seconds, result.delayed = time.monotonic() - started, delay.is_long
        return result

    def files(self) -> dict[str, bytes]:
        """Return the files in the notebook's folder, by name."""
        return self.process.files()

    def end(self) -> None:
        """Kill the kernel and all that it started, and wait until they have ended."""
        self.process.kill()

    def forget(self) -> None:
        """End the kernel and release its resources."""
        self.end()
        with contextlib.suppress(Exception):
            self._client.stop_channels()
        self.process.forget()


class _RunningCell:
    """Receives the messages of one cell until it has ended."""

    def __init__(
        self, client: BlockingKernelClient, process: KernelProcess, budget: OutputBudget, result: CellResult
    ) -> None:
        self.client, self.process, self.result = client, process, result
        self.capture = Capture(budget, result)
        self.request = ""
        self.idle = self.replied = False
        self.last_output = float("inf")

    def start(self, source: str) -> None:
        """Send the cell to the kernel."""
        self.request = self.client.execute(source, allow_stdin=False, stop_on_error=False, store_history=True)

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the cell."""
        self.client.control_channel.send(self.client.session.msg("interrupt_request", {}))

    def wait(self, timeout_s: float) -> bool:
        """Return whether the cell has ended, also by the end of its kernel, within the time of `fair_time`."""
        deadline = fair_time.now() + timeout_s
        iopub, shell = self.client.iopub_channel.socket, self.client.shell_channel.socket
        poller = zmq.Poller()
        poller.register(iopub, zmq.POLLIN)
        poller.register(shell, zmq.POLLIN)
        while not (self.idle and self.replied):
            if fair_time.now() > deadline:
                return False
            ready = dict(poller.poll(POLL_MS))
            if not ready and fair_time.now() > self.last_output:
                return True  # it has replied, but its last outputs were too large to arrive
            if not ready and (reason := self.process.exit_reason):
                if reason == NO_SANDBOX:
                    raise KernelError(reason)
                self.result.ended, self.result.error = "died", reason
                return True
            if iopub in ready:
                self.idle = self.capture.take(self._received(iopub), self.request) or self.idle
                self.last_output = fair_time.now() + 3 if self.replied else self.last_output
            if shell in ready:
                self._take_reply(self._received(shell))
        return True

    def _received(self, socket: zmq.Socket) -> dict[str, Any]:
        """Return the next message of a socket; the client's own methods take ten times as long."""
        _, message = self.client.session.recv(socket, zmq.NOBLOCK)
        return message or {"msg_type": "", "parent_header": {}, "content": {}}

    def _take_reply(self, message: dict[str, Any]) -> None:
        if message["parent_header"].get("msg_id") == self.request:
            self.replied, self.last_output = True, fair_time.now() + 3
            _note_error(message["content"], self.result)


@functools.cache
def _context() -> zmq.Context:
    """Return a context that disconnects the sender of a message that is larger than allowed.

    A socket keeps only a few unread messages; the others stay in the kernel's memory.
    """
    context = zmq.Context()
    context.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
    context.setsockopt(zmq.RCVHWM, MAX_QUEUED_MESSAGES)
    context.setsockopt(zmq.LINGER, 0)
    return context


def _note_error(content: Mapping[str, Any], result: CellResult) -> None:
    if content.get("status") == "error":
        result.ended = "raised"
        name, message = str(content.get("ename"))[:100], str(content.get("evalue"))[:500]
        result.error = f"{name}: {message}" if message else name


def _answered(client: BlockingKernelClient, request: str, timeout_s: float) -> bool:
    with contextlib.suppress(queue.Empty):
        while True:
            if client.get_shell_msg(timeout=timeout_s)["parent_header"].get("msg_id") == request:
                return True
    return False


def _output_arrived(client: BlockingKernelClient, request: str, timeout_s: float) -> bool:
    """Return whether outputs arrive too; the subscription takes a moment."""
    with contextlib.suppress(queue.Empty):
        while True:
            message = client.get_iopub_msg(timeout=timeout_s)
            if (
                message["parent_header"].get("msg_id") == request
                and message["content"].get("execution_state") == "idle"
            ):
                return True
    return False
