"""Checks of what this platform supports, and of what other users of this machine can reach."""

import os
import platform
import pwd
import shutil
import subprocess

import psutil

from eventlab.doctor import namespaces
from eventlab.doctor.result import HealthCheck
from eventlab.errors import EventlabError

ALTERNATIVE = "use Linux, WSL 2 on Windows, or a Linux container"
SANDBOX_TRIAL = ("bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--unshare-net", "true")
UNSANDBOXED = "`eventlab grade` then needs --no-sandbox, and isolates nothing: use it only for code that you trust"
REACHABLE = (
    "every local user can reach Kafka, HDFS, the game API and the web pages of HDFS and Spark; "
    "Spark Connect and JupyterLab ask for a token"
)
ADVICE = "on a shared machine, give each learner a container or a network namespace"


def platform_name() -> str:
    """Return the name of this operating system: Linux, macOS or Windows."""
    return platform.system().replace("Darwin", "macOS")


def require_grading_platform() -> None:
    """Raise an error on an operating system on which submissions cannot be graded."""
    if platform_name() != "Linux":
        raise EventlabError(
            f"grading works on Linux only, because it needs /proc, prctl and bubblewrap; this machine runs "
            f"{platform_name()}. To grade, {ALTERNATIVE}"
        )


def grading() -> HealthCheck:
    """Check whether this platform can grade submissions, and whether a sandbox is available."""
    if platform_name() != "Linux":
        limit = f"not possible on {platform_name()}: {ALTERNATIVE}"
    elif shutil.which("bwrap") is None:
        limit = f"bubblewrap is not installed (package bubblewrap): {UNSANDBOXED}"
    else:
        trial = subprocess.run(SANDBOX_TRIAL, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        if trial.returncode == 0:
            return HealthCheck("grading", True, "in a sandbox (Linux with bubblewrap)")
        reason = (trial.stderr.strip().splitlines() or ["bubblewrap failed"])[-1]
        cause = namespaces.restriction()
        hint = f"; {cause.description}: {cause.command}" if cause else ""
        limit = f"bubblewrap does not work here ({reason}{hint}): {UNSANDBOXED}"
    return HealthCheck("grading", True, limit, note=True)


def other_users() -> HealthCheck:
    """Show what other users of this machine can reach, and who has processes here now."""
    first_uid = 501 if platform_name() == "macOS" else 1000
    uids = {process.info["uids"].real for process in psutil.process_iter(["uids"]) if process.info["uids"]}
    accounts = {account.pw_uid: account.pw_name for account in pwd.getpwall() if account.pw_name != "nobody"}
    names = sorted(accounts[uid] for uid in uids & accounts.keys() if first_uid <= uid != os.getuid())
    active = f"; other users active now: {', '.join(names)}" if names else ""
    return HealthCheck("other users", True, f"{REACHABLE}; {ADVICE}{active}", note=bool(names))
