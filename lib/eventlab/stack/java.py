"""Finding a Java that can run the whole stack, and fetching one where there is none.

Kafka 4, Hadoop 3.5 and Spark 4 all need Java 17 or newer. Spark's launcher adds the module
`jdk.incubator.vector`, so a trimmed runtime without it can't start Spark.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eventlab import ROOT
from eventlab.errors import EventlabError

OLDEST, NEWEST = 17, 25
"""The majors that the stack was run on; a newer Java is refused because Spark and Hadoop lag behind."""
FETCHED_VERSION = "17"
CACHE = ROOT / ".jars" / "java"
NEEDED_MODULE = "jdk.incubator.vector"


class JavaError(EventlabError):
    """No Java on this machine can run the stack."""


@dataclass(frozen=True)
class Java:
    """A Java home, its major version, where it was found, and why it does not fit (None: it does)."""

    home: Path
    major: int
    found_in: str
    unfit: str | None = None

    @property
    def executable(self) -> Path:
        return self.home / "bin" / "java"


def find() -> Java:
    """The first fitting Java of JAVA_HOME, PATH and the kit's own; JavaError says what each lacks."""
    seen = list(candidates())
    for java in seen:
        if java.unfit is None:
            return java
    reasons = "; ".join(f"{java.found_in} ({java.home}) {java.unfit}" for java in seen) or "there is none"
    raise JavaError(f"No fitting Java {OLDEST} to {NEWEST}: {reasons}. Let the kit fetch one: eventlab setup")


def find_or_fetch() -> Java:
    """`find`, or else download a JDK into the kit's own folder through cjdk (no administrator rights)."""
    try:
        return find()
    except JavaError:
        import cjdk

        try:
            home = Path(cjdk.java_home(version=FETCHED_VERSION, vendor="zulu", cache_dir=CACHE))
        except Exception as error:  # cjdk documents no narrower class
            raise JavaError(
                f"Java {FETCHED_VERSION} could not be fetched ({error}). Install a JDK {OLDEST} or newer, or set "
                "JAVA_HOME to one, and try again: eventlab setup"
            ) from error
        fetched = inspect(home, "fetched by eventlab")
        if fetched.unfit:
            raise JavaError(
                f"the fetched Java ({home}) {fetched.unfit}. Install a JDK {OLDEST} or newer, or set JAVA_HOME to "
                "one, and try again: eventlab setup"
            ) from None
        return fetched


def candidates() -> Iterator[Java]:
    """Every Java in sight, best first, unfit ones included (for `eventlab doctor`)."""
    if home := os.environ.get("JAVA_HOME"):
        yield inspect(Path(home), "JAVA_HOME")
    if executable := shutil.which("java"):
        yield inspect(_home_of(Path(executable)), "PATH")
    for release in sorted(CACHE.glob("**/release")):
        if (release.parent / "bin" / "java").exists():
            yield inspect(release.parent, "fetched by eventlab")


def inspect(home: Path, found_in: str) -> Java:
    """Read a Java home's version and modules, from its `release` file where it has one (no process)."""
    executable = home / "bin" / "java"
    if not executable.is_file() or not os.access(executable, os.X_OK):
        return Java(home, 0, found_in, "has no bin/java")
    release = home / "release"
    facts = release.read_text(errors="replace") if release.is_file() else ""
    version = re.search(r'^JAVA_VERSION="([^"]+)"', facts, re.MULTILINE)
    modules = re.search(r'^MODULES="([^"]+)"', facts, re.MULTILINE)
    major = _major(version[1] if version else _ask(executable, "-version"))
    if not major:
        return Java(home, 0, found_in, "does not say its version")
    if not OLDEST <= major <= NEWEST:
        return Java(home, major, found_in, f"is Java {major}, not {OLDEST} to {NEWEST}")
    if NEEDED_MODULE not in (modules[1] if modules else _ask(executable, "--list-modules")):
        return Java(home, major, found_in, f"is a trimmed Java without the module {NEEDED_MODULE}")
    return Java(home, major, found_in)


def _home_of(executable: Path) -> Path:
    """The home behind a `java` on PATH, which may be a link or, on macOS, a stub that asks java_home."""
    resolved = executable.resolve()
    if resolved == Path("/usr/bin/java") and Path("/usr/libexec/java_home").exists():
        home = _ask(Path("/usr/libexec/java_home")).strip()
        return Path(home) if home else resolved.parent.parent
    return resolved.parent.parent


def _major(version: str) -> int:
    found = re.search(r"(?:^|[\" ])(?:1\.)?(\d+)", version)
    return int(found[1]) if found else 0


def _ask(executable: Path, *arguments: str) -> str:
    try:
        done = subprocess.run([executable, *arguments], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr
