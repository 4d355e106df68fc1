"""Which trials a submission gets, without services: one for all jobs, another one for a job that changes later."""

from __future__ import annotations

import contextlib
import time
from types import SimpleNamespace
from typing import Any

import pytest

from eventlab.clients.hdfs import HdfsError
from eventlab.grading import trials as module
from eventlab.grading.environment import health
from eventlab.grading.environment import trial_machine as module_of_machine
from eventlab.grading.environment.services import WorkerStackError
from eventlab.grading.environment.trial_machine import JobProcess, TrialMachine
from eventlab.grading.environment.worker_stack import WorkerStack
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.execution.run import TimeBudget
from eventlab.grading.trials import Trials
from eventlab.labs.catalogue import find
from eventlab.labs.checks import Verdict
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace
from eventlab.labs.trial import Record

LAB, SEED = find("lab05"), 5
LETTERS, PURCHASES, MINUTES = LAB.jobs.values()


class Graded:
    """A submission on a stack that only notes what it is asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.held: list[list[str]] = []
        self.sent: list[Any] = []
        self.seeds: list[int] = []
        self.error: Exception | None = None
        self.seconds = 0.0
        self.late: list[str] = []
        self.disturbed: set[str] = set()
        self.budget = TimeBudget(600, clock=time.monotonic)
        monkeypatch.setattr(module.run_trial, "run", self.run)
        monkeypatch.setattr(module, "verdicts_with_retry", self.judged)
        self.machine = SimpleNamespace(spark_has_ended=False)
        self.stack = SimpleNamespace(machine=lambda files: self.machine, require_running=self.look, exceeded="")
        self.kernel = SimpleNamespace(process=SimpleNamespace(suspended=contextlib.nullcontext))
        self.trials = Trials(LAB, self.stack, None)  # type: ignore[arg-type]
        self.namespace = Namespace.random(LAB.name)

    def look(self, *, in_trial: bool) -> None:
        assert in_trial

    def run(self, trial: Any, namespace: Any, machine: Any, files: Any) -> Record:
        if self.error:
            raise self.error
        time.sleep(self.seconds)
        self.held.append(sorted(trial.jobs))
        self.sent.append(trial.portions)
        missing = [question for question, file in trial.jobs.items() if file not in files]
        return Record(missing=missing, late=self.late)

    def judged(self, judge: Any, stack: Any, evidence: Evidence, question: str, budget: Any) -> list[Verdict]:
        self.seeds.append(evidence.seed)
        is_lost = "error" in evidence.trial or self.machine.spark_has_ended
        lost = [question] if is_lost else evidence.trial["missing"] + evidence.trial["late"]
        return [Verdict(question not in lost, "", evidence.trial.get("error", ""))]

    def verdict(self, question: str, *files: str, text: str = "", seed: int = SEED) -> Verdict:
        content = {file: text.encode() for file in files}
        evidence = Evidence(self.namespace, seed, files=content)
        return self.trials.verdicts(question, evidence, self.kernel, self.budget, self.disturbed)[0]  # type: ignore[arg-type]


@pytest.fixture
def graded(monkeypatch: pytest.MonkeyPatch) -> Graded:
    return Graded(monkeypatch)


def test_all_jobs_that_are_there_have_one_trial(graded: Graded) -> None:
    assert all(graded.verdict(question, *LAB.jobs.values()).passed for question in LAB.jobs)
    assert graded.held == [["q1", "q2", "q3"]]


def test_a_job_that_is_written_after_the_first_check_has_a_trial_without_the_jobs_judged_before(
    graded: Graded,
) -> None:
    assert graded.verdict("q1", LETTERS).passed
    assert graded.verdict("q2", LETTERS, PURCHASES).passed
    assert graded.held == [["q1", "q2", "q3"], ["q2", "q3"]]


def test_a_further_run_with_the_same_files_has_no_trial(graded: Graded) -> None:
    for _ in range(2):
        assert graded.verdict("q1", LETTERS, PURCHASES).passed
        assert graded.verdict("q2", LETTERS, PURCHASES).passed
        graded.namespace = Namespace.random(LAB.name)
    assert len(graded.held) == 1


def test_the_first_trial_takes_no_time_of_the_submission_and_further_ones_do(graded: Graded) -> None:
    graded.seconds = 0.2
    graded.verdict("q1", LETTERS)
    assert graded.budget.used == 0

    for text in "ab":  # a notebook whose files change has a trial for each check of each run
        graded.verdict("q1", LETTERS, text=text)
    assert len(graded.held) == 3
    assert graded.budget.used >= 0.4


def test_each_submission_has_a_first_trial(graded: Graded) -> None:
    graded.seconds = 0.2
    for seed in (5, 6):
        graded.verdict("q1", LETTERS, seed=seed)
    assert (len(graded.held), graded.budget.used) == (2, 0)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("reason", ["a limit", "the end of Spark", "a busy Spark"])
def test_a_job_whose_trial_another_job_has_disturbed_is_tried_again_without_it(
    graded: Graded, reason: str, together: bool
) -> None:
    graded.error = HdfsError("no space") if reason == "a limit" else None
    graded.stack.exceeded = "too much was stored" if reason == "a limit" else ""
    graded.machine.spark_has_ended = reason == "the end of Spark"
    graded.late = ["q1"] if reason == "a busy Spark" else []
    assert not graded.verdict("q1", LETTERS, *([PURCHASES] if together else [])).passed
    assert graded.disturbed == ({"q1"} if together else set())

    graded.error, graded.stack.exceeded, graded.machine.spark_has_ended, graded.late = None, "", False, []
    graded.namespace = Namespace.random(LAB.name)
    assert graded.verdict("q1", LETTERS).passed == together, "a job that was alone has disturbed its own trial"


def test_a_job_that_was_in_time_next_to_one_that_was_too_late_has_no_further_trial(graded: Graded) -> None:
    graded.late = ["q2"]
    for _ in range(2):
        assert graded.verdict("q1", LETTERS, PURCHASES).passed
        graded.namespace = Namespace.random(LAB.name)
    assert (len(graded.held), graded.disturbed) == (1, set())


def test_a_limit_that_is_exceeded_at_the_end_of_a_trial_is_no_fault_of_the_machine(graded: Graded) -> None:
    class Machine:
        @property
        def spark_has_ended(self) -> bool:
            if graded.stack.exceeded:
                raise WorkerStackError("the sandbox of spark has ended")
            return False

    def exceed(*, in_trial: bool) -> None:
        graded.stack.exceeded = "too much was stored" if graded.held else ""

    graded.machine, graded.stack.require_running = Machine(), exceed  # type: ignore[assignment]
    assert graded.verdict("q1", LETTERS, PURCHASES).got == "the trial was ended: too much was stored"


@pytest.mark.parametrize("was_running", [True, False])
def test_a_spark_that_has_ended_by_itself_is_noticed_although_the_trial_starts_it_again(was_running: bool) -> None:
    data: Any = SimpleNamespace()
    spark: Any = SimpleNamespace(
        kill_service=lambda name: was_running, start_service=lambda name: None, ended=dict
    )
    machine = TrialMachine(data, spark, data, data, data, lambda: None, list, {})
    machine.kill("spark")
    machine.up("spark")
    assert machine.spark_has_ended == (not was_running)


@pytest.mark.parametrize(
    ("found", "is_started_again"),
    [
        (["a streaming query", "a Python function"], False),
        (["a streaming query", "a class of its own, mine.Main"], True),
        (["a streaming query", "java_method"], True),
    ],
)
def test_sparks_jvm_ends_with_a_job_whose_own_code_ran_in_it(
    monkeypatch: pytest.MonkeyPatch, found: list[str], is_started_again: bool
) -> None:
    monkeypatch.setattr(module_of_machine.cleanup, "end_sessions", lambda settings, kept: 0)
    orders: list[str] = []

    def kill(service: str) -> bool:
        orders.append("kill Spark")
        return True

    spark: Any = SimpleNamespace(
        kill_others=lambda: orders.append("kill others"),
        kill_service=kill,
        start_service=lambda name: orders.append("start Spark"),
    )
    some: Any = SimpleNamespace(settings=None)
    machine = TrialMachine(some, spark, some, some, some, lambda: None, lambda: found, {})

    machine.kill_jobs()
    assert orders == ["kill others", *(["kill Spark", "start Spark"] if is_started_again else [])]

    orders.clear()
    machine.kill("spark")
    machine.kill_jobs()
    machine.up("spark")
    assert orders == ["kill Spark", "kill others", "start Spark"]


def test_the_messages_of_the_trial_are_not_those_that_the_notebook_can_read(graded: Graded) -> None:
    graded.verdict("q1", LETTERS)

    tried = {message for portion in graded.sent[0] for message in portion}
    assert graded.sent[0] == LAB.module.portions(graded.seeds[0]), "or the checks compare with other messages"
    assert len(tried & {*LAB.module.messages(SEED)}) < 3, "only those that are not an object can be the same"


def test_a_trial_that_fills_the_disk_is_the_submissions_fault_whichever_service_reports_it(graded: Graded) -> None:
    graded.error = HdfsError("no space")
    graded.stack.exceeded = "more than 1024 MiB were stored"
    assert graded.verdict("q1", LETTERS).got == "the trial was ended: more than 1024 MiB were stored"

    graded.stack.exceeded = ""
    with pytest.raises(HdfsError):
        graded.verdict("q1", LETTERS, text="another one")


def test_in_a_trial_a_spark_that_ends_by_itself_is_no_fault_of_its_streaming_queries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "require_free_disk", lambda folder: None)
    monkeypatch.setattr(health, "require_data_services", lambda *state: None)
    stack = WorkerStack.__new__(WorkerStack)
    stack.config = SimpleNamespace(run=None, settings=None)  # type: ignore[assignment]
    stack._watches, stack._clean_state, stack._data = (), {"nodes": []}, SimpleNamespace()  # type: ignore[assignment]
    stack._classes = SimpleNamespace(found=lambda: ["a streaming query"])  # type: ignore[assignment]
    stack._spark = SimpleNamespace(ended=lambda: {"spark": "signal 6"})  # type: ignore[assignment]

    stack.require_running()
    with pytest.raises(WorkerStackError, match="spark has ended"):
        stack.require_running(in_trial=True)


@pytest.mark.parametrize(
    ("ended", "error", "has_succeeded"),
    [
        ("done", "", True),
        ("raised", "SystemExit: 0", True),
        ("raised", "SystemExit", True),
        ("raised", "SystemExit: 1", False),
        ("raised", "SystemExit: 0 rows", False),
        ("died", "exit 0", True),  # os._exit(0)
        ("died", "signal 9", False),
    ],
)
def test_a_job_has_succeeded_in_grading_when_its_process_would_have_ended_with_the_exit_code_0(
    ended: Any, error: str, has_succeeded: bool
) -> None:
    job = JobProcess.__new__(JobProcess)
    job.result = CellResult(ended, error=error)
    assert job.has_succeeded() == has_succeeded
