"""Carrying out a trial, without services: which messages a job gets."""

from types import SimpleNamespace

import pytest

from eventlab.labs import run_trial
from eventlab.labs.names import Namespace
from eventlab.labs.trial import Failure, Trial, dead_letters_of

JOBS = {"q1": "letters.py", "q2": "purchases.py"}


class Machine:
    """Starts jobs that never commit anything."""

    portion_timeout_s = 0.0

    def __init__(self, end=None):
        """Start jobs that end with an exit code at once, or run for ever."""
        self.end = end
        self.topics = {}

    def start(self, question, file, topic, folder):
        self.topics[question] = topic

    def ended(self, question):
        return None if self.end is None else ""

    def has_succeeded(self, question):
        return self.end == 0

    def require_running(self):
        pass

    def hdfs(self):
        def ls(path, detail):
            raise FileNotFoundError(path)

        return SimpleNamespace(ls=ls, _call=lambda *words, **more: None)

    def kill_jobs(self):
        pass

    def close(self):
        pass


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

    trial = Trial(JOBS, [[b"a", b"b"]], [None])
    run_trial.run(trial, Namespace.of("lab05-x"), machine, JOBS.values())  # type: ignore[arg-type]

    assert machine.topics.keys() == JOBS.keys()
    assert len({*machine.topics.values()}) == len(JOBS)
    assert all(sent[topic] == [b"a", b"b"] for topic in machine.topics.values())
    assert all(sent[dead_letters_of(topic)] == [] for topic in machine.topics.values())


@pytest.mark.parametrize(
    ("end", "failure", "left"),
    [
        (0, None, ["q1", "q2"]),
        (1, None, []),
        (None, None, []),
        (0, Failure("process"), []),  # a job may end without an error after a failure, and is started again
    ],
)
def test_a_job_that_ends_without_an_error_and_without_a_failure_is_recorded(monkeypatch, end, failure, left):
    monkeypatch.setattr(run_trial, "PAUSE_S", 0)
    monkeypatch.setattr(run_trial.inputs, "create_topic", lambda topic: None)
    monkeypatch.setattr(run_trial.inputs, "append", lambda topics, messages: None)
    trial = Trial(JOBS, [[b"a"]], [failure])

    record = run_trial.run(trial, Namespace.of("lab05-x"), Machine(end), JOBS.values())  # type: ignore[arg-type]

    assert sorted(record.left) == left
