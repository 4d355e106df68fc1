"""What `test_worker_stack.py` looks at: one stack, submissions that leave something on it, all labs, and a trial.

Run in a worker's network (`sandbox.of_worker`); a line of JSON at its end says what was found.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import psutil

from eventlab.errors import EventlabError
from eventlab.grading.environment import cleanup, sandbox
from eventlab.grading.environment.services import WorkerConfiguration, WorkerStackError
from eventlab.grading.environment.worker_stack import WorkerStack
from eventlab.grading.jobs import Job, Limits
from eventlab.grading.judge import Judge
from eventlab.grading.worker import Worker
from eventlab.labs.catalogue import Lab, all_labs
from eventlab.settings import settings
from eventlab.stack import config, jvm
from tests.grading import on_trial
from tests.grading.corpus import entries
from tests.helpers import Stopwatch, suspend

DATANODE = "org.apache.hadoop.hdfs.server.datanode.DataNode"
LEAVES_SESSIONS = """
import os, threading
from kafka import KafkaConsumer, KafkaProducer
from pyspark.sql import SparkSession
other = SparkSession.builder.remote(os.environ["SPARK_REMOTE"] + "/;user_id=eve").create()
other.range(3).count()
threading.Thread(target=lambda: other.range(10**13).selectExpr("sum(id * id % 7)").collect(), daemon=True).start()
servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
KafkaProducer(bootstrap_servers=servers).send("left", b"x").get(timeout=20)
member = KafkaConsumer("left", bootstrap_servers=servers, group_id="left", auto_offset_reset="earliest")
print(len(member.poll(timeout_ms=10_000)))
"""
PLANTS = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.sql("select java_method('java.lang.System', 'setProperty', 'planted', 'here')").collect()
stream = spark.readStream.format("rate").load().selectExpr("cast(value as string) as value").writeStream
options = {"kafka.bootstrap.servers": __import__("os").environ["KAFKA_BOOTSTRAP_SERVERS"], "topic": "left"}
stream.format("kafka").options(**options).option("checkpointLocation", "/tmp/left").start()
__import__("time").sleep(2)
"""
LOOKS = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print(spark.sql("select java_method('java.lang.System', 'getProperty', 'planted') as p").first().p)
"""
CHANGES_SETTINGS = """
import os
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
admin = KafkaAdminClient(bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"])
print(admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, "1", configs={"message.max.bytes": "100"})]))
"""
CHANGES_PERMISSIONS = """
import httpx
from eventlab.settings import settings
from eventlab.stack import config, jvm
for operation in ({"op": "SETQUOTA", "namespacequota": 2}, {"op": "SETPERMISSION", "permission": "700"}):
    params = operation | {"user.name": "student"}
    print(httpx.put(settings.webhdfs_url + "/webhdfs/v1/tmp", params=params, trust_env=False).status_code)
"""
LIES = """
from eventlab.labs import checks, serve
lab.check = lambda *args, **options: print("all checks pass")
checks.same = lambda *values: True
serve.call = lambda *args, **options: None
"""


class Steps:
    """Runs one submission's code after the other, and notes what is there after each."""

    def __init__(self, stack: WorkerStack) -> None:
        self.stack = stack
        self.clean = cleanup.read_state(stack.access)
        self.sessions = cleanup.sessions(settings)

    def after(self, *sources: str) -> dict[str, object]:
        kernel = self.stack.kernel()
        shown = []
        for source in sources:
            result = kernel.execute(source, 60)
            shown.append(result.error or "".join(output.get("text", "") for output in result.outputs).strip())
        left = cleanup.read_state(self.stack.access)
        before = {
            "sessions": len(cleanup.sessions(settings).open),
            "is_clean": left == self.clean,
            "settings_changed": left["settings"]["broker"] != self.clean["settings"]["broker"],
        }
        kernel.forget()
        noted = len(self.restarts())
        self.stack.clean()
        now = cleanup.sessions(settings)
        found = {
            "shown": shown,
            "before": before,
            "restarts": self.restarts()[noted:],
            "is_clean": cleanup.read_state(self.stack.access) == self.clean,
            "running": now.running,
        }
        print(found, file=sys.stderr, flush=True)
        return found

    def restarts(self) -> list[str]:
        log = self.stack.config.run / "restarts.log"
        return log.read_text().splitlines() if log.exists() else []


