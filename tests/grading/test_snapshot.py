"""The state of the instructor's run is read whole or not at all; without services."""

from __future__ import annotations

import pytest

from eventlab.errors import EventlabError
from eventlab.grading.execution import snapshot as module
from eventlab.labs.files import File, FileError

LIMIT = module.MAX_FILE_BYTES


def files_of(monkeypatch: pytest.MonkeyPatch, size: int) -> dict[str, bytes]:
    """Read a folder with one file."""
    monkeypatch.setattr(module.files, "walk", lambda folder: iter([File("report/part-0.parquet", size)]))
    monkeypatch.setattr(module.files, "read", lambda path, limit: b"x" * min(size, limit))
    return module._hdfs_files("/tmp/lab")


def test_a_file_of_the_largest_size_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(files_of(monkeypatch, LIMIT)["report/part-0.parquet"]) == LIMIT


def test_a_part_of_a_larger_file_does_not_take_the_place_of_a_students_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(EventlabError, match=r"report/part-0\.parquet.* 16777217 bytes"):
        files_of(monkeypatch, LIMIT + 1)


def test_a_folder_that_does_not_exist_has_no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(folder: str) -> None:
        raise FileError("no such folder") from FileNotFoundError()

    monkeypatch.setattr(module.files, "walk", missing)
    assert module._hdfs_files("/tmp/lab") == {}


def test_a_file_that_disappears_does_not_make_the_folder_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty state in the instructor's place deletes a student's files of earlier questions."""

    def missing(path: str, limit: int) -> bytes:
        raise FileError("no such file") from FileNotFoundError()

    monkeypatch.setattr(module.files, "walk", lambda folder: iter([File("report/part-0.parquet", 1)]))
    monkeypatch.setattr(module.files, "read", missing)
    with pytest.raises(FileError):
        module._hdfs_files("/tmp/lab")
