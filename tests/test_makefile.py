"""The Makefile's commands: how it calls uv, and what it prints while it creates the environment."""

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from eventlab.settings import ROOT

pytestmark = pytest.mark.programs


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Create a folder with the Makefile, an up-to-date environment, and a uv that prints its arguments."""
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".ready").touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").write_text("#!/bin/sh\necho uv $*\n")
    (tmp_path / "bin" / "uv").chmod(0o755)
    return tmp_path


def make(clone: Path, *arguments: str, stderr: int = subprocess.PIPE) -> str:
    """Run make for the environment, and return its standard output."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHON", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    path = f"{clone / 'bin'}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["make", "--no-print-directory", *arguments, ".venv/.ready"],
        cwd=clone,
        env=inherited | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_chosen_python_is_used_even_if_an_environment_exists(clone: Path):
    assert "uv sync --locked --compile-bytecode --quiet --python python3.12" in make(clone, "PYTHON=python3.12")


def test_an_up_to_date_environment_is_not_created_again(clone: Path):
    assert "uv sync" not in make(clone)


def test_a_first_call_prints_what_it_installs(clone: Path):
    (clone / ".venv" / ".ready").unlink()

    stage, command = make(clone).splitlines()

    packages = (ROOT / "uv.lock").read_text().count("\nname = ")
    assert stage == f"environment: installing up to {packages} packages into .venv, as locked in uv.lock"
    assert command == "uv sync --locked --compile-bytecode --quiet"


def test_during_a_long_installation_lines_say_that_it_still_runs(clone: Path):
    (clone / ".venv" / ".ready").unlink()
    (clone / "bin" / "uv").write_text("#!/bin/sh\nsleep 1; echo installed\n")

    _, *lines = make(clone, "SILENCE_S=0.2").splitlines()

    end = lines.index("installed")
    assert set(lines[:end]) == {"environment: still at work"}
    assert len(lines[end + 1 :]) <= 1  # one may be on its way


def test_an_installation_that_fails_ends_make(clone: Path):
    (clone / ".venv" / ".ready").unlink()
    (clone / "bin" / "uv").write_text("#!/bin/sh\nexit 3\n")

    with pytest.raises(AssertionError, match="Error 3"):
        make(clone)
    assert not (clone / ".venv" / ".ready").exists()


def test_on_a_terminal_uv_shows_its_progress(clone: Path):
    (clone / ".venv" / ".ready").unlink()
    controller, terminal = pty.openpty()

    try:
        assert make(clone, stderr=terminal).splitlines()[-1] == "uv sync --locked --compile-bytecode"
    finally:
        os.close(controller)
        os.close(terminal)
