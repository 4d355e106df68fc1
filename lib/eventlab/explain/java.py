"""Failures for want of a Java that can run the stack: there is none, it is too old, or it is trimmed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failure import Failure
from eventlab.stack import java

USUAL_PLACES = ("/usr/lib/jvm/*", "/opt/java/*", "/Library/Java/JavaVirtualMachines/*/Contents/Home")
WANTED = (
    r"JavaError",
    r"JAVA_GATEWAY_EXITED",
    r"JAVA_HOME is not set",
    r"UnsupportedClassVersionError",
    r"Module jdk\.incubator\.vector not found",
    r"FileNotFoundError: .*[/']java'",
)


def unfit_java(failure: Failure, settings: Any) -> Explanation | None:
    """Every Java in sight is looked at; the one that would be taken does not fit."""
    return no_fitting_java() if failure.says(*WANTED) else None


def no_fitting_java() -> Explanation | None:
    seen = list(java.candidates())
    taken = seen[0] if seen else None  # JAVA_HOME goes before PATH, for Spark as for the kit
    if taken is not None and taken.unfit is None:
        return None
    if taken is None:
        what = "There is no Java here, and Kafka, HDFS and Spark run on one."
    else:
        why = taken.unfit if taken.unfit and taken.unfit.startswith("is") else f"does not fit: it {taken.unfit}"
        what = f"The Java of {taken.found_in} {why}."
    proof = "; ".join(f"{each.found_in}: {each.home} {each.unfit or 'fits'}" for each in seen)
    proof = proof or "JAVA_HOME is not set, and no java is on PATH"
    fit = next((each for each in _elsewhere() if each.unfit is None), None)
    if fit:
        proof += f"; Java {fit.major} at {fit.home} fits"
        return Explanation(what, proof, f"%env JAVA_HOME={fit.home}")
    command = shlex.quote(str(java.ROOT / ".venv" / "bin" / "eventlab"))
    return Explanation(what, proof, f"!{command} setup")


def _elsewhere() -> Iterator[java.Java]:
    yield from (each for each in java.candidates() if each.unfit is None)
    for pattern in USUAL_PLACES:
        root = Path("/")
        for home in sorted(root.glob(pattern.lstrip("/")), reverse=True):
            if home.is_dir() and os.access(home / "bin" / "java", os.X_OK):
                yield java.inspect(home, "this machine")


EXPLANATIONS: list[Explain] = [unfit_java]
