"""The logs of a worker are copied without following a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eventlab.files import delete_folder
from eventlab.grading import worker_process
from eventlab.grading.environment import watches
from eventlab.grading.jobs import Limits
from eventlab.grading.worker_process import WorkerProcess
from tests.grading import tiny_lab
from tests.grading.worker_programs import replace_workers
from tests.helpers import create_deep_folders


@pytest.mark.programs
def test_a_log_that_is_a_link_or_in_a_folder_that_is_one_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a submission runs in Spark's sandbox can write to Spark's folder."""
    replace_workers(monkeypatch, "pass")
    secret, run = tmp_path / "secret", tmp_path / "run"
    for folder in (secret, run / "spark" / "logs", run / "logs"):
        folder.mkdir(parents=True)
    (secret / "key.log").write_text("the instructor's")
    (run / "spark" / "logs" / "spark.log").write_text("started")
    (run / "spark" / "logs" / "link.log").symlink_to(secret / "key.log")
    (run / "spark" / "logs" / "loop.log").symlink_to("loop.log")
    (run / "logs" / "loop").symlink_to("loop")
    (run / "data").mkdir()
    (run / "data" / "logs").symlink_to(secret)
    os.mkfifo(run / "spark" / "logs" / "pipe.log")
    worker = WorkerProcess(tiny_lab.make(tmp_path / "tiny"), 0, run, Limits())
    try:
        worker.copy_logs(tmp_path / "copies")
    finally:
        worker.close()
    assert sorted(path.name for path in (tmp_path / "copies").iterdir()) == ["spark-logs-spark.log", "worker.log"]


@pytest.mark.programs
def test_of_thousands_of_logs_few_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a megabyte of nothing, which takes no place until it is copied."""
    replace_workers(monkeypatch, "pass")
    logs = tmp_path / "run" / "spark" / "logs"
    logs.mkdir(parents=True)
    for name in ("spark.log", "spark.log.1"):
        (logs / name).write_text("the error")
    for number in range(2 * worker_process.MAX_LOGS):
        (logs / f"a.log{number}").symlink_to("/dev/null")
        with (logs / f"b.log{number}").open("wb") as file:
            file.truncate(worker_process.LOG_BYTES)
    worker = WorkerProcess(tiny_lab.make(tmp_path / "tiny"), 0, tmp_path / "run", Limits())
    try:
        worker.copy_logs(tmp_path / "copies")
    finally:
        worker.close()
    names = {path.name for path in (tmp_path / "copies").iterdir()}
    assert len(names) == worker_process.MAX_LOGS
    assert {"worker.log", "spark-logs-spark.log", "spark-logs-spark.log.1"} <= names


def test_large_logs_and_a_link_in_the_place_of_logs_are_not_kept_when_services_end(tmp_path: Path) -> None:
    """What a submission stores there in one run would not count in the next one."""
    logs = tmp_path / "logs"
    assert not watches.is_small(logs)
    logs.mkdir()
    (logs / "spark.log").write_text("started")
    assert watches.is_small(logs)
    (tmp_path / "link").symlink_to(logs)
    assert not watches.is_small(tmp_path / "link")
    (logs / "own.log").write_bytes(b"x" * (watches.MAX_LOG_BYTES + 1))
    assert not watches.is_small(logs)
    (logs / "own.log").unlink()
    for number in range(watches.MAX_LOG_FILES):
        (logs / f"own.log{number}").touch()
    assert not watches.is_small(logs)


@pytest.mark.programs
def test_logs_with_a_folder_that_is_too_deep_to_be_measured_are_not_kept(tmp_path: Path) -> None:
    create_deep_folders(tmp_path)
    assert not watches.is_small(tmp_path)
    delete_folder(tmp_path)


def test_a_log_that_has_just_become_a_link_or_a_pipe_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("started")
    (tmp_path / "link").symlink_to(tmp_path / "log")
    os.mkfifo(tmp_path / "pipe")
    assert worker_process._tail(tmp_path / "log") == b"started"
    for name in ("link", "pipe"):
        with pytest.raises(OSError, match=r"symbolic|seek"):
            worker_process._tail(tmp_path / name)
