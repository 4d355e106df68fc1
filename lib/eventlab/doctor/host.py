"""Checks of what this platform supports, and of what other users of this machine can reach."""

from __future__ import annotations

import os
import platform
import pwd
import shutil
import subprocess

import psutil

from eventlab.doctor.result import CheckResult
from eventlab.errors import EventlabError

ALTERNATIVE = "use Linux, WSL 2 on Windows, or a Linux container"
SANDBOX_TRIAL = ("bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--unshare-net", "true")
UNSANDBOXED = "submissions run with limits but without a sandbox, so grade only code that you trust"
REACHABLE = (
    "every local user can reach Kafka, HDFS, the game API and the web pages of HDFS and Spark; "
    "Spark Connect and JupyterLab ask for a token"
)
ADVICE = "on a shared machine, give each learner a container or a network namespace"


class UnsupportedPlatform(EventlabError):
    """A command cannot work on this operating system."""


def platform_name() -> str:
    """Return the name of this operating system: Linux, macOS or Windows."""
    system = platform.system()
    return {"Darwin": "macOS"}.get(system, system)


def require_grading_platform() -> None:
    """Require an operating system on which submissions can be graded.

    Raises:
        UnsupportedPlatform: This is not Linux.
    """
    if platform_name() != "Linux":
        raise UnsupportedPlatform(
            f"grading works on Linux only, because it needs /proc, prctl and bubblewrap; this machine runs "
            f"{platform_name()}. To grade, {ALTERNATIVE}"
        )


def grading() -> CheckResult:
    """Check whether this platform can grade submissions, and whether in a sandbox."""
    if platform_name() != "Linux":
        detail = f"not possible on {platform_name()}: {ALTERNATIVE}"
        return CheckResult("grading", True, detail, note=True)
    if shutil.which("bwrap") is None:
        detail = f"bubblewrap is not installed (package bubblewrap): {UNSANDBOXED}"
        return CheckResult("grading", True, detail, note=True)
    trial = subprocess.run(SANDBOX_TRIAL, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    if trial.returncode:
        reason = (trial.stderr.strip().splitlines() or ["bubblewrap failed"])[-1]
        return CheckResult("grading", True, f"bubblewrap does not work here ({reason}): {UNSANDBOXED}", note=True)
    return CheckResult("grading", True, "in a sandbox (Linux with bubblewrap)")


def other_users() -> CheckResult:
    """Show what other users of this machine can reach, and who has processes here now."""
    names = sorted(_active_users())
    active = f"; other users active now: {', '.join(names)}" if names else ""
    return CheckResult("other users", True, f"{REACHABLE}; {ADVICE}{active}", note=bool(names))


def _active_users() -> set[str]:
    """Return the names of the people, besides this user, who have processes on this machine."""
    first_uid = 501 if platform_name() == "macOS" else 1000
    uids = {process.info["uids"].real for process in psutil.process_iter(["uids"]) if process.info["uids"]}
    accounts = {account.pw_uid: account.pw_name for account in pwd.getpwall() if account.pw_name != "nobody"}
    return {accounts[uid] for uid in uids if first_uid <= uid != os.getuid() and uid in accounts}
