"""A service that is silent while a question is judged gives no verdict; a check that passed once has passed."""

from __future__ import annotations

import time

import pytest

from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.grading import fair_time
from eventlab.grading.environment.health import require_free_disk, spark_fault
from eventlab.grading.environment.services import WorkerStackError
from eventlab.grading.execution.run import TimeBudget
from eventlab.grading.judge import TOO_SLOW, EvidenceUnavailable, verdicts_with_retry
from eventlab.labs.checks import Verdict, check
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace

EVIDENCE = Evidence(Namespace.of("lab"), 1)
PASSED, FAILED = Verdict(True, "1", "1"), Verdict(False, "1", "2")
SILENT = Verdict(False, "", "Kafka does not answer", unavailable=True)
SLOW = Verdict(False, "", TOO_SLOW, unavailable=True)


class Judge:
    """Answers each request with the next verdicts."""

    def __init__(self, *rounds: list[Verdict]) -> None:
        self.rounds = list(rounds)

    def verdicts(self, evidence: Evidence, question: str) -> list[Verdict]:
        return self.rounds.pop(0)


class Stack:
    """Counts how often it is looked at; a fault is found then."""

    def __init__(self, fault: EventlabError | None = None) -> None:
        self.fault, self.looks = fault, 0

    def require_running(self) -> None:
        self.looks += 1
        if self.fault:
            raise self.fault


def judged(*rounds: list[Verdict], stack: Stack | None = None) -> list[Verdict]:
    return verdicts_with_retry(Judge(*rounds), stack or Stack(), EVIDENCE, "q1", TimeBudget(600))


def test_a_service_that_is_silent_twice_gives_no_verdict() -> None:
    with pytest.raises(EvidenceUnavailable, match="Kafka does not answer"):
        judged([PASSED, SILENT], [PASSED, SILENT])


def test_a_service_that_is_silent_once_costs_nothing() -> None:
    assert judged([PASSED, SILENT], [PASSED, PASSED]) == [PASSED, PASSED]


def test_the_second_judging_takes_no_check_away() -> None:
    assert judged([PASSED, SLOW], [FAILED, PASSED]) == [PASSED, PASSED]
    assert judged([PASSED, SILENT], [SILENT, PASSED]) == [PASSED, PASSED]


def test_a_check_that_is_too_slow_twice_has_failed() -> None:
    assert judged([PASSED, SLOW], [PASSED, SLOW]) == [PASSED, SLOW]


def test_after_each_judging_with_a_failure_the_services_must_run() -> None:
    stack = Stack()
    judged([PASSED, SLOW], [PASSED, FAILED], stack=stack)
    assert stack.looks == 2
    with pytest.raises(WorkerStackError):
        judged([FAILED], stack=Stack(WorkerStackError("kafka has ended (signal 9)")))


@pytest.mark.parametrize(("speed", "is_fault"), [(0.3, True), (0.8, False)])
def test_a_check_that_failed_after_others_have_delayed_it_gives_no_verdict(
    monkeypatch: pytest.MonkeyPatch, speed: float, is_fault: bool
) -> None:
    """For example, an API has not answered in time."""
    monkeypatch.setattr(fair_time, "LONG_S", 0.1)
    monkeypatch.setattr(fair_time, "now", lambda: time.monotonic() * speed)
    monkeypatch.setattr(Stack, "require_running", lambda self: time.sleep(0.2))
    assert judged([PASSED, PASSED]) == [PASSED, PASSED]
    if is_fault:
        with pytest.raises(EvidenceUnavailable, match="kept the processors from the checks of q1"):
            judged([PASSED, FAILED])
    else:
        assert judged([PASSED, FAILED]) == [PASSED, FAILED]


def test_a_check_that_asks_kafka_itself_says_that_it_did_not_answer() -> None:
    @check("q1", points=1, hint="")
    def asks(evidence: Evidence) -> Verdict:
        raise ServiceUnavailable("Kafka does not answer")

    assert asks.run(EVIDENCE).unavailable


@pytest.mark.parametrize(
    ("how", "is_fault"),
    [
        ("signal 9", True),
        ("signal 6", True),
        ("exit code 1", True),
        ("unknown", True),
        ("exit code 0", False),
        ("exit code 52", False),
    ],
)
def test_spark_ended_by_a_signal_is_a_fault_of_the_machine_and_by_an_exit_is_not(how: str, is_fault: bool) -> None:
    assert bool(spark_fault({"spark": how})) == is_fault
    assert spark_fault({}) == ""


def test_a_full_disk_is_the_machines_fault(tmp_path) -> None:
    require_free_disk(tmp_path, least=1)
    with pytest.raises(WorkerStackError, match="is full"):
        require_free_disk(tmp_path, least=2**60)
