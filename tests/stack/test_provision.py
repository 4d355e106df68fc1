"""A data folder is formatted once, also after an attempt that failed."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from eventlab.errors import StackError
from eventlab.settings import OwnSettings
from eventlab.stack import process, provision
from tests.helpers import wait_until


@pytest.fixture
def settings(tmp_path: Path) -> OwnSettings:
    """Return settings of a stack that was never started."""
    return OwnSettings(state_dir=tmp_path / "state")


def test_a_folder_is_formatted_once(settings: OwnSettings, tmp_path: Path):
    for _ in range(2):
        provision.format_once(settings, "kafka", lambda _: ["sh", "-c", f"echo formatted >> {tmp_path}/log"])

    assert (tmp_path / "log").read_text() == "formatted\n"
    assert process.read_record(settings, "format-kafka") is None


def test_the_output_of_the_formatter_is_in_the_error(settings: OwnSettings):
    with pytest.raises(StackError, match="no such luck"):
        provision.format_once(settings, "kafka", lambda _: ["sh", "-c", "echo no such luck; exit 3"])


def test_a_formatter_without_a_record_does_not_format(settings: OwnSettings, tmp_path: Path):
    killed_before_the_record = f"""if True:
        import os
        from eventlab.settings import OwnSettings
        from eventlab.stack import process, provision
        process.write_record = lambda *_: os._exit(9)
        settings = OwnSettings(state_dir={str(settings.state_dir)!r})
        provision.format_once(settings, "kafka", lambda _: ["sh", "-c", "echo formatted > {tmp_path}/log"])
    """
    killed = subprocess.run([sys.executable, "-c", killed_before_the_record])

    assert killed.returncode == 9
    wait_until(
        lambda: str(tmp_path) not in str([process.info for process in psutil.process_iter(["cmdline"])]), 10
    )
    assert not (tmp_path / "log").exists()
