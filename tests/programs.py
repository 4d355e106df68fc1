"""A unit test starts no other program. One that does has the mark `programs`, or fails in `make test-unit`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

OF_THE_SYSTEM = {"bwrap", "chmod", "cp", "fc-list", "git", "mkdir", "rm", "system_profiler"}
"""Programs of the system. The library copies and deletes folders with some; Matplotlib lists fonts once."""
STARTS = {"subprocess.Popen", "os.fork", "os.posix_spawn", "os.system"}
"""Events of https://docs.python.org/3/library/audit_events.html."""


def pytest_configure(config: pytest.Config) -> None:
    """Refuse starts of programs if tests that start programs are not selected."""
    if "not programs" in config.option.markexpr:
        sys.addaudithook(refuse)


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Let the running test fail if it starts a program: an audit hook of Python."""
    if event not in STARTS or "PYTEST_CURRENT_TEST" not in os.environ:
        return
    program = Path(os.fsdecode(arguments[0])).name if arguments and arguments[0] else event
    if program not in OF_THE_SYSTEM:
        pytest.fail(f"A unit test starts {program}: mark it with @pytest.mark.programs")
