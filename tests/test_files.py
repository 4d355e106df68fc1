"""A small file is written completely or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eventlab.files import create_once, write_atomically, write_if_changed
from eventlab.settings import Settings
from eventlab.stack import tokens
from tests.helpers import PipedProcess

FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from eventlab.files import {function}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
{function}(Path(sys.argv[1]), "new content")
"""
CREATE = """
import sys
from pathlib import Path
from eventlab.files import create_once
sys.stdin.readline()
print(create_once(Path(sys.argv[1]), sys.argv[2]))
"""
REPLACE_ALL = """
import random, sys, time
from pathlib import Path
from eventlab.files import create_once
read_text = Path.read_text
def read_slowly(path, **options):
    content = read_text(path, **options)
    time.sleep(random.uniform(0, 0.004))
    return content
Path.read_text = read_slowly
sys.stdin.readline()
for path in sorted(Path(sys.argv[1]).glob("[0-9]*")):
    print(create_once(path, sys.argv[2]))
"""


def on_a_full_disk(function: str, path: Path, limit: int = 3) -> subprocess.CompletedProcess[str]:
    """Call a function in a process that can write a few bytes only."""
    command = [sys.executable, "-c", FULL_DISK.format(function=function, limit=limit), str(path)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.programs
@pytest.mark.parametrize("function", ["write_atomically", "write_if_changed"])
@pytest.mark.parametrize("limit", [0, 3])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, function: str, limit: int):
    (tmp_path / "file").write_text("old content")

    failed = on_a_full_disk(function, tmp_path / "file", limit)

    assert "OSError" in failed.stderr
    assert (tmp_path / "file").read_text() == "old content"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.programs
def test_a_full_disk_creates_no_empty_token(tmp_path: Path):
    failed = on_a_full_disk("create_once", tmp_path / "token")

    assert "OSError" in failed.stderr
    assert list(tmp_path.iterdir()) == []
    assert create_once(tmp_path / "token", "secret") == "secret"


def test_a_rename_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("old content")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "file", "new content")

    assert (tmp_path / "file").read_text() == "old content"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("content", ["", "\n", "  "])
def test_an_empty_file_is_replaced(tmp_path: Path, content: str):
    (tmp_path / "token").write_text(content)

    assert create_once(tmp_path / "token", "secret") == "secret"
    assert create_once(tmp_path / "token", "another") == "secret"


@pytest.mark.parametrize("token_of", [tokens.jupyter_token, tokens.own_spark_token])
@pytest.mark.parametrize("name", [tokens.JUPYTER_TOKEN_FILE, tokens.SPARK_TOKEN_FILE])
def test_an_empty_token_file_is_replaced(tmp_path: Path, token_of, name: str):
    (tmp_path / name).touch()
    settings = Settings(state_dir=tmp_path)

    assert len(token_of(settings)) >= 32
    assert token_of(settings) == token_of(settings)


def at_the_same_time(code: str, arguments: list[list[str]]) -> list[str]:
    """Run Python code in one process for each list of arguments, and return what they print."""
    processes: list[PipedProcess[str]] = [
        PipedProcess(
            [sys.executable, "-c", code, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for words in arguments
    ]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate(timeout=60)[0] for process in processes]


@pytest.mark.programs
def test_processes_that_create_a_file_at_the_same_time_get_the_same_content(tmp_path: Path):
    for attempt in range(3):
        path = tmp_path / str(attempt)
        contents = set(at_the_same_time(CREATE, [[str(path), f"content {number}"] for number in range(3)]))

        assert contents == {path.read_text() + "\n"}


@pytest.mark.programs
def test_processes_that_replace_empty_files_at_the_same_time_agree(tmp_path: Path):
    for name in range(30):
        (tmp_path / str(name)).touch()

    outputs = at_the_same_time(REPLACE_ALL, [[str(tmp_path), f"content {number}"] for number in range(4)])

    contents = "".join(f"{path.read_text()}\n" for path in sorted(tmp_path.iterdir()))
    assert len(list(tmp_path.iterdir())) == 30
    assert outputs == [contents] * 4


def test_an_unchanged_file_is_not_written(tmp_path: Path):
    assert write_if_changed(tmp_path / "file", "content")
    before = (tmp_path / "file").stat()

    assert not write_if_changed(tmp_path / "file", "content")
    assert (tmp_path / "file").stat().st_ino == before.st_ino


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_has_the_given_permissions(tmp_path: Path, mode: int):
    write_atomically(tmp_path / "written", "content", mode=mode)

    assert (tmp_path / "written").stat().st_mode & 0o777 == mode


def test_a_created_file_is_readable_by_its_owner_only(tmp_path: Path):
    create_once(tmp_path / "token", "content")

    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
