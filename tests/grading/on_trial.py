"""A part of what `test_worker_stack.py` looks at: a trial in which one job is right and two are wrong."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import asdict

import psutil

from eventlab.grading.environment import cleanup
from eventlab.grading.environment.worker_stack import WorkerStack
from eventlab.grading.execution.run import TimeBudget
from eventlab.grading.judge import Judge
from eventlab.grading.trials import Trials
from eventlab.labs import cells
from eventlab.labs.catalogue import Lab, find
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace
from eventlab.labs.proof import mutate
from tests.helpers import wait_until

SEED = 9
"""In the trial of this seed, HDFS refuses a commit first; the messages and failures come from `seed_of_trial`."""
WRONG = {"q2": "append without a key", "q3": "watermark too short"}
ONE_PARTITION = (b"builder.", b'builder.config("spark.sql.shuffle.partitions", "1").')
"""Without it, a third of the trial's time goes into the files of the state of four partitions."""
TICKS = """
import threading, time
def tick():
    while True:
        with open("ticks.txt", "a") as file:
            file.write(f"{time.time()}\\n")
        time.sleep(0.1)
threading.Thread(target=tick, daemon=True).start()
"""
LEAVES = """
from pyspark.sql import SparkSession
script = "cat > /dev/null; setsid sleep SECONDS < /dev/null > /dev/null 2>&1 &"
spark = SparkSession.builder.getOrCreate()
spark.sql(f"select transform(id) using '{script}' as (a string) from range(1)").collect()
"""
"""A job that starts a process in Spark's sandbox and ends."""


def jobs(lab: Lab) -> dict[str, bytes]:
    """Return the files of the instructor's notebook, in which two questions have a mistake."""
    notebook = cells.read(lab.instructor)
    for mutant in lab.mutants:
        if WRONG.get(mutant.question) == mutant.name:
            notebook = mutate(notebook, mutant)
    sources = [cell.source.partition("\n") for cell in notebook.cells if cells.is_solution(cell)]
    return {first.split()[1]: rest.encode().replace(*ONE_PARTITION) for first, _, rest in sources}


def left_in_spark(stack: WorkerStack) -> list[int]:
    """Return how many processes a job has in Spark's sandbox before and after its trial."""
    seconds = f"600.{os.getpid()}"
    machine = stack.machine({"job.py": LEAVES.replace("SECONDS", seconds).encode()})
    machine.start("q1", "job.py", "", "")
    wait_until(lambda: machine.ended("q1") is not None, 60)

    def running() -> int:
        return sum(one.info["cmdline"] == ["sleep", seconds] for one in psutil.process_iter(["cmdline"]))

    before = running()
    machine.close()
    with contextlib.suppress(AssertionError):  # the test looks at the result
        wait_until(lambda: not running())
    return [before, running()]


def look(stack: WorkerStack) -> dict[str, object]:
    """Hold the trial on an open stack that is clean, and return what was found; the stack is clean again."""
    lab = find("lab05")
    judge = Judge(lab)
    restarts = stack.config.run / "restarts.log"
    before = len(restarts.read_text().splitlines())
    try:
        clean = cleanup.read_state(stack.access)
        kernel = stack.kernel()
        kernel.write(jobs(lab))
        kernel.execute(TICKS, 20)
        evidence = Evidence(Namespace.random(lab.name), SEED, files=kernel.files())
        trials, budget, began = Trials(lab, stack, judge), TimeBudget(600), time.monotonic()
        verdicts = {
            question: trials.verdicts(question, evidence, kernel, budget, set()) for question in lab.questions
        }
        report: dict[str, object] = {
            "verdicts": {
                question: {c.name: asdict(v) for c, v in zip(lab.checks_of(question), found, strict=True)}
                for question, found in verdicts.items()
            },
            "seconds": time.monotonic() - began,
            "budget": budget.used,
            "ticks": [float(line) for line in kernel.files()["ticks.txt"].split()],
        }
        stack.require_running()
        report["left in Spark"] = left_in_spark(stack)  # at the end: the trial needs no other Spark for it
        kernel.forget()
        stack.clean()
        report["is_clean"] = cleanup.read_state(stack.access) == clean
        report["restarts"] = restarts.read_text().splitlines()[before:]
    finally:
        judge.close()
    return report
