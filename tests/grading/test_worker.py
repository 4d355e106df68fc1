"""Grading continues after an interruption and a change: one class, graded three times.

The first grading is real. In the second, a program answers in the place of the worker.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from eventlab.grading import results
from eventlab.grading.grade import grade
from eventlab.grading.results import SubmissionRecord
from eventlab.labs.catalogue import Lab
from tests.grading import tiny_lab
from tests.grading.worker_programs import replace_workers
from tests.helpers import has_ended

pytestmark = [pytest.mark.services, pytest.mark.timeout(280)]
WORKER = """
import json, sys
marks = {"abe": ("graded", 6), "ben": ("graded", 8), "eve": ("unreadable", 0)}
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    job = json.loads(line)
    status, points = marks[job["student"]]  # without ada, who has not changed
    record = {"student": job["student"], "lab": "tiny", "status": status, "points": points, "max_points": 8}
    record["fingerprint"] = job["fingerprint"]
    print(json.dumps({"kind": "graded", "record": record, "notebook": None, "reason": ""}), flush=True)
"""


@dataclass
class Story:
    """What each chapter left."""

    lab: Lab
    handed_in: Path
    output: Path
    command: list[str]
    exit_code: int
    told: str
    left_running: list[psutil.Process]
    has_reports: bool
    interrupted: list[SubmissionRecord]
    continued: list[SubmissionRecord]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Ada and Abe are graded, Ben hangs, Ctrl-C; Abe and Ben change, Eve hands in."""
    base = tmp_path_factory.mktemp("story")
    lab, handed_in, output = tiny_lab.make(base / "tiny"), base / "in", base / "out"
    handed_in.mkdir()
    for student in ("ada", "abe"):
        tiny_lab.write(handed_in / f"{student}.ipynb")
    tiny_lab.write(handed_in / "ben.ipynb", q2="import time; time.sleep(300)")
    words = [sys.executable, "-m", "eventlab.cli", "grade", lab.folder, handed_in, "--output", output]
    command = [*map(str, words), "--workers", "1"]

    exit_code, told, left = interrupt_at(2, command, output)
    interrupted, has_reports = results.load_all(output), (output / "grades.csv").exists()

    tiny_lab.write(handed_in / "abe.ipynb", q3="raise NotImplementedError()")
    tiny_lab.write(handed_in / "ben.ipynb")
    (handed_in / "eve.ipynb").write_text("{")
    with pytest.MonkeyPatch.context() as patch:
        replace_workers(patch, WORKER)
        continued = grade(lab, handed_in, output, workers=1)
    return Story(lab, handed_in, output, command, exit_code, told, left, has_reports, interrupted, continued)


def interrupt_at(count: int, command: list[str], output: Path) -> tuple[int, str, list[psutil.Process]]:
    """Grade as a command in a terminal of its own, with a Ctrl-C once so many records are there."""
    grading = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 150
    while len(list(output.glob("records/*.json"))) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    started = psutil.Process(grading.pid).children(recursive=True)
    assert len(started) > 5
    os.killpg(grading.pid, signal.SIGINT)
    told = grading.communicate(timeout=120)[1]
    _, left = psutil.wait_procs(started, timeout=30)
    return grading.returncode, told, [process for process in left if not has_ended(process.pid)]


def test_interrupted_it_ends_all_that_it_started_and_says_how_to_go_on(story: Story) -> None:
    assert story.exit_code == 130
    assert "run the same command again to continue" in story.told
    assert story.left_running == []
    assert story.has_reports
    assert "Report so far: " in story.told


def test_interrupted_it_keeps_the_records_that_there_are(story: Story) -> None:
    found = [(record.student, record.status, record.points) for record in story.interrupted]
    assert found == [("abe", "graded", 8), ("ada", "graded", 8)]


def test_only_what_changed_or_was_not_graded_is_graded(story: Story) -> None:
    before = {record.student: record for record in story.interrupted}
    now = {record.student: record for record in story.continued}
    assert list(now) == ["abe", "ada", "ben", "eve"]
    assert now["ada"] == before["ada"]
    assert (now["abe"].points, now["abe"].fingerprint != before["abe"].fingerprint) == (6, True)
    assert (now["ben"].status, now["ben"].points) == ("graded", 8)
    assert (now["eve"].status, now["eve"].points) == ("unreadable", 0)


def test_where_nothing_changed_no_stack_is_started_and_the_reports_are_written(story: Story) -> None:
    done = subprocess.run([*story.command, "--verbose"], check=True, capture_output=True, text=True)
    assert "worker 0 starts" not in done.stderr
    assert results.load_all(story.output) == story.continued
    page = (story.output / "feedback" / "ada.html").read_text()
    assert "the three smallest" in page
    assert "BEGIN" not in page
    gradescope = json.loads((story.output / "gradescope" / "ada" / "results.json").read_text())
    assert gradescope["score"] == 8
