"""Running a lab's checks in a separate process with a limit on memory and time; a fault is never a verdict.

A submission may leave a Parquet file of some kilobytes that unpacks to gigabytes. The judge refuses it or runs out
of memory; the machine, the worker and its stack do not. A check that ends the judge has failed and says why, and a
new judge runs the checks after it.

Requests are lines of JSON on standard input; for each it writes one line per check of the question, in order:

    {"question": "q1", "prefix": ..., "seed": ..., "answers": {...}, "sources": {...}, "files": {...},
     "trial": {...}, "skip": 0}
                                       {"passed": true, "expected": "...", "got": "...", "unavailable": false}
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Protocol

from eventlab.errors import EventlabError
from eventlab.grading import fair_time
from eventlab.grading.environment.sandbox import LITTLE_ADDRESS_SPACE
from eventlab.grading.inside.lines import LineReader
from eventlab.grading.inside.rights import end_with_parent, limit_memory
from eventlab.labs.catalogue import Lab, find
from eventlab.labs.checks import TOO_LARGE, Verdict
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace
from eventlab.signals import FROM_OUTSIDE

if TYPE_CHECKING:
    from eventlab.grading.execution.run import TimeBudget

MEMORY = 1024**3
"""Bytes of address space beyond what the judge has when it begins."""
CHECK_TIMEOUT_S = 60
START_TIMEOUT_S = 60
TOO_SLOW = f"the check did not end within {CHECK_TIMEOUT_S} s"


class JudgeError(EventlabError):
    """The judge could not be started, or was killed."""


class EvidenceUnavailable(EventlabError):
    """What a check reads could not be read twice, although the services answer; or the machine had no time."""


class Judge:
    """The judge's process, seen from the worker; a new one is started when it has ended."""

    def __init__(self, lab: Lab, memory: int = MEMORY) -> None:
        self.lab, self.memory = lab, memory
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: LineReader | None = None

    def open(self) -> None:
        """Start the process without waiting for it."""
        command = [sys.executable, "-m", "eventlab.grading.judge", str(self.lab.folder), str(self.memory)]
        variables = os.environ | LITTLE_ADDRESS_SPACE | {"EVENTLAB_WAITS": "long"}  # also for `eventlab judge`
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables)
        assert self._process.stdout is not None
        self._reader = LineReader(self._process.stdout.fileno())

    def verdicts(self, evidence: Evidence, question: str) -> list[Verdict]:
        """Return one verdict per check of a question, in order.

        A check that does not end in time is `unavailable`: the machine may be the reason.

        Raises:
            JudgeError: The process does not start, or the machine killed it.
        """
        count = len(self.lab.checks_of(question))
        verdicts: list[Verdict] = []
        while len(verdicts) < count:
            self._send(evidence, question, skip=len(verdicts))
            while len(verdicts) < count:
                verdict = self._verdict(CHECK_TIMEOUT_S)
                if isinstance(verdict, str):
                    verdicts.append(Verdict(False, "", verdict, unavailable=verdict == TOO_SLOW))
                    self.close()
                    break
                verdicts.append(verdict)
        return verdicts

    def _send(self, evidence: Evidence, question: str, skip: int) -> None:
        request = {
            "question": question,
            "prefix": evidence.namespace.prefix,
            "seed": evidence.seed,
            "answers": evidence.answers,
            "sources": evidence.sources,
            "files": {name: base64.b64encode(content).decode() for name, content in evidence.files.items()},
            "trial": evidence.trial,
            "skip": skip,
        }
        if self._process is None or self._process.poll() is not None:
            self.close()
            self.open()
        assert self._process is not None
        assert self._process.stdin is not None
        if self._answer(START_TIMEOUT_S) is None:  # the first line says that it is ready for a request
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=1)
            code = self._process.poll()
            self.close()
            raise JudgeError(f"the judge did not start ({'no answer' if code is None else f'exit code {code}'})")
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()

    def _verdict(self, timeout_s: float) -> Verdict | str:
        """Return the verdict of the next check, or a sentence that says why it has none.

        Raises:
            JudgeError: The process was killed.
        """
        assert self._process is not None
        line = self._answer(timeout_s)
        if line is not None:
            return Verdict(**line)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=0.5)
        code = self._process.poll()
        if code is not None and -code in FROM_OUTSIDE:  # its own limit on memory ends it otherwise
            self.close()
            raise JudgeError(f"the judge was killed (signal {-code}); the machine may have no memory left")
        return TOO_SLOW if code is None else TOO_LARGE

    def _answer(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the next line of JSON from the process, or None when it is late or the process has ended."""
        assert self._reader is not None
        deadline = fair_time.now() + timeout_s
        while (line := self._reader.line(min(1.0, timeout_s))) is None and not self._reader.ended:
            if fair_time.now() > deadline:
                break
        return None if line is None else json.loads(line)

    def close(self) -> None:
        """Kill the process."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        self._process = None


class _Judge(Protocol):
    def verdicts(self, evidence: Evidence, question: str) -> list[Verdict]: ...


class _Stack(Protocol):
    def require_running(self) -> None: ...


def verdicts_with_retry(
    judge: _Judge, stack: _Stack, evidence: Evidence, question: str, budget: TimeBudget
) -> list[Verdict]:
    """Return one verdict per check of a question, in order.

    When a service did not answer or a check was too slow, the question is judged once more; a check that passed
    once has passed. A check that is too slow twice has failed, because a submission can cause that. Only the first
    time counts as time of the submission.

    Raises:
        EventlabError: A check failed, and the judge or a service does not work, or others delayed the checks.
    """
    delay = fair_time.Delay()
    with budget.measured():
        found = judge.verdicts(evidence, question)
    if all(verdict.passed for verdict in found):
        return found
    stack.require_running()
    if any(verdict.unavailable for verdict in found):
        again = judge.verdicts(evidence, question)
        stack.require_running()
        found = [first if first.passed else second for first, second in zip(found, again, strict=True)]
    for verdict in found:
        if verdict.unavailable and verdict.got != TOO_SLOW:
            raise EvidenceUnavailable(verdict.got)
    if delay.is_long and not all(verdict.passed for verdict in found):  # what a check calls may have been too slow
        raise EvidenceUnavailable(f"other programs kept the processors from the checks of {question}")
    return found


def main(folder: str, memory: int) -> None:
    """Run the checks for each request on standard input until it ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a lab's checks print must not be read as a verdict
    end_with_parent()
    lab = find(folder)
    lab.checks  # noqa: B018 - loaded before the memory is limited
    import kafka  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    limit_memory(memory)
    while True:
        print(json.dumps({"ready": True}), file=answers, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        request = json.loads(line)
        namespace = Namespace.of(request["prefix"])
        files = {name: base64.b64decode(text) for name, text in request["files"].items()}
        evidence = Evidence(
            namespace, request["seed"], request["answers"], request["sources"], files, request["trial"]
        )
        for check in lab.checks_of(request["question"])[request["skip"] :]:
            verdict = check.run(evidence)
            fields = {
                "passed": bool(verdict.passed),
                "expected": str(verdict.expected),
                "got": str(verdict.got),
                "unavailable": bool(verdict.unavailable),
                "figures": verdict.figures,
            }
            print(json.dumps(fields), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
