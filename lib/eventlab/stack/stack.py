"""The public class `Stack`: start, ask and stop the services of one state folder."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from eventlab.clients import ports
from eventlab.errors import StackError
from eventlab.settings import OwnSettings, Settings
from eventlab.settings import settings as user_settings
from eventlab.stack import config, environment, process, requirements, tokens
from eventlab.stack.services import COURSE, Service, select, select_with_needs
from eventlab.stack.startup import Report, in_parallel, missing_of, no_report, start_all, stop_all

logger = logging.getLogger(__name__)

STATE_FILES = (
    *("data", "run", "logs", "conf", "compose", "saved", "lesson-06", "own-topics", "progress.json"),
    *(tokens.JUPYTER_TOKEN_FILE, tokens.SPARK_TOKEN_FILE),
)
"""All that the kit creates in a state folder, apart from the lock: what `reset` deletes."""


@dataclass(frozen=True)
class Status:
    """One service at one moment.

    Attributes:
        state: `running` (it answered a real request), `stopped`, or `crashed` (its process has ended or does not
            answer).
        pid: Its process id, if this stack started it.
        rss_bytes: Resident memory with that of its child processes.
    """

    name: str
    state: str
    pid: int | None
    address: str
    rss_bytes: int
    uptime_s: float


class Stack:
    """The services that use one state folder.

    As a context manager, it starts the services that are not running. Inside the block, this process and its child
    processes use the stack. At the end, the services that the block started are stopped::

        with Stack() as stack:
            consumer = KafkaConsumer(bootstrap_servers=stack.bootstrap_servers)
            spark = SparkSession.builder.getOrCreate()

    A service whose address the settings name is run by somebody else: it is probed, and never started or stopped.
    """

    def __init__(
        self,
        settings: Settings = user_settings,
        services: Iterable[str] = COURSE,
        report: Report = no_report,
        grace_s: float = 10,
    ) -> None:
        """Describe a stack; nothing is started yet.

        Args:
            settings: The ports, addresses and the state folder; by default those of the user.
            services: The names of the services that `up` and the block start; by default all but `jupyter`.
            report: Called with a service's name and its phase.
            grace_s: Seconds that a service has to end by itself before it is killed.
        """
        self.settings = settings
        self.services = tuple(services)
        self.report = report
        self.grace_s = grace_s
        self.bootstrap_servers = settings.bootstrap_servers
        self.spark_remote = settings.spark_remote
        self.default_fs = settings.default_fs
        self.webhdfs_url = settings.webhdfs_url
        self.api_url = settings.api_url

    def environment(self) -> dict[str, str]:
        """Return the environment in which a child process uses this stack."""
        return environment.full(self.settings)

    def __enter__(self) -> Stack:
        with ExitStack() as cleanup:
            if started := self._start(select_with_needs(self.services)):
                cleanup.callback(self.down, [service.name for service in started])
            cleanup.callback(environment.replace, dict(os.environ))
            environment.apply(self.settings)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def up(self, names: Iterable[str] = ()) -> list[Status]:
        """Start the named services, or those of the constructor, and what they need; return when each answers.

        Raises:
            StackError: A service did not start; none that this call started stays.
        """
        services = select_with_needs(tuple(names) or self.services)
        self._start(services)
        return self.status(service.name for service in services)

    def _start(self, services: list[Service]) -> list[Service]:
        """Start the services that do not run, and return them."""
        requirements.require_installation(self.settings, services)
        requirements.require_external_services(self.settings, services)
        with self._lock():
            missing = missing_of(self.settings, services, self.report)
            requirements.require_free_ports(self.settings, missing)
            config.render(self.settings)
            start_all(self.settings, missing, self.report)
        return missing

    def down(self, names: Iterable[str] = ()) -> list[Status]:
        """Stop the named services, or all; only processes that this stack started are stopped."""
        services = select(names)
        if self.settings.state_dir.exists():
            with self._lock():
                stop_all(self.settings, services, self.report, self.grace_s)
        return self.status(service.name for service in services)

    def restart(self, names: Iterable[str] = ()) -> list[Status]:
        """Stop and start the named services, or those of the constructor."""
        names = tuple(names) or self.services
        self.down(names)
        return self.up(names)

    def status(self, names: Iterable[str] = ()) -> list[Status]:
        """Probe the named services, or all, in parallel."""
        return in_parallel(self._status_of, select(names))

    def _status_of(self, service: Service) -> Status:
        record = process.read_record(self.settings, service.name)
        running = record.process() if record else None
        external = service.is_external(self.settings)
        if (external or running) and service.problem(self.settings) is None:
            state = "running"
        else:
            state = "crashed" if record and not external else "stopped"
        return Status(
            name=service.name,
            state=state,
            pid=running.pid if running else None,
            address=service.address(self.settings),
            rss_bytes=process.resident_bytes(running) if running else 0,
            uptime_s=process.uptime_s(running) if running else 0.0,
        )

    def reset(self) -> None:
        """Stop all services and delete what the kit created in the state folder, and nothing else there."""
        with self._lock():
            stop_all(self.settings, select(()), self.report, self.grace_s)
            for path in (self.settings.state_dir / name for name in STATE_FILES):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)

    def listening_ports(self, names: Iterable[str] = ()) -> set[int]:
        """Return the ports on which the stack's own processes and their children listen."""
        running = (process.find(self.settings, service.name) for service in select(names))
        return {port for service in running if service for port in process.listening_ports(service)}

    def open_ports(self, names: Iterable[str] = ()) -> list[int]:
        """Return the ports of the named services, or of all, that accept connections, whoever listens there."""
        own = (service for service in select(names) if not service.is_external(self.settings))
        numbers = (port for service in own for port in service.port_numbers(self.settings))
        return [port for port in numbers if ports.is_open(port)]

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one process at a time change the stack; the kernel releases the lock of a process that ended."""
        folder = self.settings.state_dir
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(folder / "lock", timeout=self.settings.start_timeout_s * 2):
                yield
        except filelock.Timeout as error:
            raise StackError(f"another eventlab command is still changing the stack in {folder}") from error
        except OSError as error:
            message = f"the state folder {folder} cannot be used: {error}"
            raise StackError(message, next_command="eventlab doctor") from error


@contextmanager
def fresh_stack(
    folder: Path,
    offsets: Sequence[int],
    services: Iterable[str] = COURSE,
    report: Report = no_report,
    *,
    grace_s: float = 10,
    kind: type[Settings] = OwnSettings,
    start_timeout_s: float = user_settings.start_timeout_s,
) -> Iterator[Stack]:
    """Run a stack without data, beside the user's, and stop it at the end of the block.

    The user's settings do not apply to it. The old content of its state folder is deleted, and old processes are
    stopped. The folder stays, so that its logs can be read. The first port offset at which all ports are free is
    used. `kind` is the class of the settings; the other arguments are those of `Stack`.
    """
    services = tuple(services)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(folder.with_name(f"{folder.name}.lock"), timeout=0):
            Stack(kind(state_dir=folder)).down()
            shutil.rmtree(folder, ignore_errors=True)
            settings = requirements.settings_on_free_ports(
                offsets, services, kind, state_dir=folder, start_timeout_s=start_timeout_s
            )
            with Stack(settings, services, report, grace_s) as stack:
                yield stack
    except filelock.Timeout as error:
        raise StackError(f"another process is using {folder}; try again when it has ended") from error
