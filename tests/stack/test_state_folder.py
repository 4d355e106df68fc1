"""The state folder: reset, unusual paths, and a folder that cannot be used."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from eventlab.clients import ports
from eventlab.errors import StackError
from eventlab.settings import OwnSettings, Settings
from eventlab.stack import Stack, config, process
from eventlab.stack.tokens import jupyter_token
from tests.helpers import OTHER_USER, first_group, process_of, wait_until, without_rights
from tests.stack.helpers import STORAGE, received, send, states

pytestmark = pytest.mark.services


def test_reset_without_a_confirmation_does_nothing(running: Settings, eventlab):
    done = eventlab(running, "reset")

    assert done.returncode == 1
    assert states(running, "kafka") == ["running"]


def test_reset_deletes_all_messages_and_the_kits_files_and_no_others(running: Settings, eventlab):
    send(running, b"before reset")
    config.render_for_containers(running)
    jupyter_token(running)
    for name in ("saved", "lesson-06"):
        (running.state_dir / name).mkdir(exist_ok=True)
    (running.state_dir / "mine.txt").touch()
    running.work_dir.mkdir(exist_ok=True)

    done = eventlab(running, "reset", "--yes")

    assert done.returncode == 0
    assert states(running, "kafka", "api") == ["stopped", "stopped"]
    assert sorted(path.name for path in running.state_dir.iterdir()) == ["lock", "mine.txt", "work"]
    (running.state_dir / "mine.txt").unlink()
    Stack(running).up(["kafka"])
    assert received(running) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can create files of two users")
def test_reset_names_what_it_cannot_delete_and_why():
    """As after `sudo eventlab up`."""

    def reset() -> str:
        with pytest.raises(StackError) as failed:
            Stack(OwnSettings(state_dir=state)).reset()
        return str(failed.value)

    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o755)
        state, theirs = Path(base, "state"), Path(base, "state", "data", "of-root")
        theirs.mkdir(parents=True)
        (theirs / "file").touch()
        for own in (state, theirs.parent):
            os.chown(own, OTHER_USER, OTHER_USER)
        why = without_rights(reset)

    assert f"the state folder {state} cannot be used: rm: " in why
    assert f"{theirs / 'file'}" in why
    assert "Permission denied" in why


def test_a_link_and_a_path_with_spaces_and_unicode_can_be_used(tmp_path: Path, new_stack):
    real, link = (tmp_path / "Übung 1 & 2 ☃ (neu)" / name for name in ("state", "link"))
    real.mkdir(parents=True)
    link.symlink_to(real)
    unusual = new_stack(link)

    Stack(unusual).up(STORAGE)

    assert states(unusual, *STORAGE) == ["running"] * 3
    assert (real / "data" / "kafka" / "meta.properties").exists()
    assert (real / "data" / "hdfs" / "name" / "current" / "VERSION").exists()
    assert (real / "data" / "hdfs" / "data" / "current" / "VERSION").exists()


def test_an_unusable_state_folder_is_an_error_without_a_traceback(shared: Settings, tmp_path: Path, eventlab):
    (tmp_path / "file").touch()
    impossible = shared.model_copy(update={"state_dir": tmp_path / "file" / "state"})

    done = eventlab(impossible, "up", "kafka")

    assert done.returncode == 1
    assert f"the state folder {tmp_path}/file/state cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def deleted_state(new_stack, tmp_path: Path) -> Iterator[Settings]:
    """Delete the state folder of a stack that runs; return the settings."""
    settings = new_stack(tmp_path / "state")
    Stack(settings).up(["api"])
    api = process_of(settings, "api")
    shutil.rmtree(settings.state_dir)
    yield settings
    process.stop(api)


def test_up_names_a_running_api_whose_state_folder_was_deleted(deleted_state: Settings, eventlab: Callable):
    assert eventlab(deleted_state, "status").returncode == 0
    refused = eventlab(deleted_state, "up", "api")

    assert refused.returncode == 1
    pid = int(first_group(r"which process (\d+) ", refused.stderr))
    assert str(deleted_state.api_port) in " ".join(psutil.Process(pid).cmdline())
    psutil.Process(pid).terminate()
    wait_until(lambda: ports.is_free(deleted_state.api_port))
    assert eventlab(deleted_state, "up", "api").returncode == 0
