"""Which files of a notebook's folder the grader reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlab.grading.inside import workdir_files


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def test_many_files_with_data_do_not_take_the_place_of_a_program(tmp_path: Path, opened: int) -> None:
    for number in range(workdir_files.MAX_FILES + 1):
        (tmp_path / f"data-{number}").touch()
    (tmp_path / "job.py").write_text("work")
    found = workdir_files.plain_files(opened)
    assert "job.py" in found
    assert len(found) == workdir_files.MAX_FILES


def test_large_files_with_data_do_not_take_the_place_of_a_program(tmp_path: Path, opened: int) -> None:
    for number in range(workdir_files.MAX_BYTES // workdir_files.MAX_FILE_BYTES):
        (tmp_path / f"data-{number}").write_bytes(bytes(workdir_files.MAX_FILE_BYTES))
    (tmp_path / "job.py").write_text("work")
    assert "job.py" in workdir_files.plain_files(opened)
