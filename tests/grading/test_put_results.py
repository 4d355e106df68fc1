"""An instructor's result that cannot be put in the place of a broken question."""

from __future__ import annotations

import pytest

from eventlab.clients.kafka import TopicError
from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.grading.environment.services import WorkerStackError
from eventlab.grading.execution.kernel import FullFolderError, KernelError
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.execution.reference import PutError, Reference, put_or_report
from eventlab.grading.execution.snapshot import Snapshot
from eventlab.labs.files import FileError
from eventlab.labs.names import Namespace
from tests.grading import tiny_lab

TARGET = Namespace.of("tiny-0002")


class Kernel:
    """A student's kernel that answers each cell in the same way."""

    def __init__(self, answer: CellResult) -> None:
        self.answer = answer

    def execute(self, source: str, timeout_s: float) -> CellResult:
        return self.answer

    def write(self, files: dict[str, bytes]) -> None:
        pass


class Refused(Reference):
    """An instructor's result whose place refuses it."""

    def __init__(self, error: EventlabError, cause: EventlabError | None = None) -> None:
        self.error = error
        self.error.__cause__ = cause

    def put(self, *_: object) -> None:
        raise self.error


def put(reference: Reference, answer: CellResult | None = None, fault: EventlabError | None = None) -> str:
    """Put the result of q1 in place on services that run, or that have a fault."""

    def require_running() -> None:
        if fault:
            raise fault

    kernel = Kernel(answer or CellResult("done"))
    return put_or_report(reference, "q1", TARGET, kernel, require_running)  # type: ignore[arg-type]


def reference() -> Reference:
    found = Reference(Namespace.of("tiny-0001"), tiny_lab.notebook())
    found.changes["q1"] = Snapshot(), Snapshot(values={"total": 7})
    return found


def test_a_kernel_that_takes_the_variables_leaves_no_problem() -> None:
    assert put(reference()) == ""


@pytest.mark.parametrize("ended", ["raised", "timed_out", "died"])
def test_a_kernel_that_refuses_the_variables_is_named_in_the_record(ended: str) -> None:
    problem = put(reference(), CellResult(ended, error="why"))  # type: ignore[arg-type]
    assert problem.startswith("the instructor's result of q1 could not be put in place: ")
    assert problem.endswith(f"the kernel did not take the variables ({ended} why)")


def test_a_folder_of_the_student_that_refuses_it_is_named_in_the_record() -> None:
    assert "Permission denied" in put(Refused(FileError("Permission denied: /tmp/tiny-0002")))
    assert "no room" in put(Refused(FullFolderError("no room")))


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ServiceUnavailable("Kafka does not answer"), None),
        (FileError("no answer"), ServiceUnavailable("HDFS does not answer")),
        (TopicError("no topic"), None),
        (KernelError("the fork server did not send the files of kernel k3"), None),
    ],
)
def test_a_silent_service_or_fork_server_or_a_missing_topic_interrupts_the_attempt(
    error: EventlabError, cause: EventlabError | None
) -> None:
    with pytest.raises(type(error)):
        put(Refused(error, cause))


def test_a_service_that_has_ended_interrupts_the_attempt_whatever_was_refused() -> None:
    with pytest.raises(WorkerStackError, match="kafka has ended"):
        put(Refused(PutError("died")), fault=WorkerStackError("kafka has ended (signal 9)"))
