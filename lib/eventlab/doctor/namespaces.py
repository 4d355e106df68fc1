"""Settings of Linux that keep bubblewrap from creating a sandbox, and the commands that allow it."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "bubblewrap"


@dataclass(frozen=True)
class Restriction:
    """A kernel setting that forbids user namespaces to ordinary users.

    Attributes:
        setting: Its path below /proc/sys.
        value: The value that forbids them.
        description: What it means, and where it is the default.
        command: The command that allows user namespaces until the next boot.
    """

    setting: str
    value: str
    description: str
    command: str


RESTRICTIONS = (
    Restriction(
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "AppArmor forbids user namespaces, as on Ubuntu 23.10 and later; "
        "a profile for /usr/bin/bwrap with the rule `userns` allows them for bubblewrap only",
        "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    Restriction(
        "kernel/unprivileged_userns_clone",
        "0",
        "the kernel forbids user namespaces, as on Debian 10 and older",
        "sudo sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    Restriction(
        "user/max_user_namespaces",
        "0",
        "the kernel allows no user namespaces, as on hardened systems and in some containers",
        "sudo sysctl -w user.max_user_namespaces=15000",
    ),
)


def restriction(settings: Path = Path("/proc/sys")) -> Restriction | None:
    """Return the setting that forbids user namespaces on this machine, or None; root is not restricted."""
    if os.geteuid() == 0 and settings == Path("/proc/sys"):
        return None
    for candidate in RESTRICTIONS:
        with contextlib.suppress(OSError):
            if (settings / candidate.setting).read_text().strip() == candidate.value:
                return candidate
    return None


def remedy(installed: bool, found: Restriction | None) -> str:
    """Return the command that makes a sandbox possible, or "" when none is known.

    Args:
        installed: Whether bubblewrap is installed.
        found: The setting that forbids user namespaces, if there is one.
    """
    if not installed:
        return f"sudo apt install {PACKAGE}"
    return found.command if found else ""
