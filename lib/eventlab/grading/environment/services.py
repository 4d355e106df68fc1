"""Services in a sandbox, seen from the worker: started, watched and ended together."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import psutil

from eventlab.errors import END_OF_LOG, EventlabError
from eventlab.grading.environment import processes, sandbox
from eventlab.settings import Settings

logger = logging.getLogger(__name__)
STOPPED = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
DATA_SERVICES = ("kafka", "namenode", "datanode")


class WorkerStackError(EventlabError):
    """Raised when a worker's services fail to start or have ended."""


@dataclass(frozen=True)
class WorkerConfiguration:
    """How a worker runs its services.

    Attributes:
        number: Its number, from which its users follow.
        run: Its run folder.
        settings: The ports of its services.
        limits: The limits of a submission.
        contained: Whether bubblewrap isolates it.
        warms_up: Whether Spark runs each kind of query once when it starts. This makes the second submission
            faster, and delays the first one.
    """

    number: int
    run: Path
    settings: Settings
    limits: sandbox.ProcessLimits
    contained: bool
    warms_up: bool = True

    @property
    def start_timeout_s(self) -> float:
        """Return how long services may take to start.

        The sandbox itself usually gives up earlier, and says which service did not answer.
        """
        return self.settings.start_timeout_s + 60

    @property
    def uids(self) -> tuple[int, int, int]:
        """Return the user ids of the data services, of Spark and of the kernels."""
        changes_user = os.geteuid() == 0 if self.contained else sandbox.support().changes_user
        return sandbox.uids(self.number, changes_user)

    def state(self, name: str) -> Settings:
        """Return settings with the same ports and a separate state folder."""
        return self.settings.model_copy(update={"state_dir": self.run / name})


class Services:
    """One sandbox of services; it ends when its standard input is closed."""

    def __init__(
        self,
        configuration: WorkerConfiguration,
        name: str,
        services: tuple[str, ...],
        uid: int,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        own, self._configuration = configuration.state(name), configuration
        temporary = own.state_dir / sandbox.TMP
        temporary.mkdir(parents=True, exist_ok=True)
        temporary.chmod(0o1777)
        if uid:
            os.chown(own.state_dir, uid, uid)
        options = {
            "services": services,
            "uid": uid,
            "limits": configuration.limits.of_services(),
            "memory": configuration.limits.memory_mib * sandbox.MIB,
            "processes": configuration.limits.processes,
            "contained": configuration.contained,
        }
        command = sandbox.inside("services", options, configuration.contained)
        env = sandbox.variables(own) | dict(variables or {})
        if configuration.contained:
            command = sandbox.of_services(configuration.run, own.state_dir, env, command, bool(uid))
        self.name = name
        self._watch: psutil.Process | None = None
        logger.info("the sandbox of %s starts: %s", name, ", ".join(services))
        self._log = (configuration.run / f"{name}.log").open("ab")
        self._process = subprocess.Popen(
            command, stdin=PIPE, stdout=PIPE, stderr=self._log, env=env, start_new_session=True
        )

    def wait_ready(self) -> None:
        """Wait until all services answer."""
        answer = self._answer(self._configuration.start_timeout_s)
        if "failed" in answer:
            raise WorkerStackError(reason(str(answer["failed"])))

    def sweep(self) -> list[str]:
        """Kill every process that is not a service and return their names."""
        self.require_running()
        return self._ask("sweep")["swept"]

    def kill_others(self) -> None:
        """Kill every process that is not a service."""
        self._ask("kill_others")

    def require_running(self) -> None:
        """Raise WorkerStackError when a service has ended."""
        if ended := self.ended():
            raise WorkerStackError(" and ".join(f"{name} has ended ({how})" for name, how in ended.items()))

    def ended(self) -> dict[str, str]:
        """Return the services that have ended, and how: `signal 9`, `exit code 1` or `unknown`."""
        return dict(self._ask("ended")["ended"])

    def kill_service(self, service: str) -> bool:
        """Kill one of the services; return False if it has ended before."""
        return not self._ask(f"kill_service {service}")["ended"]

    def start_service(self, service: str) -> None:
        """Start a service that was killed, and wait until it answers.

        Raises:
            WorkerStackError: It does not start.
        """
        if failed := self._ask(f"start_service {service}", self._configuration.start_timeout_s).get("failed"):
            raise WorkerStackError(reason(str(failed)))

    def watch_is_stopped(self) -> bool:
        """Return whether the process that watches the others in the sandbox was stopped by one of them."""
        try:
            self._watch = self._watch or self._find_watch()
            return self._watch is not None and self._watch.status() in STOPPED
        except (psutil.Error, OSError) as error:  # the sandbox has ended, or /proc does not show it
            logger.info("the watch of %s is not seen: %s", self.name, error)
            return False

    def _find_watch(self) -> psutil.Process | None:
        own = psutil.Process(self._process.pid)
        for process in (own, *own.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                if process.name() != "bwrap" and "services.py" in map(os.path.basename, process.cmdline()):
                    return process
        return None

    def busy_threads(self) -> list[str]:
        """Return the names of the threads that have computed since `sweep`, although nobody asks for anything."""
        return self._ask("busy")["busy"]

    def _ask(self, what: str, timeout_s: float = 30) -> dict:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(what.encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise WorkerStackError(f"the sandbox of {self.name} has ended") from error
        return self._answer(timeout_s)

    def _answer(self, timeout_s: float) -> dict:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], timeout_s)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            self.kill()  # a late answer must not be read as that to another question
            log_lines = Path(self._log.name).read_text(errors="replace").strip().splitlines()
            raise WorkerStackError(
                f"the sandbox of {self.name} does not answer ({log_lines[-1][:300] if log_lines else 'no log'})"
            )
        return json.loads(line)

    def kill(self) -> None:
        """End the services at once; later requests to them raise WorkerStackError."""
        self._process.kill()

    def close(self) -> None:
        """End the services."""
        # In a sandbox all processes end with the first one. Without it, services get time to end by themselves.
        processes.close(self._process, 8 if self._configuration.contained else 30)
        self._log.close()


def reason(start_error: str) -> str:
    """Return one line from a start error: what happened, and the first log line that names an error."""
    first, *rest = [line.strip() for line in start_error.strip().splitlines()] or [""]
    what = first.partition(END_OF_LOG)[0]
    signs = ("error", "exception", "could not", "cannot", "not enough", "denied", "no space")
    why = next((line for line in rest if any(sign in line.lower() for sign in signs)), "")
    return f"{what} ({why[:300]})" if why else what
