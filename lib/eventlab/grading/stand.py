"""A worker's stack: cleaned between submissions, and restarted when it cannot be cleaned.

What a submission may do at all is limited first (`access.py`). It can leave something in three places. Kafka and
HDFS never run a student's code: what it created there is deleted, and the stack is restarted when something else
has changed (`leftovers.py`). In Spark its sessions are ended (`sessions.py`), and new processes and files are
removed. Spark is restarted when the submission may have loaded its own code (`classes.py`), when something still
computes, or when Spark does not answer. The kernel always ends, and the next one opens its session after all this.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from eventlab.grading import leftovers, sandbox, sessions
from eventlab.grading.access import Access
from eventlab.grading.classes import ClassWatch
from eventlab.grading.disk import DiskWatch
from eventlab.grading.kennel import Kennel
from eventlab.grading.kernel import KernelError, SubmissionKernel
from eventlab.grading.prologue import PROLOGUE, WARM_UP
from eventlab.grading.services import PATIENCE_S, Services, Site, StandError
from eventlab.settings import Settings
from eventlab.stack import config

logger = logging.getLogger(__name__)
DATA = ("kafka", "namenode", "datanode")
FOR_SMALL_DATA = (
    "-XX:TieredStopAtLevel=1",
    "-Dspark.sql.codegen.wholeStage=false",
    "-Dspark.sql.codegen.factoryMode=NO_CODEGEN",
)
"""The queries of a submission are short: compiling them took half of Spark's processor time."""
CLOSED = ("-XX:+DisableAttachMechanism",)
"""No other process can load code into the JVM or stop the log of its classes."""


