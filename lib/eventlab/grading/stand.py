"""A worker's stack: services in sandboxes, clean between submissions, and fresh ones when they are not."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from eventlab import hdfs
from eventlab.grading import sandbox
from eventlab.grading.kernel import Kennel, Kernel, KernelError
from eventlab.settings import Settings
from eventlab.stack import config
from eventlab.stack.probes import quiet_kafka

DATA = ("kafka", "namenode", "datanode")
PATIENCE_S = 120
PROLOGUE = """
def _prologue():
    from pyspark.sql import SparkSession
    spark = SparkSession.getActiveSession()
    if spark is None:
        return
    spark.catalog.clearCache()
    for row in spark.sql("show databases").collect():
        if row[0] == "default":
            for table in spark.catalog.listTables("default"):
                if table.tableType != "TEMPORARY":
                    spark.sql(f"drop {'view' if table.tableType == 'VIEW' else 'table'} if exists `{table.name}`")
        else:
            spark.sql(f"drop database if exists `{row[0]}` cascade")
    for table in spark.catalog.listTables("global_temp"):
        spark.catalog.dropGlobalTempView(table.name)
_prologue()
del _prologue
"""


class StandError(RuntimeError):
    """The stack could not be had; the message says why."""


@dataclass(frozen=True)
class Site:
    """Where a worker is: its number, its run folder, its settings and limits."""

    number: int
    run: Path
    settings: Settings
    limits: sandbox.Limits
    contained: bool

    @property
    def uids(self) -> tuple[int, int, int]:
        changes_user = os.geteuid() == 0 if self.contained else sandbox.walls().changes_user
        return sandbox.uids(self.number, changes_user)

    def state(self, name: str) -> Settings:
        """The same ports with a state folder of its own."""
        return self.settings.model_copy(update={"state_dir": self.run / name})


class Services:
    """One sandbox of services; it ends when its standard input does."""

    def __init__(self, site: Site, name: str, services: tuple[str, ...], uid: int) -> None:
        own = site.state(name)
        own.state_dir.mkdir(parents=True, exist_ok=True)
        if uid:
            os.chown(own.state_dir, uid, uid)
        wanted = {
            "services": services,
            "uid": uid,
            "limits": site.limits.of_services(),
            "contained": site.contained,
        }
        command = sandbox.inside("services", wanted, site.contained)
        env = sandbox.variables(own)
        if site.contained:
            command = sandbox.of_services(site.run, own.state_dir, env, command, bool(uid))
        self.name = name
        self._log = (site.run / f"{name}.log").open("ab")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=env,
            start_new_session=True,
        )

    def wait_ready(self) -> None:
        answer = self._answer(PATIENCE_S)
        if "failed" in answer:
            raise StandError(str(answer["failed"]))

    def ask(self, what: str) -> dict:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(what.encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise StandError(f"the sandbox of {self.name} has ended") from error
        return self._answer(10)

    def _answer(self, timeout_s: float) -> dict:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], timeout_s)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            told = Path(self._log.name).read_text(errors="replace")[-1500:]
            raise StandError(f"the sandbox of {self.name} does not answer: {told}")
        return json.loads(line)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(timeout=8)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()  # type: ignore[union-attr]
        self._log.close()


class Stand:
    """The services and the kernels of one worker."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._services: list[Services] = []
        self._kennel: Kennel | None = None
        self._spare: Kernel | None = None
        self._clean: dict[str, object] = {}

    def open(self) -> None:
        """Start the services in parallel, and meanwhile what forks the kernels."""
        data_uid, spark_uid, kernel_uid = self.site.uids
        sandbox.write_accounts(self.site.run, self.site.uids)
        client = self.site.state("client")
        config.render(client)
        self._kennel = self._kennel or self._open_kennel(client, kernel_uid)
        self._services = [
            Services(self.site, "data", DATA, data_uid),
            Services(self.site, "spark", ("spark",), spark_uid),
        ]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Services.wait_ready, self._services))
        self._kennel.is_warm.wait(PATIENCE_S)
        self._spare = self._kennel.start()
        self._clean = self._found()

    def _open_kennel(self, client: Settings, uid: int) -> Kennel:
        kernels = self.site.run / "kernels"
        kernels.mkdir(exist_ok=True)
        wanted = {
            "uid": uid,
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

    def kernel(self) -> Kernel:
        """A warm kernel that no student's code has touched, with nobody's tables; the next one is begun."""
        assert self._kennel is not None
        for _ in range(2):
            kernel, self._spare = self._spare or self._kennel.start(), None
            try:
                kernel.wait_ready()
                kernel.execute(PROLOGUE, 60)
            except KernelError:
                kernel.forget()
                continue
            if self._kennel.why_ended(kernel.id) is None:
                self._spare = self._kennel.start()
                return kernel
        raise StandError("the sandbox gave no kernel twice in a row")

    def clean(self) -> None:
        """Take away what a submission left; where the stack is then not as it was, or ill, take a fresh one."""
        try:
            if not any("spark" in one.name for one in self._services):
                raise StandError("no services")
            self._services[-1].ask("sweep")
            _delete_all_but(self._clean)
            if (found := self._found()) != self._clean:
                raise StandError(f"left over: {found}")
        except Exception as error:
            self.reopen(str(error))

    def reopen(self, why: str) -> None:
        """A fresh stack, the data of the old one gone."""
        with (self.site.run / "restarts.log").open("a") as log:
            log.write(f"{time.strftime('%X')} {why}\n")
        self._close_services()
        if self._spare:
            self._spare.forget()
            self._spare = None
        for name in ("data", "spark"):
            shutil.rmtree(self.site.run / name, ignore_errors=True)
        self.open()

    def _found(self) -> dict[str, object]:
        """What is there, and that each service still does its work."""
        with quiet_kafka() as kafka, closing(_admin(kafka, self.site.settings)) as admin:
            topics = sorted(admin.list_topics())
            groups = sorted(group["group_id"] for group in admin.list_groups())
        folders = {path: hdfs.names(path) for path in ("/", "/tmp")}
        return {"topics": topics, "groups": groups, "folders": folders}

    def _close_services(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Services.close, self._services))
        self._services = []

    def close(self) -> None:
        if self._kennel:
            self._kennel.close()
        self._close_services()


def _delete_all_but(clean: dict) -> None:
    from eventlab.settings import settings

    with quiet_kafka() as kafka, closing(_admin(kafka, settings)) as admin:
        groups = [group["group_id"] for group in admin.list_groups() if group["group_id"] not in clean["groups"]]
        if groups:
            admin.delete_groups(groups)
        topics = [name for name in admin.list_topics() if name not in clean["topics"]]
        if topics:
            admin.delete_topics(topics)
    for folder, names in clean["folders"].items():
        for name in hdfs.names(folder):
            if name not in names:
                hdfs.delete(f"{folder.rstrip('/')}/{name}")


def _admin(kafka: object, settings: Settings):
    from eventlab.stack.probes import kafka_client

    return kafka.KafkaAdminClient(**kafka_client(settings))  # type: ignore[attr-defined]
