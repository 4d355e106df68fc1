"""The process that forks kernels, seen from the worker."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import PIPE

from jupyter_client.connect import write_connection_file

from eventlab.grading.kernel import KernelError, SubmissionKernel


class Kennel:
    """Sends orders to the process as lines of JSON and reads its events (`inside/kernels.py`)."""

    def __init__(
        self, command: Sequence[str], folder: Path, seen_as: str | None, log: Path, env: Mapping[str, str]
    ):
        """Start the process; a kernel sees its sockets at `seen_as`, or in `folder` when that is None."""
        self.folder, self.seen_as = folder, seen_as
        self._numbers = itertools.count(1)
        self._ended: dict[str, str] = {}
        self._files: queue.Queue[dict[str, str]] = queue.Queue()
        self._changed = threading.Condition()
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            command, stdin=PIPE, stdout=PIPE, stderr=self._log, env=dict(env), start_new_session=True
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
        """Send an order."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise KernelError("the kernels' sandbox has ended") from error

    def start(self) -> SubmissionKernel:
        """Fork a kernel and return it without waiting until it answers."""
        kernel_id = f"k{next(self._numbers)}"
        own = self.folder / kernel_id
        folders = [own] if self.seen_as else [own, own / "work"]
        for folder in folders:
            folder.mkdir()
            folder.chmod(0o777)
        inside = self.seen_as or str(own)
        _, connection = write_connection_file(
            str(own / "connection.json"), ip=f"{inside}/s", transport="ipc", kernel_name="python3"
        )
        (own / "connection.json").chmod(0o644)
        self.order(do="start", id=kernel_id)
        return SubmissionKernel(self, kernel_id, own, connection)

    def why_ended(self, kernel_id: str) -> str | None:
        """Return why a kernel has ended, or None while it runs."""
        if self._process.poll() is not None:
            return "the kernels' sandbox has ended"
        return self._ended.get(kernel_id)

    def wait_until_ended(self, kernel_id: str, timeout_s: float) -> bool:
        """Return whether a kernel has ended within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.why_ended(kernel_id) is not None, timeout_s)

    def files_of(self, kernel_id: str) -> dict[str, bytes]:
        """Return the files in a kernel's working folder, by name."""
        self.order(do="files", id=kernel_id)
        with contextlib.suppress(queue.Empty):
            return {name: base64.b64decode(text) for name, text in self._files.get(timeout=10).items()}
        return {}

    def close(self) -> None:
        """End the process and with it all kernels."""
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
