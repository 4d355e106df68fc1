"""Folders are deleted with all that a submission locked in them, and those of a killed grader by the next one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eventlab.files import delete_folder
from eventlab.grading import folders
from eventlab.grading.execution import notebook
from eventlab.grading.jobs import Limits
from eventlab.grading.scheduler import Scheduler
from eventlab.grading.similarity.submissions import similarity
from eventlab.labs.catalogue import find
from eventlab.settings import ROOT
from tests.grading import tiny_lab
from tests.grading.forked_kernels import needs_bubblewrap
from tests.grading.worker_programs import outcomes
from tests.helpers import OTHER_USER, create_deep_folders, has_ended, wait_until, without_rights

GRADER = """
import sys
from pathlib import Path
from eventlab.grading.environment import sandbox
from eventlab.grading.jobs import Job, Limits
from eventlab.grading.scheduler import Scheduler
from eventlab.grading.worker_process import WorkerProcess
from tests.grading import tiny_lab
contained, folder = sys.argv[1] == "True", Path(sys.argv[2])
command = [sys.executable, "-c", sys.argv[3]]
WorkerProcess.command = staticmethod(lambda options: sandbox.of_worker(command) if contained else command)
with Scheduler(tiny_lab.make(folder / "tiny"), folder / "logs", Limits(), 1) as scheduler:
    list(scheduler.outcomes([Job("ada", None, None, "", "", 1)]))
"""
WORKER = """
import os, sys, time
print('{"ready": true}', flush=True)
sys.stdin.readline()
print(os.getpid(), file=sys.stderr, flush=True)
time.sleep(600)
"""
"""A worker that has begun to grade, and does not notice the end of its input."""


def delete_locked(state: Path, outside: Path) -> str:
    for name in ("conf/sub", "dark"):
        (state / name).mkdir(parents=True)
        (state / name / "planted").write_text("1")
    (state / "link").symlink_to(outside)
    (state / "conf").chmod(0o500)
    (state / "dark").chmod(0)
    return delete_folder(state)


def delete_link(state: Path, outside: Path) -> str:
    outside.mkdir()
    outside.chmod(0o500)
    state.symlink_to(outside)
    return delete_folder(state)


def delete_in_locked(state: Path, outside: Path) -> str:
    (outside / "folder").mkdir(parents=True)
    outside.chmod(0o500)
    return delete_folder(outside / "folder")


@pytest.mark.programs
@pytest.mark.parametrize("mode", [0o700, 0])
def test_folders_that_are_too_deep_for_recursion_are_deleted(tmp_path: Path, mode: int) -> None:
    """What a submission runs in Spark's sandbox can create them, and that must not end the grading of all."""
    create_deep_folders(tmp_path, mode)

    delete_folder(tmp_path)

    assert not tmp_path.exists()


@pytest.fixture
def base() -> Iterator[Path]:
    """Return a folder that every user can reach and write to."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.mark.programs
@pytest.mark.parametrize("delete", [delete_locked, delete_link])
def test_locked_folders_are_deleted_and_links_are_not_followed(base: Path, delete: Callable[..., str]) -> None:
    outside = base / "outside"
    if delete is delete_locked:
        outside.mkdir(mode=0o500)

    assert without_rights(lambda: delete(base / "state", outside) or "deleted") == "deleted"

    assert [path.name for path in base.iterdir()] == ["outside"]
    assert outside.stat().st_mode & 0o777 == 0o500


@pytest.mark.programs
def test_why_a_folder_cannot_be_deleted_is_returned(base: Path) -> None:
    why = without_rights(lambda: delete_in_locked(base / "state", base / "outside"))

    assert why.startswith("rm: ")
    assert str(base / "outside" / "folder") in why
    assert why.endswith("Permission denied")


SLOW_RM = """#!/bin/sh
echo deleting
sleep 1
PATH=/usr/bin:/bin exec rm "$@"
"""


@pytest.mark.programs
def test_ctrl_c_does_not_end_the_deletion_of_a_folder(tmp_path: Path) -> None:
    """The terminal sends it to all processes of its group, and the grader deletes its folders after it."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "rm").write_text(SLOW_RM.replace("deleting", f"deleting > {tmp_path / 'began'}"))
    (tmp_path / "bin" / "rm").chmod(0o755)
    deletes = "import signal, sys; from pathlib import Path; from eventlab.files import delete_folder"
    deletes += "; signal.signal(signal.SIGINT, lambda *_: None); delete_folder(Path(sys.argv[1]))"
    env = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    command = [sys.executable, "-c", deletes, str(tmp_path / "folder")]
    with subprocess.Popen(command, env=env, start_new_session=True) as process:
        wait_until((tmp_path / "began").exists)
        os.killpg(process.pid, signal.SIGINT)
    assert not (tmp_path / "folder").exists()


