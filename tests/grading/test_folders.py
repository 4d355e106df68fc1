"""The folder of a service goes with all that a submission locked in it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from eventlab.files import delete_folder
from tests.helpers import create_deep_folders

OTHER = 65_534
"""A user without rights: for root no folder is locked."""


def locked(state: Path, outside: Path) -> None:
    for name in ("conf/sub", "dark"):
        (state / name).mkdir(parents=True)
        (state / name / "planted").write_text("1")
    (state / "link").symlink_to(outside)
    (state / "conf").chmod(0o500)
    (state / "dark").chmod(0)


@pytest.mark.parametrize("mode", [0o700, 0])
def test_folders_that_are_too_deep_for_recursion_are_deleted(tmp_path: Path, mode: int) -> None:
    """What a submission runs in Spark's sandbox can create them, and that must not end the grading of all."""
    create_deep_folders(tmp_path, mode)

    delete_folder(tmp_path)

    assert not tmp_path.exists()


def test_locked_folders_are_deleted_and_links_are_not_followed() -> None:
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o777)
        outside = Path(base, "outside")
        outside.mkdir(mode=0o750)
        child = os.fork()
        if child == 0:
            try:
                if os.geteuid() == 0:
                    os.setuid(OTHER)
                locked(Path(base, "state"), outside)
                delete_folder(Path(base, "state"))
            finally:
                os._exit(0)
        os.waitpid(child, 0)

        assert [path.name for path in Path(base).iterdir()] == ["outside"]
        assert outside.stat().st_mode & 0o777 == 0o750
