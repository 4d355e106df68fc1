"""Programs that answer in the place of a worker, so that a test decides how its jobs end."""

import sys

import pytest

from eventlab.grading.worker_process import WorkerProcess


def replace_workers(monkeypatch: pytest.MonkeyPatch, program: str, *arguments: str) -> None:
    """Start a Python program in the place of each worker."""
    command = [sys.executable, "-c", program, *arguments]
    monkeypatch.setattr(WorkerProcess, "command", staticmethod(lambda options: command))
