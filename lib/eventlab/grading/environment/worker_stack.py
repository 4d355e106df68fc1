"""A worker's stack: cleaned between submissions, and restarted when it cannot be cleaned.

What a submission may do at all is limited first (`access.py`). It can leave something in three places. Kafka and
HDFS never run a student's code: what it created there is deleted, and the stack is restarted when something else
has changed (`cleanup.py`). In Spark its sessions are ended, and new processes and files are removed. Spark is
restarted when the submission may have loaded its own code (`jvm_class_watch.py`), when something still computes,
or when Spark does not answer. The kernel always ends, and the next one opens its session after all this.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from eventlab.files import delete_folder
from eventlab.grading.environment import cleanup, health, sandbox
from eventlab.grading.environment.access import Access
from eventlab.grading.environment.fork_server import ForkServer
from eventlab.grading.environment.jvm_class_watch import JvmClassWatch, java_variables
from eventlab.grading.environment.services import DATA_SERVICES, Services, WorkerConfiguration, WorkerStackError
from eventlab.grading.environment.trial_machine import TrialMachine
from eventlab.grading.environment.warm_up import PREPARE_KERNEL, WARM_UP
from eventlab.grading.environment.watches import DiskWatch, OwnMemoryWatch, StoppedWatch, Watch, is_small
from eventlab.grading.execution.kernel import KernelError, SubmissionKernel
from eventlab.settings import Settings
from eventlab.stack import config

logger = logging.getLogger(__name__)


class WorkerStack:
    """The services and kernels of one worker."""

    def __init__(self, configuration: WorkerConfiguration) -> None:
        self.config = configuration
        self.access = Access.create(configuration.settings)
        self._data: Services | None = None
        self._spark: Services | None = None
        self._classes: JvmClassWatch | None = None
        self._fork_server: ForkServer | None = None
        self._spare: SubmissionKernel | None = None
        self._clean_state: dict[str, object] = {}
        self._sessions = cleanup.Sessions(frozenset(), 0)
        self._warming = threading.Thread()
        self._watches: tuple[Watch, ...] = ()
        self._machine: TrialMachine | None = None

    def open(self) -> None:
        """Start the services and the process that forks kernels, in parallel."""
        sandbox.write_accounts(self.config.run, self.config.uids)
        client = self.config.state("client")
        self.access.configure(client.state_dir, "client")
        config.render(client)
        self._fork_server = self._fork_server or self._open_fork_server(client, self.config.uids[2])
        self.access.configure(self.config.run / "data", "data")
        self._data = Services(self.config, "data", DATA_SERVICES, self.config.uids[0], self.access.users)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Services.wait_ready, [self._data, self._start_spark()]))
        self._fork_server.is_warm.wait(self.config.start_timeout_s)
        self.access.restrict(self.config.limits)
        self._clean_state = cleanup.read_state(self.access)
        self._note_sessions_and_warm_up()

    def _open_fork_server(self, client: Settings, uid: int) -> ForkServer:
        kernels = self.config.run / "kernels"
        kernels.mkdir(exist_ok=True)
        options = {
            "uid": uid,
            "processor": self.config.number,
            "namespaces": self.config.contained,
            "limits": self.config.limits.of_kernel(),
            "memory": self.config.limits.memory_mib * sandbox.MIB,
            "size": self.config.limits.scratch_mib * sandbox.MIB,
            "imports": sandbox.WARM_IMPORTS,
            "kernels": str(kernels),
            "keep": [str(p) for p in [*sandbox.shown(), client.state_dir] if p.is_relative_to("/tmp")],
        }
        command, env = sandbox.inside("kernels", options, self.config.contained), sandbox.variables(client)
        if self.config.contained:
            command = sandbox.of_kernels(self.config.run, client.state_dir, env, command)
        seen_as = "/kernel" if self.config.contained else None
        return ForkServer(command, kernels, seen_as, self.config.run / "kernels.log", env)

    def _start_spark(self) -> Services:
        state, uid = self.config.run / "spark", self.config.uids[1]
        state.mkdir(parents=True, exist_ok=True)
        self._classes = JvmClassWatch(state / "classes", sandbox.shown())
        self.access.configure(state, "spark")
        self._spark = Services(self.config, "spark", ("spark",), uid, java_variables(self._classes))
        return self._spark

    def _note_sessions_and_warm_up(self) -> None:
        """Note Spark's own sessions, and warm Spark up while the first kernel starts."""
        assert self._fork_server is not None
        assert self._classes is not None
        self._classes.started()
        self._sessions = cleanup.sessions(self.config.settings)
        self._spare = self._spare or SubmissionKernel(self._fork_server.start())
        self._warming = threading.Thread(target=self._warm_up, daemon=True)
        self._warming.start()

    def _warm_up(self) -> None:
        """Run each kind of read and write once: in Spark the first ones take seconds."""
        if self._fork_server is None or not self.config.warms_up:
            return
        kernel = SubmissionKernel(self._fork_server.start())
        try:
            kernel.wait_ready()
            why = kernel.execute(WARM_UP, 60).error
        except KernelError as error:
            why = str(error)
        finally:
            kernel.forget()
        if why:
            logger.warning("Spark is not warm, so the first submission waits longer: %s", why)

    def kernel(self) -> SubmissionKernel:
        """Return a new kernel with an open Spark session and no tables, and start the next one."""
        assert self._fork_server is not None
        for attempt in range(2):
            kernel, self._spare = self._spare or SubmissionKernel(self._fork_server.start()), None
            try:
                kernel.wait_ready()
                opened = kernel.execute(PREPARE_KERNEL, 60)
                if opened.ended == "done" and kernel.process.exit_reason is None:
                    self._spare = SubmissionKernel(self._fork_server.start())
                    self._watch(kernel)
                    return kernel
                why = opened.error
            except KernelError as error:
                why = str(error)
            logger.warning("kernel %s, attempt %d of 2 failed: %s", kernel.id, attempt + 1, why)
            kernel.forget()
        raise WorkerStackError(f"the sandbox gave no kernel twice in a row: {why}")

    def machine(self, files: Mapping[str, bytes]) -> TrialMachine:
        """Return the machine of a trial, which starts jobs with these files, and kills jobs and services."""
        assert self._data is not None
        assert self._spark is not None
        assert self._fork_server is not None
        assert self._classes is not None
        services = self._data, self._spark, self._fork_server, self.access, self._sessions
        require_running = partial(self.require_running, in_trial=True)
        self._machine = TrialMachine(*services, require_running, self._classes.found, files)
        if self.exceeded:
            self._machine.end(self.exceeded)
        return self._machine

    @property
    def exceeded(self) -> str:
        """Return which of the limits that are watched here a submission has exceeded, or ""."""
        return next((watch.exceeded for watch in self._watches if watch.exceeded), "")

    def _watch(self, kernel: SubmissionKernel) -> None:
        """End a kernel, the jobs of its trial, and Spark, when they fill memory or disk, or stop the watch."""

        def end(reason: str) -> None:
            kernel.process.end(reason)
            if self._machine:
                self._machine.end(reason)
            if self._spark:
                self._spark.kill()

        folders = [self.config.run / "data", self.config.run / "spark"]
        self._stop_watching()
        stopped = StoppedWatch(lambda: bool(self._spark and self._spark.watch_is_stopped()), end)
        self._watches = DiskWatch(folders, self.config.limits, end), OwnMemoryWatch(end), stopped

    def _stop_watching(self) -> None:
        for watch in self._watches:
            watch.stop()
        self._watches, self._machine = (), None

    def clean(self) -> None:
        """Before a kernel, remove what the last one left; restart what is not as before or does not answer."""
        if not self._watches:  # there was no kernel since the last time
            return
        self._stop_watching()
        self._warming.join()
        reasons = self._reasons_to_restart_spark()
        try:
            if reasons:
                self._close_spark()  # first, because what runs in it could write on
            assert self._data is not None
            self._data.require_running()
            cleanup.remove(self.access, self._clean_state)
            if (found := cleanup.read_state(self.access)) != self._clean_state:
                raise WorkerStackError(f"left over: {cleanup.differences(self._clean_state, found)}")
            if not reasons and (reasons := self._still_computing()):
                self._close_spark()
            if reasons:
                self._note(f"Spark restarted: {reasons}")
                self._start_spark().wait_ready()
                self._note_sessions_and_warm_up()
        except Exception as error:
            self.reopen(str(error))

    def _reasons_to_restart_spark(self) -> str:
        """End what the submission has in Spark; return why Spark must be restarted, or ""."""
        assert self._spark is not None
        assert self._classes is not None
        if opened := self._classes.found():
            return ", ".join(opened)
        try:
            cleanup.end_sessions(self.config.settings, self._sessions)
            swept = self._spark.sweep()
        except (cleanup.SessionError, WorkerStackError) as error:
            return str(error)
        return ", ".join([*self._classes.found(), *swept])

    def _still_computing(self) -> str:
        """Return which threads of Spark compute although all sessions have ended, or ""."""
        assert self._spark is not None
        try:
            threads = self._spark.busy_threads()
        except WorkerStackError as error:
            return str(error)
        return f"still computing: {', '.join(threads)}" if threads else ""

    def reopen(self, why: str) -> None:
        """Restart the whole stack with empty data folders."""
        self._note(why)
        self._stop_watching()
        self._close_services()
        if self._fork_server and not self._fork_server.answers():
            self._fork_server.close()
            self._fork_server = None
        if self._spare:
            self._spare.forget()
            self._spare = None
        self.open()

    def _note(self, why: str) -> None:
        logger.info("restart: %s", why)
        with (self.config.run / "restarts.log").open("a") as log:
            log.write(f"{time.strftime('%X')} {why}\n")

    def _close_spark(self) -> None:
        if self._spark:
            self._spark.close()
        if self._classes:
            self._classes.close()
        self._spark = self._classes = None
        self._remove("spark")

    def _close_data(self) -> None:
        if self._data:
            self._data.close()
        self._data = None
        self._remove("data")

    def _remove(self, name: str) -> None:
        """Delete a state folder; its logs move to `logs/`, which the next job empties, if they are small."""
        state, kept = self.config.run / name, self.config.run / "logs" / f"{time.monotonic_ns()}-{name}"
        if is_small(state / "logs"):
            kept.parent.mkdir(exist_ok=True)
            with contextlib.suppress(OSError):
                (state / "logs").rename(kept)
        delete_folder(state)

    def forget_logs(self) -> None:
        """Delete the logs of services that were restarted before now."""
        delete_folder(self.config.run / "logs")

    def require_running(self, *, in_trial: bool = False) -> None:
        """Raise an error unless the services run as they did at the start, or the submission itself ended Spark.

        When `JvmClassWatch` has found something, the submission may have ended Spark. In a trial it always finds
        the streaming queries of the jobs, which end nothing.

        Raises:
            WorkerStackError: A process has ended, the nodes of HDFS have another state, or the disk is full.
            ServiceUnavailable: A service does not answer.
        """
        assert self._data is not None
        assert self._spark is not None
        assert self._classes is not None
        health.require_free_disk(self.config.run)
        health.require_data_services(self._data, self.config.settings, self._clean_state["nodes"])
        if self.exceeded:
            return  # Spark was ended on purpose
        if (in_trial or not self._classes.found()) and (how := health.spark_fault(self._spark.ended())):
            raise WorkerStackError(f"spark has ended ({how})")

    def _close_services(self, *others: Callable[[], None]) -> None:
        closings = [self._close_data, self._close_spark, *others]
        with ThreadPoolExecutor(len(closings)) as pool:
            for closing in [pool.submit(close) for close in closings]:
                closing.result()

    def close(self) -> None:
        """End the kernels and services."""
        self._stop_watching()
        self._close_services(*([self._fork_server.close] if self._fork_server else []))
