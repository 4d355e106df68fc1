"""Skipped tests: the report at the end of a run, failure in CI, and how missing tools are installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eventlab.settings import ROOT
from tests import system_tools
from tests.system_tools import TOOLS

CONFTEST = "from tests.skips import pytest_sessionfinish, pytest_terminal_summary\n"
TESTS = """
import pytest
from tests.skips import requires_tool, tool_path

@requires_tool("kcat")
def test_with_a_mark(): ...

@pytest.fixture
def browser():
    return tool_path("chromium")

def test_with_a_fixture(browser): ...

@pytest.mark.skipif(True, reason="not on this machine")
def test_of_something_else(): ...

def test_without_tools(): ...
"""


def run_pytest(folder: Path, *, tools: bool, ci: bool) -> subprocess.CompletedProcess[str]:
    """Run the tests above; the PATH contains all tools or none."""
    (folder / "bin").mkdir()
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_tools.py").write_text(TESTS)
    for tool in ("kcat", "chromium") if tools else ():
        (folder / "bin" / tool).write_text("#!/bin/sh\n")
        (folder / "bin" / tool).chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment |= {
        "PATH": str(folder / "bin"),
        "PYTHONPATH": str(ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    } | ({"CI": "true"} if ci else {})
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        str(folder),
    ]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def summary(result: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Return the reasons in the table of skipped tests with their numbers of tests."""
    table = result.stdout.partition(" skipped tests ")[2].splitlines()[1:]
    rows = [line.split(maxsplit=1) for line in table if line[:5].strip().isdigit()]
    return {reason: int(count) for count, reason in rows if not reason.startswith("passed")}


@pytest.mark.programs
def test_a_run_without_the_tools_passes_and_lists_what_it_skipped(tmp_path: Path):
    result = run_pytest(tmp_path, tools=False, ci=False)

    assert result.returncode == 0, result.stdout
    assert {reason.partition(" (")[0]: count for reason, count in summary(result).items()} == {
        "missing tool: kcat": 1,
        "missing tool: chromium": 1,
        "not on this machine": 1,
    }
    assert "apt-get install -y --no-install-recommends kcat" in result.stdout


@pytest.mark.programs
def test_in_ci_a_missing_tool_fails_the_run(tmp_path: Path):
    result = run_pytest(tmp_path, tools=False, ci=True)

    assert result.returncode == pytest.ExitCode.TESTS_FAILED
    assert "CI is set, so a skip for lack of a tool fails the run." in result.stdout


@pytest.mark.programs
def test_in_ci_other_skips_do_not_fail_the_run(tmp_path: Path):
    result = run_pytest(tmp_path, tools=True, ci=True)

    assert result.returncode == 0, result.stdout
    assert summary(result) == {"not on this machine": 1}


def test_a_tool_that_is_installed_but_does_not_work_counts_as_missing():
    from tests.skips import MISSING, requires_tool

    mark = requires_tool("bwrap", "user namespaces are not allowed").mark

    assert mark.args == (True,)
    assert mark.kwargs["reason"].startswith(MISSING)


def test_on_debian_all_tools_are_installed_with_two_commands():
    assert system_tools.apt_commands(list(TOOLS.values())) == [
        ["apt-get", "update"],
        [
            *("apt-get", "install", "-y", "--no-install-recommends"),
            *("chromium", "bubblewrap", "kcat", "apache2-utils"),
        ],
    ]


def test_the_line_for_users_is_sudo_on_linux_and_brew_on_macos():
    kcat, chromium = TOOLS["kcat"], TOOLS["chromium"]

    assert system_tools.install_line([kcat], "linux") == (
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends kcat"
    )
    assert system_tools.install_line([kcat, chromium], "darwin") == (
        "brew install kcat && brew install --cask google-chrome"
    )
    assert system_tools.install_line([TOOLS["bwrap"]], "darwin") == ""


@pytest.fixture
def machine_without_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set a PATH that contains only an apt-get that logs its arguments; return the log."""
    log = tmp_path / "log"
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$DEBIAN_FRONTEND $@" >> {log}\n')
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return log


@pytest.mark.programs
def test_root_installs_what_is_missing(machine_without_tools: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    system_tools.main()

    update, install = machine_without_tools.read_text().splitlines()
    assert update == "noninteractive update"
    assert install.startswith("noninteractive install -y --no-install-recommends ")
    assert {tool.apt for tool in TOOLS.values()} <= set(install.split())


def test_another_user_gets_the_line_that_installs_it(
    machine_without_tools: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    system_tools.main()

    assert not machine_without_tools.exists()
    assert (
        f"To install what they need: {system_tools.install_line(list(TOOLS.values()))}" in capsys.readouterr().out
    )
