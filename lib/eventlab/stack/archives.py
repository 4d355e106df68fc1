"""Class-data-sharing archives: a service's classes, parsed and verified once instead of at every start.

They are made by `eventlab setup` with the JVM's own `-XX:ArchiveClassesAtExit` (JEP 350). An archive is bound
to its Java and class path, both part of its name; where there is none, or the JVM refuses it, the service
starts without, only slower.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from eventlab import ROOT
from eventlab.stack.java import Java

FOLDER = ROOT / ".jars" / "archives"
recording = False
"""Set while `eventlab setup` runs the services once to write their archives."""


def path(java: Java, service: str, class_path: list[Path]) -> Path:
    """The archive of a service under this Java and class path."""
    bound_to = "\n".join([str(java.home), str(java.major), *map(str, class_path)])
    return FOLDER / f"{service}-{hashlib.sha256(bound_to.encode()).hexdigest()[:12]}.jsa"


def options(java: Java, service: str, class_path: list[Path]) -> list[str]:
    """The JVM's options to write the service's archive while recording, else to use the one that is there."""
    archive = path(java, service, class_path)
    if recording:
        FOLDER.mkdir(parents=True, exist_ok=True)
        return [f"-XX:ArchiveClassesAtExit={archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
    if archive.exists():
        return [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off", "-Xlog:class+path=off"]
    return []
