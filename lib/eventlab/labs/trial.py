"""A trial: jobs of a lab read a topic while processes and services that they use are killed.

The parts of a trial:

- A *job* is a program of the student, `python FILE TOPIC FOLDER`. It keeps its checkpoint in FOLDER/checkpoint,
  and ends with an error when it cannot continue. It is started again whenever it has ended. One that ends
  without an error in a portion without a failure has not waited for its query; this is recorded.
- `run_trial.py` runs the trial: it sends the messages in portions to a topic of each job, makes one failure
  per portion, starts jobs again, and waits until each job has committed the portion. It reads this from the
  checkpoint on HDFS.
- A `Machine` starts and kills. In a student's notebook it is the student's own stack (`own_machine.py`), and the
  failures are real there, too. The grader's is `grading/environment/trial_machine.py`: each start of a job is a
  new sandbox, which nothing of the last one survives; services are killed and started in their own sandboxes; the
  notebook is suspended meanwhile, so no program of the student escapes the failures. A submission can neither
  kill services nor prevent a kill.

The failures, each once, in an order and at moments that depend on the seed:

- `process`: the job's process is killed. A query of Spark Connect runs in the server and would continue, so its
  session is ended, too. The grader also kills the processes that it has started there, for example a script.
- `spark`: the Spark server is killed as soon as the first half of the portion is committed, and with it the job's
  process. The second half arrives while no server runs. What was committed but not written is lost.
- `kafka`: the broker is killed and started again.
- `commit`: HDFS refuses the job's next commit, as when a quota is reached. So the query fails exactly between its
  sink and its checkpoint, a moment at which a kill would rarely happen. The batch is repeated.

Faults. Before a failure, the machine makes sure that all services run. If one has ended by itself, this is a
fault of the machine, and the trial has no result. Between a kill and the end of the start that follows, nothing
else checks the services: the grader checks them before and after the trial only. A start that fails is a fault of
the machine.

Time. A job has the machine's portion_timeout_s for each portion, from the moment at which all services run again,
and is not waited for any more when it has needed longer or has ended MAX_ENDS times without a commit. Seconds are
those of `Machine.now`: the grader's clock is slow while other programs keep the processors from the trial. When a
job ends with an error meanwhile, this end is not counted, because parts of Spark have time limits, too. If such a
job does not commit the portion, this is a fault of the machine. The time of a submission's first trial with the
data of a seed does not count as time of the submission: most of it is the restart of services. Further ones count.
A portion begins only when each job has committed the one before. So the watermark of a right job, and with it the
result, does not depend on how the messages fall into batches.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from eventlab.labs.names import Namespace

if TYPE_CHECKING:
    from eventlab.clients.hdfs import HdfsClient

KINDS = ("process", "spark", "kafka", "commit")
DESCRIPTIONS = {
    "": "no failure",
    "process": "the job's process was killed",
    "spark": "the Spark server was killed",
    "kafka": "the broker was killed",
    "commit": "HDFS refused the next commit to the checkpoint",
}
MAX_DELAY_S = 1.5


@dataclass(frozen=True)
class Failure:
    """A failure, and how many seconds after the portion's first half it happens."""

    kind: str
    delay_s: float = 0.0


@dataclass(frozen=True)
class Trial:
    """What jobs go through.

    Attributes:
        jobs: The file of each job, by question.
        portions: The messages, in portions.
        failures: The failure of each portion, or None.
    """

    jobs: Mapping[str, str]
    portions: Sequence[Sequence[bytes]]
    failures: Sequence[Failure | None]


@dataclass
class Record:
    """What happened in a trial, as plain data for the checks.

    Attributes:
        steps: One entry per portion: `end`, the offset after it, and `failure`, a sentence.
        ended_early: The questions whose job ended by itself, without an error, in a portion without a failure.
        missing: The questions without a file.
        stalled: By question, the portion that its job did not commit in time.
        late: The stalled questions whose job had begun a batch: another job may have kept Spark busy.
        given_up: The stalled questions whose job has ended again and again.
        errors: By question, the error with which its job ended in the portion that it did not commit.
    """

    steps: list[dict[str, Any]] = field(default_factory=list)
    ended_early: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    stalled: dict[str, int] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)


class Machine(Protocol):
    """Starts and kills jobs and services.

    Attributes:
        portion_timeout_s: How long a job may need for a portion, in seconds.
    """

    portion_timeout_s: float

    def now(self) -> float:
        """Return the time in seconds, for limits: only what the machine gave to this trial counts."""

    def start(self, question: str, file: str, topic: str, folder: str) -> None:
        """Start the job of a question in a new process."""

    def ended(self, question: str) -> str | None:
        """Return the job's error, or what it printed last, if it has ended by itself; else None."""

    def has_succeeded(self, question: str) -> bool:
        """Return whether the job has ended by itself without an error."""

    def kill_jobs(self) -> None:
        """Kill all jobs, and end their sessions in Spark."""

    def require_running(self) -> None:
        """Raise an error if a service has ended by itself."""

    def kill(self, service: str) -> None:
        """Kill a service."""

    def up(self, service: str) -> None:
        """Start a service, and wait until it answers."""

    def hdfs(self) -> HdfsClient:
        """Return a client that may set quotas."""

    def close(self) -> None:
        """End all jobs and their sessions."""


def schedule(seed: int, count: int, quiet: int) -> list[Failure | None]:
    """Return one failure for each of `count` portions; the first and the last `quiet` portions have none."""
    rng = random.Random(f"failures {seed}")
    kinds = [KINDS[number % len(KINDS)] for number in range(count)]
    rng.shuffle(kinds)
    failures = [Failure(kind, round(rng.uniform(0.1, MAX_DELAY_S), 2)) for kind in kinds]
    return [None, *failures, *([None] * quiet)]


def folder_of(namespace: Namespace, question: str) -> str:
    """Return the folder that the job of a question gets."""
    return f"{namespace.folder}/{question}"


def topic_of(namespace: Namespace, question: str) -> str:
    """Return the topic that the job of a question reads: what another job sends by mistake is not in it."""
    return namespace.topic_of(question)


def dead_letters_of(topic: str) -> str:
    """Return the name of the topic for messages that cannot be read, as in the course's jobs."""
    return f"{topic}-dead"
