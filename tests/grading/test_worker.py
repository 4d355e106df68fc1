"""Grading goes on: after a change, after an interruption, after the loss of a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from eventlab.grading import records
from eventlab.grading.grade import grade
from eventlab.grading.records import Record
from eventlab.grading.salvage import UNTOUCHED
from eventlab.labs.catalogue import Lab
from tests.grading import tiny_lab

pytestmark = [pytest.mark.services, pytest.mark.timeout(280)]

GRADE = """
import sys
from pathlib import Path
from eventlab.grading.grade import grade
from eventlab.labs.catalogue import Lab
base = Path(sys.argv[1])
def tell(done, total, record):
    print(record.student, flush=True)
grade(Lab("tiny", base / "tiny"), base / "in", base / "out", workers=1, cell_timeout=60, progress=tell)
"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return tiny_lab.make(tmp_path / "tiny")


@pytest.fixture
def handed_in(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for student in ("ada", "bob"):
        tiny_lab.write(tmp_path / "in" / f"{student}.ipynb")
    return tmp_path / "in"


def test_only_what_changed_is_graded_again(lab: Lab, handed_in: Path, tmp_path: Path) -> None:
    first = grade(lab, handed_in, tmp_path / "out")
    assert [(record.student, record.status, record.points) for record in first] == [
        ("ada", "graded", 8),
        ("bob", "graded", 8),
    ]
    started = time.monotonic()
    assert grade(lab, handed_in, tmp_path / "out") == first
    assert time.monotonic() - started < 2, "nothing changed, so no stack was to be started"
    tiny_lab.write(handed_in / "bob.ipynb", q3=UNTOUCHED[1])
    ada, bob = grade(lab, handed_in, tmp_path / "out")
    assert ada == first[0]
    assert (bob.points, bob.fingerprint != first[1].fingerprint) == (6, True)


def begin(tmp_path: Path) -> subprocess.Popen[str]:
    """Grading as a command in a terminal of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", GRADE, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=dict(os.environ),
    )


def test_interrupted_it_ends_all_keeps_records_and_continues(lab: Lab, handed_in: Path, tmp_path: Path) -> None:
    tiny_lab.write(handed_in / "bob.ipynb", q2="import time; time.sleep(300)")
    with begin(tmp_path) as grading:
        assert grading.stdout
        assert grading.stdout.readline().strip() == "ada"
        started = psutil.Process(grading.pid).children(recursive=True)
        assert len(started) > 5
        os.killpg(grading.pid, signal.SIGINT)
        grading.wait(timeout=40)
    _, left = psutil.wait_procs(started, timeout=5)
    assert [process for process in left if process.status() != psutil.STATUS_ZOMBIE] == []
    kept = records.load_all(tmp_path / "out")
    assert [(record.student, record.points) for record in kept] == [("ada", 8)]
    tiny_lab.write(handed_in / "bob.ipynb")
    assert [record.points for record in grade(lab, handed_in, tmp_path / "out")] == [8, 8]
    assert records.load("ada", tmp_path / "out") == kept[0]


def words_of(process: psutil.Process) -> list[str]:
    """Its command, bubblewrap's own left out; nothing of one that has just ended."""
    try:
        return [] if "bwrap" in process.name() else process.cmdline()
    except psutil.Error:
        return []


def test_a_worker_that_is_lost_costs_one_submission_and_no_more(lab: Lab, handed_in: Path, tmp_path: Path) -> None:
    tiny_lab.write(handed_in / "cyd.ipynb")
    found: list[Record] = []

    def lose_the_worker(done: int, total: int, record: Record | None) -> None:
        assert record
        found.append(record)
        if done == 1:
            for process in psutil.Process().children(recursive=True):
                if "eventlab.grading.worker" in words_of(process):
                    process.kill()

    three = grade(lab, handed_in, tmp_path / "out", workers=1, progress=lose_the_worker)
    assert [record.student for record in three] == ["ada", "bob", "cyd"]
    assert sorted(record.status for record in three) == ["died", "graded", "graded"]
    assert [record.points for record in three if record.status == "graded"] == [8, 8]
