"""The public class `Stack`: start, probe and stop the services of one state folder."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import filelock
import psutil

from eventlab import lessons
from eventlab.clients import ports
from eventlab.errors import StackError
from eventlab.files import delete_folder
from eventlab.settings import OwnSettings, Settings
from eventlab.settings import settings as user_settings
from eventlab.stack import config, environment, process, requirements, tokens
from eventlab.stack.services import COURSE, JUPYTER, SERVICES, Service, select, select_with_needs
from eventlab.stack.startup import (
    ReportService,
    in_parallel,
    no_report,
    start_all,
    stop_all,
    stop_hanging_and_list_missing,
)

STATE_FILES = (
    *("data", "run", "logs", "conf", "compose", tokens.JUPYTER_TOKEN_FILE, tokens.SPARK_TOKEN_FILE),
    *lessons.STATE_FILES,
)
"""What the kit creates in a state folder, except the lock; `reset` deletes it."""


@dataclass(frozen=True)
class ServiceStatus:
    """The status of a service at the time of the call.

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

    A service whose address the settings contain is external: it is probed, and never started or stopped.
    """

    def __init__(
        self,
        settings: Settings = user_settings,
        services: Iterable[str] = COURSE,
        report: ReportService = no_report,
        grace_s: float = 10,
    ) -> None:
        """Create a stack object; `up` or a `with` block starts the services.

        Args:
            settings: The ports, addresses and the state folder; by default those of the user.
            services: The names of the services that `up` and the block start; by default all except `jupyter`.
            report: Called with a service's name and its phase.
            grace_s: Seconds after SIGTERM before a service that is still running is killed.
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

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            if started := self._start(select_with_needs(self.services)):
                cleanup.callback(self.down, [service.name for service in started])
            cleanup.callback(environment.replace, dict(os.environ))
            environment.apply(self.settings)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def up(self, names: Iterable[str] = ()) -> list[ServiceStatus]:
        """Start the named services, or those of the constructor, and what they need; wait until each answers.

        Raises:
            StackError: A service did not start; all services that this call started are stopped.
        """
        services = select_with_needs(tuple(names) or self.services)
        self._start(services)
        return self.status(service.name for service in services)

    def _start(self, services: list[Service]) -> list[Service]:
        """Start the services that are not running, and return them."""
        requirements.require_installation(self.settings, services)
        requirements.require_external_services(self.settings, services)
        with self._lock():
            missing = stop_hanging_and_list_missing(self.settings, services, self.report)
            requirements.require_free_ports(self.settings, missing)
            config.render(self.settings)
            start_all(self.settings, missing, self.report)
        return missing

    def down(self, names: Iterable[str] = ()) -> list[ServiceStatus]:
        """Stop the named services, or all except the JupyterLab in which this process runs.

        Only processes that this stack started are stopped.

        Raises:
            StackError: A port on which one of these processes listened is still open.
        """
        services = select(tuple(names) or self._without_own_jupyter(SERVICES))
        stopped = [service.name for service in services]
        if self.settings.state_dir.exists():
            with self._lock():
                ports_before = self.listening_ports(stopped)
                stop_all(self.settings, services, self.report, self.grace_s)
            if still_open := sorted(ports_before.intersection(self.open_ports(stopped))):
                holders = ", ".join(f"{port} ({ports.process_on(port)} uses it)" for port in still_open)
                raise StackError(f"ports of stopped services are still open: {holders}", "eventlab doctor")
        return self.status(stopped)

    def restart(self, names: Iterable[str] = ()) -> list[ServiceStatus]:
        """Stop and start the named services, or those of the constructor, but not this process's JupyterLab."""
        names = tuple(names) or self._without_own_jupyter(self.services)
        self.down(names)
        return self.up(names)

    def _without_own_jupyter(self, names: Iterable[str]) -> list[str]:
        """Return the names without `jupyter` if this process runs in the stack's JupyterLab."""
        jupyter = process.find(self.settings, JUPYTER.name)
        if jupyter is None or jupyter not in psutil.Process().parents():
            return list(names)
        self.report(JUPYTER.name, "not stopped, because this command runs in it (stop it: eventlab down jupyter)")
        return [name for name in names if name != JUPYTER.name]

    def status(self, names: Iterable[str] = ()) -> list[ServiceStatus]:
        """Probe the named services, or all, in parallel."""
        return in_parallel(self._status_of, select(names))

    def _status_of(self, service: Service) -> ServiceStatus:
        record = process.read_record(self.settings, service.name)
        running = record.running_process() if record else None
        external = service.is_external(self.settings)
        if (external or running) and service.probe_problem(self.settings) is None:
            state = "running"
        else:
            state = "crashed" if record and not external else "stopped"
        return ServiceStatus(
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
                    if problem := delete_folder(path):
                        raise OSError(problem)
                else:
                    path.unlink(missing_ok=True)

    def log_file(self, name: str) -> Path:
        """Return the path of a service's log; raise StackError if there is no such service or log."""
        (service,) = select([name])
        path = process.log_file(self.settings, service.name)
        if not path.exists():
            raise StackError(f"{name} has no log yet", next_command=f"eventlab up {name}")
        return path

    def listening_ports(self, names: Iterable[str] = ()) -> set[int]:
        """Return the ports on which the stack's own processes and their children listen."""
        running = (process.find(self.settings, service.name) for service in select(names))
        return {port for service in running if service for port in process.listening_ports(service)}

    def open_ports(self, names: Iterable[str] = ()) -> list[int]:
        """Return the ports of the services that are open, also if another program opened them."""
        managed = (service for service in select(names) if not service.is_external(self.settings))
        numbers = (port for service in managed for port in service.port_numbers(self.settings))
        return [port for port in numbers if ports.is_open(port)]

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the lock that allows one process to change the stack; a killed process releases it too."""
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
    report: ReportService = no_report,
    *,
    grace_s: float = 10,
    settings_class: type[Settings] = OwnSettings,
    start_timeout_s: float | None = None,
) -> Iterator[Stack]:
    """Run a stack without data next to the user's stack, and stop it at the end of the block.

    Before the start, processes of an earlier run are stopped and the old content of the state folder is deleted.
    At the end the folder is kept, so that its logs can be read.

    Args:
        folder: The state folder.
        offsets: The port offsets to try: the stack uses the first one at which all ports are free.
        services: The services to start.
        report: See `Stack`.
        grace_s: See `Stack`.
        settings_class: The class of the stack's settings; by default the user's settings do not apply.
        start_timeout_s: Seconds that a service may take to start; by default the user's setting.

    Raises:
        StackError: Another process uses the folder, no offset has free ports, or a service does not start.
    """
    services = tuple(services)
    folder.parent.mkdir(parents=True, exist_ok=True)
    values = {"state_dir": folder, "start_timeout_s": start_timeout_s or user_settings.start_timeout_s}
    try:
        with filelock.FileLock(folder.with_name(f"{folder.name}.lock"), timeout=0):
            Stack(settings_class(state_dir=folder)).down()
            delete_folder(folder)
            with (
                requirements.reserved_settings(offsets, services, settings_class, **values) as settings,
                Stack(settings, services, report, grace_s) as stack,
            ):
                yield stack
    except filelock.Timeout as error:
        raise StackError(f"another process is using {folder}; try again when it has ended") from error
