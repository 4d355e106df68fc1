"""The process that forks kernels, seen from the worker."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import logging
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import PIPE
from typing import Any

from jupyter_client.connect import KernelConnectionInfo, write_connection_file

from eventlab.files import delete_folder
from eventlab.grading.environment import processes
from eventlab.grading.execution.kernel import NO_SANDBOX, FullFolderError, KernelError

logger = logging.getLogger(__name__)

FILES_TIMEOUT_S = 60
ANSWER_TIMEOUT_S = 10
KILL_TIMEOUT_S = 30


class ForkServer:
    """Sends requests to the process as lines of JSON and reads its events (`inside/kernels.py`)."""

    _numbers = itertools.count(1)
    """Of kernels; a fork server that replaces another one has the same folder."""

    def __init__(
        self, command: Sequence[str], folder: Path, seen_as: str | None, log: Path, env: Mapping[str, str]
    ):
        """Start the process; a kernel sees its sockets at `seen_as`, or in `folder` when that is None."""
        self.folder, self.seen_as = folder, seen_as
        self._ended: dict[str, str] = {}
        self._requests = itertools.count(1)
        self._files: dict[int, dict[str, str]] = {}
        self._asked: set[int] = set()
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            command, stdin=PIPE, stdout=PIPE, stderr=self._log, env=dict(env), start_new_session=True
        )
        self.is_warm = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self._note(json.loads(line))
        except (ValueError, LookupError, TypeError):  # no event: nothing that follows can be trusted
            if not self._process.stdout.closed:
                logger.exception("the fork server sent something that is no event")
            self._process.kill()
        self.is_warm.set()
        self._process.wait()
        with self._changed:
            self._changed.notify_all()  # who waits for an answer or an end

    def _note(self, message: dict[str, Any]) -> None:
        with self._changed:
            if message["event"] == "warm":
                self.is_warm.set()
            elif message["event"] == "ended":
                self._ended[message["id"]] = message["why"]
            elif message["event"] == "files" and message["request"] in self._asked:
                self._files[message["request"]] = message["files"]
            self._changed.notify_all()

    def request(self, **message: object) -> None:
        """Send a request; several threads may do so."""
        assert self._process.stdin is not None
        try:
            with self._sending:
                self._process.stdin.write(json.dumps(message).encode() + b"\n")
                self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise KernelError(NO_SANDBOX) from error

    def start(self) -> KernelProcess:
        """Fork a kernel and return it without waiting until it answers."""
        kernel_id = f"k{next(self._numbers)}"
        folder = self.folder / kernel_id
        for path in [folder] if self.seen_as else [folder, folder / "work"]:
            path.mkdir()
            path.chmod(0o777)
        inside = self.seen_as or str(folder)
        _, connection = write_connection_file(
            str(folder / "connection.json"), ip=f"{inside}/s", transport="ipc", kernel_name="python3"
        )
        (folder / "connection.json").chmod(0o644)
        try:
            self.request(do="start", id=kernel_id)
        except KernelError:
            delete_folder(folder)
            raise
        return KernelProcess(self, kernel_id, folder, connection)

    def exit_reason(self, kernel_id: str) -> str | None:
        """Return why a kernel has ended, or None while it runs."""
        if self.has_ended:
            return NO_SANDBOX
        return self._ended.get(kernel_id)

    def wait_until_ended(self, kernel_id: str, timeout_s: float) -> bool:
        """Return whether a kernel has ended within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.exit_reason(kernel_id) is not None, timeout_s)

    def files_of(self, kernel_id: str, timeout_s: float | None = None) -> dict[str, bytes]:
        """Return the files in a kernel's working folder, by name; several threads may ask.

        Args:
            kernel_id: The kernel.
            timeout_s: How long to wait, if not FILES_TIMEOUT_S.

        Raises:
            KernelError: The process does not answer in time; it runs no student's code.
        """
        number = next(self._requests)
        with self._changed:
            self._asked.add(number)
        self.request(do="files", id=kernel_id, request=number)
        with self._changed:
            self._changed.wait_for(
                lambda: number in self._files or self._process.poll() is not None, timeout_s or FILES_TIMEOUT_S
            )
            self._asked.discard(number)  # an answer that is late is not kept
            files = self._files.pop(number, None)
        if files is None:
            raise KernelError(f"the fork server did not send the files of kernel {kernel_id}")
        return {name: base64.b64decode(text) for name, text in files.items()}

    def answers(self) -> bool:
        """Return whether the process carries out requests; while it imports, it does not yet."""
        if not self.is_warm.is_set():
            return not self.has_ended
        try:
            self.files_of("none", ANSWER_TIMEOUT_S)
        except KernelError:
            return False
        return True

    @property
    def has_ended(self) -> bool:
        """Return whether the process has ended."""
        return self._process.poll() is not None

    def close(self) -> None:
        """End the process and with it all kernels."""
        processes.close(self._process, 3)
        self._listener.join(timeout=5)
        self._log.close()


class KernelProcess:
    """The process of one kernel: its files, and whether it runs."""

    def __init__(self, server: ForkServer, kernel_id: str, folder: Path, connection: KernelConnectionInfo) -> None:
        self._server, self.id, self.folder, self.connection = server, kernel_id, folder, connection

    @property
    def exit_reason(self) -> str | None:
        """Return why the kernel has ended, or None while it runs."""
        return self._server.exit_reason(self.id)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Put files into the working folder, and wait until they are written.

        Raises:
            FullFolderError: The folder has no room for them.
            KernelError: The process that writes them has ended early, or the fork server does not answer.
        """
        if files:
            packed = {name: base64.b64encode(content).decode() for name, content in files.items()}
            source = self.folder.with_suffix(".files")
            source.write_text(json.dumps(packed))
            self._server.request(do="write", id=self.id, source=str(source))
            self.files()  # requests are carried out in turn: after this answer, the files are written
            with contextlib.suppress(FileNotFoundError):
                source.with_suffix(".files.full").unlink()
                raise FullFolderError(f"the folder of kernel {self.id} has no room for its files")
            if source.exists():
                raise KernelError(f"the files of kernel {self.id} were not written")

    def files(self) -> dict[str, bytes]:
        """Return the files in the working folder, by name."""
        return self._server.files_of(self.id)

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Suspend the kernel and all that it started for the duration of the block."""
        self._server.request(do="signal", id=self.id, number=signal.SIGSTOP)
        self.files()  # requests are carried out in turn
        try:
            yield
        finally:
            with contextlib.suppress(KernelError):
                self._server.request(do="signal", id=self.id, number=signal.SIGCONT)

    def end(self, reason: str) -> None:
        """Kill the kernel without waiting for its end; `exit_reason` then returns the reason."""
        with contextlib.suppress(KernelError):
            self._server.request(do="kill", id=self.id, why=reason)

    def kill(self) -> None:
        """Kill the kernel and all that it started, and wait until they have ended.

        Raises:
            KernelError: They do not end; the next submission must not run beside them.
        """
        if self.exit_reason is not None:
            return
        with contextlib.suppress(KernelError):
            self._server.request(do="kill", id=self.id)
        if not self._server.wait_until_ended(self.id, KILL_TIMEOUT_S):
            raise KernelError(f"the processes of kernel {self.id} do not end")

    def forget(self) -> None:
        """Release and delete the folders of a kernel that has ended."""
        with contextlib.suppress(KernelError):
            self._server.request(do="forget", id=self.id)
        delete_folder(self.folder)
