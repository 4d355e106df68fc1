"""Programs that answer in the place of a worker, so that a test decides how its jobs end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from eventlab.grading.jobs import Job, Limits, Outcome
from eventlab.grading.scheduler import Scheduler
from eventlab.grading.worker_process import WorkerProcess
from tests.grading import tiny_lab

WORKER = """
import json, sys
from pathlib import Path
failures = json.loads(sys.argv[1])
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    job = json.loads(line)
    count = Path(sys.argv[2], job["student"])
    times = int(count.read_text()) if count.exists() else 0
    count.write_text(str(times + 1))
    if times < failures.get(job["student"], 0):
        raise SystemExit(f"{job['student']} loses its worker")
    record = {"student": job["student"], "lab": "tiny", "status": "graded", "points": 8, "max_points": 8}
    print(json.dumps({"kind": "graded", "record": record, "notebook": None, "reason": ""}), flush=True)
"""
"""Loses its process as often as its first argument says for a student; the second is a folder for the counts."""


def replace_workers(monkeypatch: pytest.MonkeyPatch, program: str, *arguments: str) -> None:
    """Start a Python program in the place of each worker."""
    command = [sys.executable, "-c", program, *arguments]
    monkeypatch.setattr(WorkerProcess, "command", staticmethod(lambda options: command))


def outcomes(tmp_path: Path, *students: str, workers: int = 1, fresh: bool = False) -> dict[str, Outcome]:
    """Return the outcome of each student's job; the logs are in `tmp_path`."""
    jobs = [Job(student, None, None, "", "", 1) for student in students]
    tmp_path.mkdir(exist_ok=True)
    lab = tiny_lab.make(tmp_path / "tiny")
    with Scheduler(lab, tmp_path / "logs", Limits(), workers, fresh=fresh) as scheduler:
        return {job.student: outcome for job, outcome in scheduler.outcomes(jobs)}
