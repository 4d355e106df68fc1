"""One student's kernel: cells in, outputs out, capped as they arrive, and never more than the time allowed."""

from __future__ import annotations

import base64
import contextlib
import functools
import itertools
import json
import queue
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import KernelConnectionInfo, write_connection_file
from nbformat import NotebookNode
from nbformat.v4 import output_from_msg

from eventlab.labs.student import ANSWER, LONGEST_ANSWER

Ended = Literal["done", "raised", "timed_out", "died"]

MOST_OUTPUT = 128 * 1024
"""Characters of text that are kept of a cell."""
MOST_RICH_OUTPUT = 16 * 1024 * 1024
"""Bytes of plots and tables that are kept of a notebook."""
MOST_ANSWERS = 200
LARGEST_MESSAGE = 32 * 1024 * 1024
START_TIMEOUT_S = 60
POLL_MS = 100


class KernelError(RuntimeError):
    """The sandbox gave no kernel: the machine's fault, not the student's."""


@dataclass
class CellResult:
    """How a cell ended, what it showed, and its error if it raised."""

    ended: Ended
    outputs: list[NotebookNode] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""
    seconds: float = 0.0


class Kennel:
    """The process that forks kernels, from the outside."""

    def __init__(
        self, command: Sequence[str], folder: Path, seen_as: str | None, log: Path, env: Mapping[str, str]
    ):
        """folder: where the kernels' sockets are; seen_as: where a kernel sees its own (None: there, too)."""
        self.folder, self.seen_as = folder, seen_as
        self._numbers = itertools.count(1)
        self._ended: dict[str, str] = {}
        self._files: queue.Queue[dict[str, str]] = queue.Queue()
        self._changed = threading.Condition()
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=dict(env),
            start_new_session=True,
        )
        self.is_warm = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            with self._changed:
                if message["event"] == "warm":
                    self.is_warm.set()
                elif message["event"] == "ended":
                    self._ended[message["id"]] = message["why"]
                elif message["event"] == "files":
                    self._files.put(message["files"])
                self._changed.notify_all()
        self.is_warm.set()

    def order(self, **message: object) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise KernelError("the kernels' sandbox has ended") from error

    def start(self) -> Kernel:
        """Fork a kernel; it becomes ready while the caller does something else."""
        kernel_id = f"k{next(self._numbers)}"
        own = self.folder / kernel_id
        (own / "work").mkdir(parents=True)
        for folder in (own, own / "work"):
            folder.chmod(0o777)
        inside = self.seen_as or str(own)
        _, connection = write_connection_file(
            str(own / "connection.json"), ip=f"{inside}/s", transport="ipc", kernel_name="python3"
        )
        (own / "connection.json").chmod(0o644)
        self.order(do="start", id=kernel_id)
        return Kernel(self, kernel_id, own, connection)

    def why_ended(self, kernel_id: str) -> str | None:
        if self._process.poll() is not None:
            return "the kernels' sandbox has ended"
        return self._ended.get(kernel_id)

    def wait_until_ended(self, kernel_id: str, timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.why_ended(kernel_id) is not None, timeout_s)

    def files_of(self, kernel_id: str) -> dict[str, bytes]:
        self.order(do="files", id=kernel_id)
        with contextlib.suppress(queue.Empty):
            return {name: base64.b64decode(text) for name, text in self._files.get(timeout=10).items()}
        return {}

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(timeout=5)
        self._process.stdout.close()  # type: ignore[union-attr]
        self._log.close()


