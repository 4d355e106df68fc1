"""Skip tests whose tools are missing, and report at the end of a run what was skipped and why.

`tests/conftest.py` imports the two hooks. With `CI` set, a run fails if a test was skipped because a tool of
`tests/system_tools.py` is missing or does not work.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.system_tools import TOOLS, install_line

MISSING = "missing tool: "


def requires_tool(name: str, problem: str = "") -> pytest.MarkDecorator:
    """Return a mark that skips a test without the tool.

    Args:
        name: A key of `TOOLS`.
        problem: Why an installed tool does not work on this machine; empty if it works.
    """
    missing = TOOLS[name].path is None
    return pytest.mark.skipif(missing or bool(problem), reason=_reason(name, "" if missing else problem))


def tool_path(name: str) -> str:
    """Return the path of a tool for a fixture; skip the test if it is not installed."""
    path = TOOLS[name].path
    if path is None:
        pytest.skip(_reason(name))
    return path


def _reason(name: str, problem: str = "") -> str:
    return f"{MISSING}{name} ({problem or f'install it: {install_line([TOOLS[name]])}'})"


def skip_reasons(reporter: pytest.TerminalReporter) -> Counter[str]:
    """Count the skipped tests by reason."""
    reports = reporter.stats.get("skipped", [])
    return Counter(
        report.longrepr[2].removeprefix("Skipped: ") for report in reports if isinstance(report.longrepr, tuple)
    )


def missing_in_ci(reporter: pytest.TerminalReporter) -> bool:
    """Return whether this run is in CI and skipped tests for lack of a tool."""
    return bool(os.environ.get("CI")) and any(reason.startswith(MISSING) for reason in skip_reasons(reporter))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line per reason with the number of tests that it skipped."""
    reasons = skip_reasons(terminalreporter)
    if not reasons:
        return
    terminalreporter.section("skipped tests")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count:5}  {' '.join(reason.split())}")
    if missing_in_ci(terminalreporter):
        terminalreporter.line("CI is set, so a skip for lack of a tool fails the run.", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run in CI if tests were skipped for lack of a tool."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and missing_in_ci(reporter) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
