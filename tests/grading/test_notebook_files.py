"""What cannot be read as a notebook is told from a fault of the machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from eventlab.grading.execution import notebook as module
from eventlab.grading.execution.notebook import UnreadableError
from tests.helpers import ended_by


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"\x89PNG\0\0", "not a notebook"),
        (b"[1, 2]", "not an object"),
        (b"{}", "no cells"),
        (b'{"cells": []}', "no cells"),
        (b'{"cells": 7}', "no cells"),
        (b"[" * 100_000, "RecursionError"),
    ],
)
def test_what_is_no_notebook_is_unreadable_and_says_why(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "student.ipynb"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=why):
        module.read(path)


@pytest.mark.programs
def test_a_file_that_takes_too_much_memory_is_no_notebook(tmp_path: Path) -> None:
    path = tmp_path / "student.ipynb"
    path.write_text(f'{{"cells": [{{"cell_type": "code"}}], "metadata": [{"{}," * 20_000_000}{{}}]}}')

    with pytest.raises(UnreadableError, match="emory"):
        module.read(path)


def test_a_file_that_the_machine_cannot_read_is_no_unreadable_notebook(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        module.read(tmp_path / "gone.ipynb")


@pytest.mark.programs
def test_a_large_file_that_disappears_is_a_fault_of_the_machine_only(tmp_path: Path) -> None:
    """Other than the end of the process that reads it, for which the submission may be the reason."""
    with pytest.raises(OSError, match=r"the notebook cannot be read: .*No such file"):
        module._read_apart(tmp_path / "gone.ipynb")


@pytest.mark.programs
@pytest.mark.parametrize("number", [1, 2, 9, 15])
def test_a_reader_that_the_machine_kills_is_no_unreadable_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "large.ipynb"
    path.write_text('{"cells": []}' + " " * module.READ_APART_BYTES)
    killed = tmp_path / "python"
    killed.write_text(f"#!{sys.executable}\n{ended_by(number)}")
    killed.chmod(0o755)
    monkeypatch.setattr(module.sys, "executable", str(killed))
    with pytest.raises(module.InterruptedReadError, match="killed"):
        module.read(path)
