"""Class-data-sharing archives: parsed and verified classes, with which a service starts faster.

`eventlab setup` writes them with the JVM's own `-XX:ArchiveClassesAtExit` (JEP 350). An archive fits one build of
Java and one class path, and both are part of its name. Without an archive that fits, a service starts more slowly.
"""

import hashlib
from pathlib import Path

from eventlab import ROOT
from eventlab.stack.java import Java

FOLDER = ROOT / ".jars" / "archives"


def path(java: Java, service: str, class_path: list[Path]) -> Path:
    """Return the archive of a service for this Java and class path."""
    release = java.home / "release"  # names the build, which an update of the system's Java changes
    build = release.read_text(errors="replace") if release.exists() else str(java.major)
    key = "\n".join([str(java.home), build, *map(str, class_path)])
    return FOLDER / f"{service}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.jsa"


def options(java: Java, service: str, class_path: list[Path], *, record: bool = False) -> list[str]:
    """Return the JVM options that use the service's archive if it exists, or that write it when the JVM ends."""
    archive = path(java, service, class_path)
    if record:
        FOLDER.mkdir(parents=True, exist_ok=True)
        # Each line of code runs a few times only: compiling it well would take longer.
        quiet = ["-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
        return [f"-XX:ArchiveClassesAtExit={archive}", "-XX:TieredStopAtLevel=1", *quiet]
    if archive.exists():
        return [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off", "-Xlog:class+path=off"]
    return []
