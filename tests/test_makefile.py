"""The Makefile gives uv the Python that was named."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from eventlab.settings import ROOT


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the Makefile, an environment that is up to date, and a uv that prints what it is asked."""
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".ready").touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").write_text("#!/bin/sh\necho uv $*\n")
    (tmp_path / "bin" / "uv").chmod(0o755)
    return tmp_path


def make(clone: Path, *words: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "MAKEFLAGS")}
    path = f"{clone / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["make", *words, ".venv/.ready"], cwd=clone, env=kept | {"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_named_python_is_used_even_where_there_is_an_environment(clone: Path):
    assert "uv sync --locked --quiet --python python3.12" in make(clone, "PYTHON=python3.12")


def test_an_environment_that_is_up_to_date_is_not_made_again(clone: Path):
    assert "uv sync" not in make(clone)
