"""Carrying out a trial, without services: which messages a job gets, and which job was too late."""

import json
from types import SimpleNamespace

import pytest

from eventlab.labs import run_trial
from eventlab.labs.names import Namespace
from eventlab.labs.trial import Failure, Trial, dead_letters_of

JOBS = {"q1": "letters.py", "q2": "purchases.py"}


class Clock:
    """The time of a trial, which passes while the trial waits and with each look, however busy the machine is."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        self.now += 0.001
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Machine:
    """Starts jobs that never commit anything."""

    portion_timeout_s = 0.0
    speed = 1.0

    def now(self):
        return run_trial.time.monotonic() * self.speed

    def __init__(self, begun=(), errors=None, exit_code=None):
        """Start jobs.

        Args:
            begun: The questions whose jobs begin a batch.
            errors: By question, the error with which its job ends at once.
            exit_code: The exit code with which each job ends at once; None if they run for ever.
        """
        self.topics, self.begun, self.errors, self.exit_code = {}, begun, errors or {}, exit_code

    def start(self, question, file, topic, folder):
        self.topics[question] = topic

    def ended(self, question):
        return self.errors.get(question, None if self.exit_code is None else "")

    def has_succeeded(self, question):
        return self.exit_code == 0

    def require_running(self):
        pass

    def hdfs(self):
        """What Spark writes: `offsets/0` before a batch, and `commits/0` after it."""

        def ls(path, detail):
            if any(path.endswith(f"/{question}/checkpoint/offsets") for question in self.begun):
                return [{"pathSuffix": "0"}]
            raise FileNotFoundError(path)

        def head(path, size):
            return "v1\n{}\n" + json.dumps({topic: {"0": 2} for topic in self.topics.values()})

        return SimpleNamespace(ls=ls, head=head, _call=lambda *words, **more: None)

    def kill_jobs(self):
        pass

    def close(self):
        pass


def run(machine, portions, failures):
    """Return the record of a trial."""
    trial = Trial(JOBS, portions, failures)
    return run_trial.run(trial, Namespace.of("lab05-x"), machine, JOBS.values())


@pytest.fixture(autouse=True)
def kafka(monkeypatch):
    """Let a Kafka without a broker accept all topics and messages, and let jobs start without a pause."""
    monkeypatch.setattr(run_trial, "time", Clock())
    monkeypatch.setattr(run_trial.inputs, "create_topic", lambda topic: None)
    monkeypatch.setattr(run_trial.inputs, "append", lambda topics, messages: None)
    monkeypatch.setattr(run_trial, "PAUSE_S", 0)


def test_a_job_is_late_if_it_had_begun_a_batch_and_not_if_it_has_no_checkpoint():
    """Another job can keep Spark busy, and then this one is tried again."""
    record = run(Machine(begun=["q2"]), [[b"a", b"b"]], [None])

    assert record.stalled == {"q1": 0, "q2": 0}
    assert (record.late, record.given_up) == (["q2"], [])


def test_a_job_that_goes_on_after_its_commit_was_refused_is_not_late():
    """It swallowed the exception; with another trial it would only use up the time limit."""
    record = run(Machine(begun=["q1"]), [[b"a", b"b"]], [Failure("commit")])

    assert record.stalled == {"q1": 0, "q2": 0}
    assert record.late == []


def test_each_job_has_all_messages_in_a_topic_of_its_own(monkeypatch):
    """Otherwise what one job sends to it by mistake is read by the others, which do not in the student's trial."""
    sent: dict[str, list[bytes | None]] = {}
    machine = Machine()

    def append(topics, messages):
        for one in messages:
            for topic in topics:
                sent[topic].append(one.value)

    monkeypatch.setattr(run_trial.inputs, "create_topic", lambda topic: sent.setdefault(topic, []))
    monkeypatch.setattr(run_trial.inputs, "append", append)

    run(machine, [[b"a", b"b"]], [None])

    assert machine.topics.keys() == JOBS.keys()
    assert len({*machine.topics.values()}) == len(JOBS)
    assert all(sent[topic] == [b"a", b"b"] for topic in machine.topics.values())
    assert all(sent[dead_letters_of(topic)] == [] for topic in machine.topics.values())


