"""A worker on a stack without services, whose kernels and judge only note what they are asked for."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eventlab.errors import EventlabError
from eventlab.grading import fair_time
from eventlab.grading.execution import reference
from eventlab.grading.execution.outputs import CellResult, Ended
from eventlab.grading.execution.snapshot import Snapshot
from eventlab.grading.jobs import Limits
from eventlab.grading.worker import Worker
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import Verdict
from eventlab.labs.evidence import Evidence
from tests.grading import tiny_lab


class Machine:
    """A stack, its kernels and its judge.

    Attributes:
        failed: The names of the checks that fail.
        ends: By a part of a cell's source, how such a cell ends.
        fault: What a look at the services raises.
        delayed: Whether other programs delay each cell.
        judged: The questions that were judged, in order, and the evidence of each.
        runs: How many kernels there were.
        left: Whether a kernel was used since the last clean-up.
        cleaned: How often something that was left was removed.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        monkeypatch.setattr(reference, "snapshot", self.snapshot)
        monkeypatch.setattr(fair_time, "now", time.monotonic)
        monkeypatch.setattr(Lab, "prepare", lambda self, namespace, seed: None)
        self.lab = tiny_lab.make(folder)
        self.config = SimpleNamespace(contained=True)
        self.worker = Worker(self.lab, self, self, Limits(), "")  # type: ignore[arg-type]
        self.failed: set[str] = set()
        self.ends: dict[str, Ended] = {}
        self.fault: EventlabError | None = None
        self.delayed = False
        self.judged: list[str] = []
        self.evidence: list[Evidence] = []
        self.runs, self.cleaned, self.left = 0, 0, False
        self.answers: dict[str, Any] = {"q1": 1}

    def kernel(self) -> Machine:
        assert not self.left, "the kernel before has left something"
        self.runs, self.left = self.runs + 1, True
        return self

    def clean(self) -> None:
        self.cleaned, self.left = self.cleaned + self.left, False

    def forget_logs(self) -> None: ...
    def forget(self) -> None: ...
    def write(self, files: dict[str, bytes]) -> None: ...

    def files(self) -> dict[str, bytes]:
        return {}

    def require_running(self) -> None:
        if self.fault:
            raise self.fault

    def execute(self, source: str, timeout_s: float) -> CellResult:
        ended: Ended = next((ended for part, ended in self.ends.items() if part in source), "done")
        return CellResult(ended, error="no answer", kernel_ended=ended == "died", delayed=self.delayed)

    def verdicts(self, evidence: Evidence, question: str) -> list[Verdict]:
        self.judged.append(question)
        self.evidence.append(evidence)
        return [Verdict(check.name not in self.failed, "5", "4") for check in self.lab.checks_of(question)]

    def snapshot(self, namespace: Any, kernel: Any) -> Snapshot:
        """Return a snapshot that says how often something was judged before, as if each judging left a message."""
        return Snapshot(values={"judgings": len(self.judged)}, files={"api.py": b"made"})