class Stand:
    """The services and kernels of one worker."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.access = Access.create(site.settings)
        self._data: Services | None = None
        self._spark: Services | None = None
        self._classes: ClassWatch | None = None
        self._kennel: Kennel | None = None
        self._spare: SubmissionKernel | None = None
        self._clean: dict[str, object] = {}
        self._sessions = sessions.Sessions(frozenset(), 0)
        self._warming = threading.Thread()
        self._disk: DiskWatch | None = None

    def open(self) -> None:
        """Start the services and the process that forks kernels, in parallel."""
        sandbox.write_accounts(self.site.run, self.site.uids)
        client = self.site.state("client")
        self.access.configure(client.state_dir, "client")
        config.render(client)
        self._kennel = self._kennel or self._open_kennel(client, self.site.uids[2])
        self.access.configure(self.site.run / "data", "data")
        self._data = Services(self.site, "data", DATA, self.site.uids[0], self.access.users)
        self._start_spark()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Services.wait_ready, [self._data, self._spark]))
        self._kennel.is_warm.wait(PATIENCE_S)
        self.access.restrict(self.site.limits)
        self._clean = leftovers.found(self.access)
        self._begin()

    def _open_kennel(self, client: Settings, uid: int) -> Kennel:
        kernels = self.site.run / "kernels"
        kernels.mkdir(exist_ok=True)
        wanted = {
            "uid": uid,
            "processor": self.site.number,
            "namespaces": self.site.contained,
            "limits": self.site.limits.of_kernel(),
            "memory": self.site.limits.memory_mib * sandbox.MIB,
            "size": self.site.limits.scratch_mib * sandbox.MIB,
            "imports": sandbox.WARM_IMPORTS,
            "kernels": str(kernels),
            "keep": [str(p) for p in [*sandbox.shown(), client.state_dir] if p.is_relative_to("/tmp")],
        }
        command = sandbox.inside("kernels", wanted, self.site.contained)
        env = sandbox.variables(client)
        if self.site.contained:
            command = sandbox.of_kernels(self.site.run, client.state_dir, env, command)
        return Kennel(
            command, kernels, "/kernel" if self.site.contained else None, self.site.run / "kernels.log", env
        )

    def _start_spark(self) -> None:
        state, uid = self.site.run / "spark", self.site.uids[1]
        state.mkdir(parents=True, exist_ok=True)
        self._classes = ClassWatch(state / "classes", sandbox.shown())
        self.access.configure(state, "spark")
        told = {"JAVA_TOOL_OPTIONS": " ".join([self._classes.option, *FOR_SMALL_DATA, *CLOSED])}
        self._spark = Services(self.site, "spark", ("spark",), uid, told)

    def _begin(self) -> None:
        """Note Spark's own sessions, and warm Spark up while the first kernel starts."""
        assert self._kennel is not None
        assert self._classes is not None
        self._classes.started()
        self._sessions = sessions.look(self.site.settings)
        self._spare = self._spare or self._kennel.start()
        self._warming = threading.Thread(target=self._warm_up, daemon=True)
        self._warming.start()

    def _warm_up(self) -> None:
        """Run each kind of read and write once: in Spark the first ones take seconds."""
        assert self._kennel is not None
        kernel = self._kennel.start()
        try:
            kernel.wait_ready()
            kernel.execute(WARM_UP, 60)
        except KernelError:
            pass  # the first submission is then the one that waits
        finally:
            kernel.forget()

    def kernel(self) -> SubmissionKernel:
        """Return a new kernel with an open Spark session and no tables, and start the next one."""
        assert self._kennel is not None
        for attempt in range(2):
            kernel, self._spare = self._spare or self._kennel.start(), None
            try:
                kernel.wait_ready()
                opened = kernel.execute(PROLOGUE, 60)
                if opened.ended == "done" and self._kennel.why_ended(kernel.id) is None:
                    self._spare = self._kennel.start()
                    self._watch_disk(kernel)
                    return kernel
                why = opened.error
            except KernelError as error:
                why = str(error)
            logger.warning("kernel %s, attempt %d of 2 failed: %s", kernel.id, attempt + 1, why)
            kernel.forget()
        raise StandError(f"the sandbox gave no kernel twice in a row: {why}")

    def _watch_disk(self, kernel: SubmissionKernel) -> None:
        """End the kernel when the services store too much for it."""
        kennel, folders = self._kennel, [self.site.run / "data", self.site.run / "spark"]
        assert kennel is not None
        self._stop_watching()
        self._disk = DiskWatch(
            folders, self.site.limits, lambda reason: kennel.order(do="kill", id=kernel.id, why=reason)
        )

    def _stop_watching(self) -> None:
        if self._disk:
            self._disk.stop()
        self._disk = None

    def clean(self) -> None:
        """Remove what a submission left; restart the stack when it is not as before or does not answer."""
        self._stop_watching()
        self._warming.join()
        doubts = self._doubts()
        try:
            if doubts:
                self._close_spark()  # first, because what runs in it could write on
            assert self._data is not None
            self._data.require_running()
            leftovers.remove(self.access, self._clean)
            if (found := leftovers.found(self.access)) != self._clean:
                raise StandError(f"left over: {_differences(self._clean, found)}")
            if not doubts and (doubts := self._still_computing()):
                self._close_spark()
            if doubts:
                self._note(f"Spark restarted: {doubts}")
                self._start_spark()
                assert self._spark is not None
                self._spark.wait_ready()
                self._begin()
        except Exception as error:
            self.reopen(str(error))

    def _doubts(self) -> str:
        """End what the submission has in Spark; return why Spark must be restarted, or ""."""
        assert self._spark is not None
        assert self._classes is not None
        if opened := self._classes.found():
            return ", ".join(opened)
        try:
            sessions.end_all_but(self.site.settings, self._sessions)
            swept = self._spark.sweep()
        except (sessions.SessionError, StandError) as error:
            return str(error)
        return ", ".join([*self._classes.found(), *swept])

    def _still_computing(self) -> str:
        """Return which threads of Spark compute although all sessions have ended, or ""."""
        assert self._spark is not None
        try:
            threads = self._spark.is_busy()
        except StandError as error:
            return str(error)
        return f"still computing: {', '.join(threads)}" if threads else ""

    def reopen(self, why: str) -> None:
        """Restart the whole stack with empty data folders."""
        self._note(why)
        self._stop_watching()
        self._close_services()
        if self._spare:
            self._spare.forget()
            self._spare = None
        self.open()

    def _note(self, why: str) -> None:
        logger.info("restart: %s", why)
        with (self.site.run / "restarts.log").open("a") as log:
            log.write(f"{time.strftime('%X')} {why}\n")

    def _close_spark(self) -> None:
        if self._spark:
            self._spark.close()
        if self._classes:
            self._classes.close()
        self._spark = self._classes = None
        shutil.rmtree(self.site.run / "spark", ignore_errors=True)

    def _close_data(self) -> None:
        if self._data:
            self._data.close()
        self._data = None
        shutil.rmtree(self.site.run / "data", ignore_errors=True)

    def _close_services(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            for closing in [pool.submit(self._close_data), pool.submit(self._close_spark)]:
                closing.result()

    def close(self) -> None:
        """End the kernels and services."""
        self._stop_watching()
        if self._kennel:
            self._kennel.close()
        self._close_services()


def _differences(before: object, now: object, name: str = "") -> str:
    """Return where two nested dictionaries differ, with both values."""
    if isinstance(before, dict) and isinstance(now, dict):
        names = [key for key in before | now if before.get(key) != now.get(key)]
        return "; ".join(_differences(before.get(key), now.get(key), f"{name} {key}") for key in names[:5])
    return f"{name.strip()}: {before!r:.200} became {now!r:.200}"