@pytest.mark.parametrize("second", [{"q1": "of portion 2"}, {}])
def test_the_error_of_a_job_is_that_of_the_portion_that_it_did_not_commit(monkeypatch, second):
    """Otherwise the error of a later start, or of a portion that the job has survived, looks like the reason."""
    machine = Machine()
    monkeypatch.setattr(run_trial._RunningTrial, "has_committed", lambda self, q: q == "q1" and self.sent < 2)
    errors = iter([{"q1": "of portion 1"}, second, {"q1": "of portion 3", "q2": "of portion 3"}])
    monkeypatch.setattr(machine, "require_running", lambda: setattr(machine, "errors", next(errors)))

    record = run(machine, [[b"a"], [b"b"], [b"c"]], [None] * 3)

    assert record.stalled == {"q1": 1, "q2": 0}
    assert record.errors == second
    assert record.given_up == []


def test_a_job_that_ends_again_and_again_is_given_up_and_was_not_late(monkeypatch):
    machine = Machine(begun=["q1"], errors={"q1": "ValueError"})
    machine.portion_timeout_s = 60.0
    monkeypatch.setattr(run_trial._RunningTrial, "has_committed", lambda self, question: question == "q2")

    record = run(machine, [[b"a"]], [None])

    assert record.stalled == {"q1": 0}
    assert (record.given_up, record.late) == (["q1"], [])


@pytest.mark.parametrize(
    ("speed", "error", "is_fault"),
    [
        (0.1, "SparkException: Python worker failed to connect back.", True),
        (1.0, "SparkException: Python worker failed to connect back.", False),
        (0.1, "NameError: name 'spark' is not defined", False),
    ],
    ids=["delayed", "not delayed", "delayed, with an error of its own"],
)
def test_a_job_that_ended_while_the_machine_delayed_it_is_not_given_up(monkeypatch, speed, error, is_fault):
    machine = Machine(errors={"q1": error})
    machine.speed, machine.portion_timeout_s = speed, 60.0
    monkeypatch.setattr(run_trial._RunningTrial, "has_committed", lambda self, question: question == "q2")

    if is_fault:
        with pytest.raises(
            run_trial.BusyMachineError, match=f"from the job of q1, which ended again and again: {error}"
        ):
            run(machine, [[b"a"]], [None])
    else:
        assert run(machine, [[b"a"]], [None]).given_up == ["q1"]


def test_a_job_that_ends_without_an_error_is_given_up_also_on_a_busy_machine():
    machine = Machine(exit_code=0)
    machine.speed, machine.portion_timeout_s = 0.1, 60.0

    assert sorted(run(machine, [[b"a"]], [None]).given_up) == ["q1", "q2"]


def test_a_job_that_hangs_after_the_machine_has_delayed_it_once_is_too_slow_itself(monkeypatch):
    machine, starts = Machine(errors={"q1": "SparkException: Python worker failed to connect back."}), []
    machine.speed, machine.portion_timeout_s = 0.1, 60.0

    def start(question, *words):
        starts.append(question)
        if starts.count("q1") > 1:
            machine.errors = {}

    monkeypatch.setattr(machine, "start", start)
    monkeypatch.setattr(run_trial._RunningTrial, "has_committed", lambda self, question: question == "q2")

    assert run(machine, [[b"a"]], [None]).stalled == {"q1": 0}


def test_a_job_that_commits_after_the_machine_has_delayed_it_loses_nothing(monkeypatch):
    machine = Machine(errors={"q1": "SparkException: Python worker failed to connect back."})
    machine.speed, machine.portion_timeout_s, starts = 0.1, 60.0, []
    monkeypatch.setattr(machine, "start", lambda question, *words: starts.append(question))
    monkeypatch.setattr(
        run_trial._RunningTrial,
        "has_committed",
        lambda self, q: q == "q2" or starts.count("q1") > 2 * run_trial.MAX_ENDS,
    )

    record = run(machine, [[b"a"]], [None])

    assert (record.stalled, record.given_up) == ({}, [])


@pytest.mark.parametrize(
    ("end", "failure", "ended_early"),
    [
        (0, None, ["q1", "q2"]),
        (1, None, []),
        (None, None, []),
        (0, Failure("process"), []),  # a job may end without an error after a failure, and is started again
    ],
)
def test_a_job_that_ends_without_an_error_and_without_a_failure_is_recorded(end, failure, ended_early):
    record = run(Machine(exit_code=end), [[b"a"]], [failure])

    assert sorted(record.ended_early) == ended_early
