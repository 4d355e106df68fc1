"""Executing cells in the kernel of a submission, with a time limit and limited outputs."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import queue
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import KernelConnectionInfo

from eventlab.errors import EventlabError
from eventlab.grading.capture import Capture, CellResult, Room

if TYPE_CHECKING:
    from eventlab.grading.kennel import Kennel

LARGEST_MESSAGE = 32 * 1024 * 1024
START_TIMEOUT_S = 60
POLL_MS = 100


class KernelError(EventlabError):
    """The sandbox did not start a kernel; the machine is the reason, not the submission."""


class SubmissionKernel:
    """A forked kernel and its client."""

    def __init__(self, kennel: Kennel, kernel_id: str, own: Path, connection: KernelConnectionInfo) -> None:
        self._kennel, self.id, self._own = kennel, kernel_id, own
        self._room = Room()
        client = BlockingKernelClient(context=_context())
        connection["ip"] = str(own / "s")
        client.load_connection_info(connection)
        self._client = client

    def wait_ready(self) -> None:
        """Wait until the kernel answers."""
        deadline = time.monotonic() + START_TIMEOUT_S
        first = self._own / f"s-{self._client.shell_port}"
        while not first.exists():
            self._require_starting(deadline)
            time.sleep(0.01)
        self._client.start_channels(stdin=False, hb=False)
        while True:
            self._require_starting(deadline)
            asked = self._client.kernel_info()
            if _answered(self._client, asked, 1.0) and _heard(self._client, asked, 0.5):
                break

    def _require_starting(self, deadline: float) -> None:
        why = self._kennel.why_ended(self.id)
        if why or time.monotonic() > deadline:
            trouble = self._own / "trouble"
            told = trouble.read_text()[-2000:] if trouble.exists() else ""
            raise KernelError(f"no kernel: {why or 'it did not start in time'} {told}".strip())

    def write(self, files: Mapping[str, bytes]) -> None:
        """Put files into the notebook's folder, before any of its cells runs."""
        packed = {name: base64.b64encode(content).decode() for name, content in files.items()}
        if packed:
            source = self._own.with_suffix(".files")
            source.write_text(json.dumps(packed))
            self._kennel.order(do="write", id=self.id, source=str(source))
            self.files()  # orders are carried out in turn: once this one is answered, the files are there

    def execute(self, source: str, timeout_s: float) -> CellResult:
        """Run a cell; after a timeout or a crash the kernel is ended."""
        started = time.monotonic()
        result = CellResult("done")
        try:
            self._run(source, started + timeout_s, result)
        except Exception as error:  # the student's process can send whatever it likes
            result.ended, result.error = "died", f"the kernel sent what is no answer: {error!r:.200}"
        if result.ended in ("timed_out", "died"):
            self.end()
        result.seconds = time.monotonic() - started
        return result

    def _run(self, source: str, deadline: float, result: CellResult) -> None:
        asked = self._client.execute(source, allow_stdin=False, stop_on_error=False, store_history=True)
        iopub, shell = self._client.iopub_channel.socket, self._client.shell_channel.socket
        poller = zmq.Poller()
        poller.register(iopub, zmq.POLLIN)
        poller.register(shell, zmq.POLLIN)
        capture = Capture(self._room, result)
        idle = replied = False
        patience = None
        while not (idle and replied):
            if time.monotonic() > deadline:
                result.ended = "timed_out"
                return
            if patience and time.monotonic() > patience:
                return  # it answered, but its last outputs were too large to arrive
            ready = dict(poller.poll(POLL_MS))
            if not ready and (why := self._kennel.why_ended(self.id)):
                result.ended, result.error = "died", why
                return
            if iopub in ready and (message := self._client.get_iopub_msg(timeout=0)):
                idle = capture.take(message, asked) or idle
            message = self._client.get_shell_msg(timeout=0) if shell in ready else {}
            if message and message["parent_header"].get("msg_id") == asked:
                replied, patience = True, time.monotonic() + 3
                _note_error(message["content"], result)

    def files(self) -> dict[str, bytes]:
        """Return the files in the notebook's folder, by name."""
        return self._kennel.files_of(self.id)

    def end(self) -> None:
        """Kill the kernel and all that it started, and wait until they have ended."""
        with contextlib.suppress(KernelError):
            if self._kennel.why_ended(self.id) is None:
                self._kennel.order(do="kill", id=self.id)
                self._kennel.wait_until_ended(self.id, 5)

    def forget(self) -> None:
        """End the kernel and release its resources."""
        self.end()
        with contextlib.suppress(Exception):
            self._client.stop_channels()
        with contextlib.suppress(KernelError):
            self._kennel.order(do="forget", id=self.id)


@functools.cache
def _context() -> zmq.Context:
    """Return a context that disconnects the sender of a message that is larger than allowed."""
    context = zmq.Context()
    context.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
    context.setsockopt(zmq.LINGER, 0)
    return context


def _note_error(content: Mapping[str, Any], result: CellResult) -> None:
    if content.get("status") == "error":
        result.ended = "raised"
        result.error = f"{content.get('ename')}: {str(content.get('evalue'))[:500]}"


def _answered(client: BlockingKernelClient, asked: str, timeout_s: float) -> bool:
    with contextlib.suppress(queue.Empty):
        while True:
            if client.get_shell_msg(timeout=timeout_s)["parent_header"].get("msg_id") == asked:
                return True
    return False


def _heard(client: BlockingKernelClient, asked: str, timeout_s: float) -> bool:
    """Return whether outputs arrive too; the subscription takes a moment."""
    with contextlib.suppress(queue.Empty):
        while True:
            message = client.get_iopub_msg(timeout=timeout_s)
            if (
                message["parent_header"].get("msg_id") == asked
                and message["content"].get("execution_state") == "idle"
            ):
                return True
    return False