@pytest.mark.programs
@pytest.mark.parametrize("contained", [pytest.param(True, marks=needs_bubblewrap), False], ids=["sandbox", "bare"])
def test_the_folder_of_a_killed_grader_is_deleted_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contained: bool
) -> None:
    """Without a sandbox not before its worker has ended, too: it may still write there."""
    command = [sys.executable, "-c", GRADER, str(contained), str(tmp_path), WORKER]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"TMPDIR": str(temporary)}) as grader:
        wait_until(lambda: [log for log in temporary.glob("eg*/worker.log") if log.read_text().endswith("\n")])
        grader.kill()
    (log,) = temporary.glob("eg*/worker.log")
    worker = int(log.read_text().splitlines()[-1])
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    if not contained:
        folders.delete_abandoned()
        assert log.exists()
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: has_ended(worker))

    with Scheduler(tiny_lab.make(tmp_path / "next"), tmp_path / "logs", Limits(), 1):
        assert [*temporary.iterdir()] == []


def test_folders_of_others_and_of_running_graders_are_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("egon", "egypt", "linked", "eg-of-a-user"):
        (tmp_path / name).mkdir()
        if name.endswith(("linked", "user")):
            (tmp_path / name / folders.LOCK).touch()
    (tmp_path / "eg-link").symlink_to(tmp_path / "linked")
    (tmp_path / "egypt" / folders.LOCK).symlink_to(tmp_path / "linked" / folders.LOCK)
    before = {*tmp_path.iterdir()}
    if os.geteuid() == 0:
        os.chown(tmp_path / "eg-of-a-user", OTHER_USER, OTHER_USER)
    else:
        before.remove(tmp_path / "eg-of-a-user")

    with folders.temporary(folders.RUN) as (running, _), folders.temporary(folders.OTHERS) as (copies, _):
        folders.delete_abandoned()
        left = {*tmp_path.iterdir()}

    assert left == {*before, running, copies}
    assert {*tmp_path.iterdir()} == before
    assert (tmp_path / "linked" / folders.LOCK).exists()


def test_a_folder_whose_deletion_was_interrupted_is_deleted_by_the_next_grader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    deleted: list[Path] = []

    def interrupted(path: Path) -> str:
        if deleted:
            raise KeyboardInterrupt
        deleted.append(path)
        return delete_folder(path)

    ended = contextlib.ExitStack()
    folder, _ = ended.enter_context(folders.temporary(folders.RUN))
    for name in ("data", "spark"):
        (folder / name).mkdir()
    with monkeypatch.context() as broken:
        broken.setattr(folders, "delete_folder", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ended.close()
    assert len([*folder.iterdir()]) == 2

    folders.delete_abandoned()

    assert [*tmp_path.iterdir()] == []


def test_a_folder_of_which_something_cannot_be_deleted_yet_is_deleted_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with monkeypatch.context() as broken:
        broken.setattr(
            folders, "delete_folder", lambda path: "Device or resource busy" if path.name == "data" else ""
        )
        with folders.temporary(folders.RUN) as (folder, _):
            (folder / "data").mkdir()
    assert (folder / folders.LOCK).exists()

    folders.delete_abandoned()

    assert not folder.exists()


def test_where_no_file_can_be_locked_a_folder_is_created_and_deleted_and_nobody_else_deletes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(fcntl, "flock", refuse)
    with folders.temporary(folders.RUN) as (folder, _):
        folders.delete_abandoned()
        assert folder.is_dir()
    assert not folder.exists()


def test_without_a_folder_for_temporary_files_each_job_fails_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "full")])

    found = outcomes(tmp_path, "ada")

    assert found["ada"].kind == "infrastructure_failed"
    assert "No usable temporary directory found" in found["ada"].reason


def test_copies_of_submissions_are_readable_by_this_user_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in the folder for temporary files of all users."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    modes: list[int] = []
    read = notebook.read

    def look(path: Path) -> list[dict[str, Any]]:
        modes.extend(folder.stat().st_mode & 0o777 for folder in (tmp_path / "temporary").iterdir())
        return read(path)

    monkeypatch.setattr(notebook, "read", look)
    lab = find("lab01")
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.write(lab.student, "ada/lab.ipynb")

    similarity(lab, tmp_path / "export.zip")

    assert modes == [0o700]
    assert [*(tmp_path / "temporary").iterdir()] == []
