"""In `make test-unit`, a test that starts a program fails, and modules that only start programs are left out."""

import subprocess
import sys
from pathlib import Path

import pytest

from eventlab.settings import ROOT

CONFTEST = """
from tests.groups import pytest_ignore_collect
from tests.programs import pytest_configure
"""
TESTS = """
import os, subprocess, sys, threading
import pytest

def test_of_nothing(): ...

def test_of_a_command_of_the_system(tmp_path):
    subprocess.run(["rm", "-rf", tmp_path / "none"], check=True)

def test_of_a_program():
    subprocess.run([sys.executable, "-c", ""])

def test_of_a_command_line():
    os.system("true")

def test_of_a_fork():
    if os.fork() == 0:
        os._exit(0)

@pytest.fixture
def program():
    subprocess.run([sys.executable, "-c", ""])

def test_of_a_fixture(program): ...

@pytest.mark.programs
def test_with_the_mark():
    subprocess.run([sys.executable, "-c", ""])
"""
OF_SERVICES = """
import pytest
pytestmark = pytest.mark.services
def test_of_services(): ...
"""


def outcomes(folder: Path, selected: str) -> dict[str, str]:
    """Run the tests above with a selection of marks; return the outcome of each by its name."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_programs.py").write_text(TESTS)
    (folder / "test_services.py").write_text(OF_SERVICES)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "--tb=no",
        "-p",
        "no:cacheprovider",
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    command += ["--rootdir", str(folder), "-m", selected, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines() if "::test_" in line and "%]" in line]
    return {row[0].partition("::test_")[2]: row[1].lower() for row in rows}


@pytest.mark.programs
def test_a_unit_test_that_starts_a_program_fails(tmp_path: Path):
    assert outcomes(tmp_path, "not services and not programs") == {
        "of_nothing": "passed",
        "of_a_command_of_the_system": "passed",
        "of_a_program": "failed",
        "of_a_command_line": "failed",
        "of_a_fork": "failed",
        "of_a_fixture": "error",
    }


@pytest.mark.programs
def test_a_test_of_services_is_left_out_only_where_both_marks_are(tmp_path: Path):
    assert outcomes(tmp_path, "not programs")["of_services"] == "passed"