class Kernel:
    """A forked kernel and the client that talks to it."""

    def __init__(self, kennel: Kennel, kernel_id: str, own: Path, connection: KernelConnectionInfo) -> None:
        self._kennel, self.id, self._own = kennel, kernel_id, own
        self.kept = 0
        self.session = ""
        client = BlockingKernelClient(context=_context())
        connection["ip"] = str(own / "s")
        client.load_connection_info(connection)
        self._client = client

    def wait_ready(self) -> None:
        """Return when it answers; KernelError when it never does."""
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
        with contextlib.suppress(OSError, UnicodeError):
            self.session = (self._own / "session").read_text()[:100]

    def _require_starting(self, deadline: float) -> None:
        why = self._kennel.why_ended(self.id)
        if why or time.monotonic() > deadline:
            trouble = self._own / "trouble"
            told = trouble.read_text()[-2000:] if trouble.exists() else ""
            raise KernelError(f"no kernel: {why or 'it did not start in time'} {told}".strip())

    def write(self, files: Mapping[str, bytes]) -> None:
        """Put files beside the notebook, before any of its cells runs."""
        packed = {name: base64.b64encode(content).decode() for name, content in files.items()}
        if packed:
            self._kennel.order(do="write", id=self.id, files=packed)
            self.files()  # orders are carried out in turn: once this one is answered, the files are there

    def execute(self, source: str, timeout_s: float) -> CellResult:
        """Run a cell. One that is late or ends its kernel leaves a kernel that is gone."""
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
        capture = _Capture(self, result)
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
        """What lies beside the notebook."""
        return self._kennel.files_of(self.id)

    def end(self) -> None:
        """Kill it and all that it started; returns when they are gone."""
        with contextlib.suppress(KernelError):
            if self._kennel.why_ended(self.id) is None:
                self._kennel.order(do="kill", id=self.id)
                self._kennel.wait_until_ended(self.id, 5)

    def forget(self) -> None:
        self.end()
        with contextlib.suppress(Exception):
            self._client.stop_channels()
        with contextlib.suppress(KernelError):
            self._kennel.order(do="forget", id=self.id)


@functools.cache
def _context() -> zmq.Context:
    """No message is received that is larger than allowed: its sender is disconnected."""
    context = zmq.Context()
    context.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
    context.setsockopt(zmq.LINGER, 0)
    return context


class _Capture:
    """Keeps a cell's outputs up to the cap; the rest is received and dropped. Answers always count."""

    def __init__(self, kernel: Kernel, result: CellResult) -> None:
        self.kernel, self.result = kernel, result
        self.text = 0

    def take(self, message: dict[str, Any], asked: str) -> bool:
        """Keep what the message shows; whether it says that the cell is over."""
        if message["parent_header"].get("msg_id") != asked:
            return False
        kind, content = message["msg_type"], message["content"]
        if kind == "status":
            return content.get("execution_state") == "idle"
        if kind == "stream":
            self._keep_text(str(content["text"]), str(content["name"]))
        elif kind in ("display_data", "execute_result", "error"):
            self._keep_rich(message)
        return False

    def _keep_text(self, text: str, name: str) -> None:
        left = MOST_OUTPUT - self.text
        if left <= 0:
            return
        self.text += len(text)
        if len(text) > left:
            text = f"{text[:left]}\n[more output was dropped]\n"
        outputs = self.result.outputs
        if outputs and outputs[-1].output_type == "stream" and outputs[-1].name == name:
            outputs[-1].text += text
        else:
            outputs.append(NotebookNode(output_type="stream", name=name, text=text))

    def _keep_rich(self, message: dict[str, Any]) -> None:
        """Plots, tables, errors, and answers, which have room of their own."""
        output = output_from_msg(message)
        answer = output.get("data", {}).get(ANSWER)
        size = len(json.dumps(message["content"]))
        if isinstance(answer, dict) and size <= 4 * LONGEST_ANSWER and len(self.result.answers) < MOST_ANSWERS:
            self.result.answers.append(answer)
        self.kernel.kept += size
        if self.kernel.kept <= MOST_RICH_OUTPUT:
            self.result.outputs.append(output)


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
    """Whether the outputs arrive, too: subscribing to them takes a moment."""
    with contextlib.suppress(queue.Empty):
        while True:
            message = client.get_iopub_msg(timeout=timeout_s)
            if (
                message["parent_header"].get("msg_id") == asked
                and message["content"].get("execution_state") == "idle"
            ):
                return True
    return False
