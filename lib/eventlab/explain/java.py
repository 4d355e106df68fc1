"""Explains errors without a usable Java: there is none, it is too old or too new, or modules are missing."""

import os
import shlex
from itertools import chain
from pathlib import Path

from eventlab import ROOT
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import Settings
from eventlab.stack import java

USUAL_FOLDERS = ("usr/lib/jvm/*", "opt/java/*", "Library/Java/JavaVirtualMachines/*/Contents/Home")
JAVA_ERRORS = (
    r"JavaError",
    r"JAVA_GATEWAY_EXITED",
    r"JAVA_HOME is not set",
    r"UnsupportedClassVersionError",
    r"Module jdk\.incubator\.vector not found",
    r"FileNotFoundError: .*[/']java'",
)


def unusable_java(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the first Java of JAVA_HOME and PATH cannot run the stack. Name one that can.

    Remedy: Set JAVA_HOME to a Java that can be used, or install one.
    """
    if not cell.matches(*JAVA_ERRORS):
        return None
    candidates = list(java.candidates())
    first = candidates[0] if candidates else None  # Spark and the kit both prefer JAVA_HOME to PATH
    if first is None:
        what = "No Java was found. Kafka, HDFS and Spark need one."
        proof = "JAVA_HOME is not set, and no java is on PATH"
    elif first.unfit is None:
        return None
    else:
        what = f"The Java of {first.source} cannot run the stack: it {first.unfit}."
        proof = "; ".join(f"{item.source}: {item.home} {item.unfit or 'can be used'}" for item in candidates)
    homes = (home for pattern in USUAL_FOLDERS for home in sorted(Path("/").glob(pattern), reverse=True))
    others = (java.inspect(home, "this machine") for home in homes if os.access(home / "bin" / "java", os.X_OK))
    if usable := next((item for item in chain(candidates, others) if item.unfit is None), None):
        proof += f"; Java {usable.major} at {usable.home} can be used"
        return Explanation(what, proof, f"%env JAVA_HOME={usable.home}")
    return Explanation(what, proof, f"!{shlex.quote(str(ROOT / '.venv' / 'bin' / 'eventlab'))} setup")


EXPLANATIONS: list[Explain] = [unusable_java]
