"""The programs that some tests need and that pip cannot install: where to find them and how to install them.

`make test` runs this module before the tests (`python -m tests.system_tools`). It needs the standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tool:
    """A program, the packages that contain it, and the tests that need it.

    Attributes:
        commands: Names or paths of the program; the first one that exists is used.
        apt: The package on Debian and Ubuntu.
        brew: Arguments of `brew install` on macOS; empty if there is no package or macOS has the program.
        tests: The tests that are skipped without it.
    """

    name: str
    commands: tuple[str, ...]
    apt: str
    brew: str
    tests: str

    @property
    def path(self) -> str | None:
        """Return the path of the program, or None if it is not installed."""
        return next((path for command in self.commands if (path := shutil.which(command))), None)


CHROME = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "chromium",
            ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", CHROME),
            apt="chromium",
            brew="--cask google-chrome",
            tests="tests/browser",
        ),
        Tool("bwrap", ("bwrap",), apt="bubblewrap", brew="", tests="sandbox tests in tests/grading"),
        Tool("kcat", ("kcat",), apt="kcat", brew="kcat", tests="tests/commands/kafkacat/test_compared.py"),
        Tool("ab", ("ab",), apt="apache2-utils", brew="", tests="tests/commands/test_ab_compared.py"),
    )
}


def missing_tools() -> list[Tool]:
    """Return the tools that are not installed."""
    return [tool for tool in TOOLS.values() if tool.path is None]


def apt_commands(tools: Sequence[Tool]) -> list[list[str]]:
    """Return the commands that install the tools on Debian or Ubuntu."""
    packages = [tool.apt for tool in tools]
    return [["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", *packages]]


def install_line(tools: Sequence[Tool], platform: str = sys.platform) -> str:
    """Return the one line that a user types to install the tools."""
    if platform == "darwin":
        return " && ".join(f"brew install {tool.brew}" for tool in tools if tool.brew)
    return " && ".join(f"sudo {' '.join(command)}" for command in apt_commands(tools))


def may_install() -> bool:
    """Return whether this process may install packages: it is root and apt-get exists."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(tools: Sequence[Tool]) -> bool:
    """Install the tools with apt-get; return whether all commands succeeded."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    return all(subprocess.run(command, env=environment).returncode == 0 for command in apt_commands(tools))


def main() -> None:
    """Install the missing tools, or print the line that installs them."""
    missing = missing_tools()
    if not missing:
        return
    print(f"Missing for some tests: {', '.join(tool.name for tool in missing)}.", flush=True)
    if may_install() and install(missing):
        return
    tests = ", ".join(tool.tests for tool in missing)
    line = install_line(missing)
    print(f"These tests are skipped: {tests}." + (f" To install what they need: {line}" if line else ""))


if __name__ == "__main__":
    main()
