"""Checks of what `eventlab setup` installs: Java, the jars and the start-up archives."""

from __future__ import annotations

from eventlab.doctor.result import CheckResult, shorten
from eventlab.stack import jars, java
from eventlab.stack.setup import ARCHIVED, archive


def java_runtime() -> CheckResult:
    """Check that a Java fits, and show the one that the services use and those that do not fit."""
    runtimes = list(java.candidates())
    unfit = [f"{other.found_in} ({other.home}) {other.unfit}" for other in runtimes if other.unfit]
    fit = [runtime for runtime in runtimes if runtime.unfit is None]
    if not fit:
        reason = "; ".join(unfit) or "there is none"
        return CheckResult("java", False, f"none of {java.OLDEST} to {java.NEWEST}: {reason}", "eventlab setup")
    used = f"Java {fit[0].major} ({fit[0].found_in}): {fit[0].home}"
    return CheckResult("java", True, "; not fit: ".join([used, *unfit]))


def checksums() -> CheckResult:
    """Check that each locked jar exists and has its SHA-256."""
    if problems := jars.verify():
        return CheckResult("jars", False, shorten(problems), "eventlab setup")
    return CheckResult("jars", True, "all there with the locked SHA-256")


def startup_archives() -> CheckResult:
    """Check that each service has an archive for this Java and these jars."""
    if missing := [name for name in ARCHIVED if not archive(name).exists()]:
        detail = f"none for {', '.join(missing)}: the stack works, but starts more slowly"
        return CheckResult("archives", False, detail, "eventlab setup")
    return CheckResult("archives", True, "there for this Java and these jars: the stack starts fast")