def lying_notebook(lab: Lab, path: Path) -> Path:
    """Write a notebook of the project whose API answers 400 in place of 404, and which says that all is right."""
    (entry,) = [entry for entry in entries([lab.name[:5]]) if entry.name == "q1_status_400"]
    notebook = entry.notebook(lab)
    setup = next(n for n, cell in enumerate(notebook.cells) if "open_lab(" in cell.source)
    notebook.cells.insert(setup + 1, nbformat.v4.new_code_cell(LIES))
    nbformat.write(notebook, path)
    return path


def grade_labs(stack: WorkerStack) -> dict[str, object]:
    """Lab → status and points of the instructor's notebook, and for two labs of an untouched one.

    One of these is the project, which has yesterday's tables in the place of results. A further notebook of the
    project has an API with a mistake, and public checks that always pass. Of the first lab, test_readme finds the
    same with `eventlab grade`; `eventlab labs verify` does it for all.
    """
    found: dict[str, object] = {}
    for lab in (lab for lab in all_labs()[1:] if not lab.jobs):  # on_trial grades those with a trial
        judge = Judge(lab)
        worker = Worker(lab, stack, judge, Limits(), "")
        paths = [lab.instructor]
        if lab.name in ("lab02_extract", "lab04_project"):
            paths.append(lab.student)
        if lab.name == "lab04_project":
            paths.append(lying_notebook(lab, stack.config.run / "lying.ipynb"))
        for path in paths:
            record = worker.grade(Job(f"{lab.name} {path.stem}", str(path), None, "", "", 7)).record
            assert record
            print(record, file=sys.stderr, flush=True)
            found[record.student] = [record.status, record.points, record.max_points]
        judge.close()
    return found


def fault_in_safe_mode(stack: WorkerStack) -> str:
    """Put the NameNode into safe mode, and return what the worker then says about its services."""
    tool = ("org.apache.hadoop.hdfs.tools.DFSAdmin", "-safemode", "enter")
    command = jvm.java_command("hdfs", "namenode", *tool, folders=[config.conf_dir(settings, "hdfs")])
    stack.require_running()
    superuser = os.environ | {"HADOOP_USER_NAME": stack.access.superuser}
    subprocess.run(command, env=superuser, check=True, stdout=sys.stderr)
    try:
        stack.require_running()
    except WorkerStackError as error:
        return error.message
    return ""


def fault_of_a_hanging_datanode(stack: WorkerStack) -> dict[str, Any]:
    """Suspend the DataNode; return what the worker then says about its services, and after how many seconds."""
    (datanode,) = (p for p in psutil.Process().children(recursive=True) if DATANODE in p.cmdline())
    taken = Stopwatch()
    suspend(datanode)
    try:
        stack.require_running()
    except EventlabError as error:
        return {"error": error.message, "seconds": taken.seconds}
    finally:
        datanode.resume()
    return {"error": "", "seconds": 0}


class Warnings(logging.Handler):
    """Keeps the messages of the worker's warnings, such as that the warm-up failed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def main(run: str) -> None:
    warnings = Warnings()
    logging.getLogger("eventlab").addHandler(warnings)
    stack = WorkerStack(WorkerConfiguration(1300, Path(run), settings, sandbox.ProcessLimits(), contained=True))
    try:
        stack.open()
        steps = Steps(stack)
        report: dict[str, object] = {
            "sessions and settings": steps.after(LEAVES_SESSIONS, CHANGES_SETTINGS),
            "planted": steps.after(PLANTS, LOOKS),
            "looked and permissions": steps.after(LOOKS, CHANGES_PERMISSIONS),
        }
        report["labs"] = grade_labs(stack)
        stack.clean()
        report["restarts"] = steps.restarts()
        report["warnings"] = [*warnings.messages]
        report["trial"] = on_trial.look(stack)
        report["hanging DataNode"] = fault_of_a_hanging_datanode(stack)
        report["safe mode"] = fault_in_safe_mode(stack)
    finally:
        stack.close()
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1])
