"""A data folder is formatted once, whatever happened to an earlier attempt."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from eventlab.errors import StackError
from eventlab.settings import OwnSettings
from eventlab.stack import process, provision


@pytest.fixture
def own(tmp_path: Path) -> OwnSettings:
    return OwnSettings(state_dir=tmp_path / "state")


def test_a_folder_is_formatted_once(own: OwnSettings, tmp_path: Path):
    for _ in range(2):
        provision.format_once(own, "kafka", lambda _: ["sh", "-c", f"echo formatted >> {tmp_path}/log"])

    assert (tmp_path / "log").read_text() == "formatted\n"
    assert process.read_record(own, "format-kafka") is None


def test_what_the_formatter_says_is_in_the_error(own: OwnSettings):
    with pytest.raises(StackError, match="no such luck"):
        provision.format_once(own, "kafka", lambda _: ["sh", "-c", "echo no such luck; exit 3"])


def test_a_formatter_that_nobody_could_note_does_not_format(own: OwnSettings, tmp_path: Path):
    killed_before_the_record = f"""if True:
        import os
        from eventlab.settings import OwnSettings
        from eventlab.stack import process, provision
        process.write_record = lambda *_: os._exit(9)
        own = OwnSettings(state_dir={str(own.state_dir)!r})
        provision.format_once(own, "kafka", lambda _: ["sh", "-c", "echo formatted > {tmp_path}/log"])
    """
    killed = subprocess.run([sys.executable, "-c", killed_before_the_record])

    assert killed.returncode == 9
    deadline = time.monotonic() + 10
    while any(str(tmp_path) in str(each.info["cmdline"]) for each in psutil.process_iter(["cmdline"])):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not (tmp_path / "log").exists()
