"""In grading a submission waits longer for services than a learner, and does not pay for a second judging."""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from eventlab.grading.environment import sandbox
from eventlab.grading.execution import notebook
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.execution.run import NotebookExecutor, Run, TimeBudget
from eventlab.grading.judge import CHECK_TIMEOUT_S, TOO_SLOW, verdicts_with_retry
from eventlab.grading.worker_process import worker_environment
from eventlab.labs import serve
from eventlab.labs.catalogue import find
from eventlab.labs.checks import Verdict
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace
from eventlab.settings import settings
from tests.grading import tiny_lab
from tests.helpers import Stopwatch

PROJECT = find("lab04").module
WAITS = """
import json
from kafka import KafkaConsumer
from eventlab.clients import kafka, kafka_connections
from eventlab.commands import tools
from eventlab.settings import settings
of_kafka_python = KafkaConsumer.DEFAULT_CONFIG["request_timeout_ms"]
kafka_connections.shorten_default_timeouts()
command = tools.kafka_tool(settings, "kafka-topics", ["--list"]).command
print(json.dumps({
    "a request": kafka_connections.TIMEOUT_S,
    "a reader": kafka.READ_TIMEOUT_S,
    "clients of a notebook": KafkaConsumer.DEFAULT_CONFIG["request_timeout_ms"] < of_kafka_python,
    "commands of Kafka": str(tools.CLIENT_PROPERTIES) in command,
    "programs of Spark": tools.variables_with_timeouts({}) != {},
}))
"""


def waits(variables: Mapping[str, str]) -> dict[str, object]:
    """Return the waits of the kit in a process with these variables; for commands, whether they are short."""
    done = subprocess.run([sys.executable, "-c", WAITS], env=dict(variables), capture_output=True, check=True)
    return json.loads(done.stdout)


@functools.cache
def waits_of_a_learner() -> dict[str, object]:
    return waits({name: value for name, value in os.environ.items() if name != "EVENTLAB_WAITS"})


@pytest.mark.programs
@pytest.mark.parametrize("process", ["kernel", "worker and judge"])
def test_in_grading_the_kit_waits_longer_and_commands_as_long_as_without_it(tmp_path: Path, process: str) -> None:
    worker = worker_environment(tmp_path, contained=True)
    variables = sandbox.variables(settings) if process == "kernel" else worker
    learner = waits_of_a_learner()
    graded = waits(variables)

    waits_of_the_kit = {"a request": 15, "a reader": 20}
    are_short = dict.fromkeys(("clients of a notebook", "commands of Kafka", "programs of Spark"), False)
    assert graded == waits_of_the_kit | are_short
    assert learner["a request"] < 5  # type: ignore[operator]
    assert learner["clients of a notebook"]
    assert learner["commands of Kafka"]
    assert 3 * graded["a request"] < CHECK_TIMEOUT_S  # type: ignore[operator]


class Steps:
    """A clock that goes on by steps only, a slow judge and kernel, and services that are slow to look at."""

    answers: Mapping[str, object] = {}

    def __init__(self, *rounds: tuple[int, Verdict]) -> None:
        self.now, self.rounds = 0, list(rounds)

    def verdicts(self, evidence: Evidence, question: str) -> list[Verdict]:
        seconds, verdict = self.rounds.pop(0)
        self.now += seconds
        return [verdict]

    def require_running(self) -> None:
        self.now += 3

    def execute(self, source: str, timeout_s: float) -> CellResult:
        """Take two seconds for a cell."""
        self.now += min(2, int(timeout_s))
        return CellResult("done" if timeout_s > 2 else "timed_out")


def test_only_the_first_judging_counts_as_time_of_the_submission() -> None:
    slow, passed = Verdict(False, "", TOO_SLOW, unavailable=True), Verdict(True, "1", "1")
    steps = Steps((1, slow), (5, passed))
    budget = TimeBudget(600, clock=lambda: steps.now)
    assert verdicts_with_retry(steps, steps, Evidence(Namespace.of("lab"), 1), "q1", budget) == [passed]
    assert not steps.rounds
    assert budget.used == 1


def test_the_time_of_a_submission_is_limited_over_all_its_cells_and_runs() -> None:
    matched, steps = notebook.instructor_steps(tiny_lab.notebook()), Steps()
    budget = TimeBudget(7, clock=lambda: steps.now)
    runs = [Run(), Run()]
    for run in runs:
        NotebookExecutor(
            matched,
            matched.check_steps(["q1", "q2", "q3", "q4"]),
            steps,  # type: ignore[arg-type]
            {},
            60,
            budget,
            judge=lambda question: None,
            put_result=lambda question: None,
            run=run,
        ).execute()
    assert [run.out_of_time for run in runs] == [True, True]
    assert steps.now == budget.limit


def test_an_api_that_never_answers_is_waited_for_once_and_then_a_short_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serve, "CALL_TIMEOUT_S", 1.0)
    monkeypatch.setattr(PROJECT, "SHORT_TIMEOUT_S", 0.1)
    monkeypatch.setattr(PROJECT, "count_messages", lambda topic: 0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        accepting = threading.Thread(target=accept, args=(silent, len(PROJECT.CALLS)))
        accepting.start()
        taken, begin = Stopwatch(), time.monotonic()
        found = PROJECT._each_response(f"http://127.0.0.1:{silent.getsockname()[1]}/copy", "trial")
        seconds, all_seconds = taken.seconds, time.monotonic() - begin
        accepting.join()
    assert [status for _, status, _ in found] == [None] * len(PROJECT.CALLS)
    assert all_seconds >= 1
    assert seconds < len(PROJECT.CALLS) - 2


def accept(server: socket.socket, calls: int) -> None:
    """Accept connections, and close them when all calls have been made."""
    for connection in [server.accept()[0] for _ in range(calls)]:
        connection.close()
