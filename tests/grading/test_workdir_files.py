"""Which files of a notebook's folder the grader reads."""

from __future__ import annotations

import contextlib
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


def test_only_regular_files_are_read_and_no_link_is_followed(tmp_path: Path, opened: int) -> None:
    (tmp_path / "mine.txt").write_text("1")
    (tmp_path / "link.py").symlink_to("/etc/passwd")
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")  # to open it without O_NONBLOCK waits for ever
    assert list(workdir_files.plain_files(opened)) == ["mine.txt"]


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "link/out.txt", "/", ""])
def test_nothing_is_written_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    """The notebook may have created the link before the instructor's files are written."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path)
    descriptor = os.open(inside, os.O_RDONLY | os.O_DIRECTORY)
    with contextlib.suppress(OSError):
        workdir_files.write_below(descriptor, name, b"1", 0)
    os.close(descriptor)
    assert [*tmp_path.iterdir()] == [inside]
    assert [*inside.iterdir()] == [inside / "link"]


def test_a_link_is_replaced_by_the_file_that_has_its_name(tmp_path: Path, opened: int) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "given.txt").symlink_to(tmp_path / "target")
    workdir_files.write_below(opened, "notes/given.txt", b"given", 0)
    assert (tmp_path / "notes" / "given.txt").read_text() == "given"
    assert not (tmp_path / "target").exists()
