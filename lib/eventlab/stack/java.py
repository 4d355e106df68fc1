"""Find a Java that can run the whole stack, or download one.

Kafka 4, Hadoop 3.5 and Spark 4 need Java 17 or newer. Spark's launcher adds the module `jdk.incubator.vector`, so
a trimmed Java without it cannot start Spark.
"""

import contextlib
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eventlab import ROOT
from eventlab.errors import EventlabError

logger = logging.getLogger(__name__)

OLDEST, NEWEST = 17, 25
"""The range of major versions that was tested; Spark and Hadoop do not support newer ones yet."""
FETCHED_VERSION = "17"
CACHE = ROOT / ".jars" / "java"
NEEDED_MODULE = "jdk.incubator.vector"


class JavaError(EventlabError):
    """No suitable Java is installed, or its download failed."""


@dataclass(frozen=True)
class Java:
    """A Java installation.

    Attributes:
        home: Its folder.
        major: Its major version, 0 when unknown.
        source: What names it, for example `JAVA_HOME` or `PATH`.
        unfit: The reason why it cannot run the stack, without a subject ("is Java 11, ..."), or None.
    """

    home: Path
    major: int
    source: str
    unfit: str | None = None

    @property
    def executable(self) -> Path:
        """Return the path of the `java` command."""
        return self.home / "bin" / "java"


def find() -> Java:
    """Return the first Java of JAVA_HOME, PATH and the kit's own folder that can run the stack.

    Raises:
        JavaError: None of them can; the message contains the reason for each.
    """
    installed = list(candidates())
    for java in installed:
        if java.unfit is None:
            logger.debug("using Java %d of %s: %s", java.major, java.source, java.home)
            return java
    reasons = "; ".join(f"{java.source} ({java.home}) {java.unfit}" for java in installed) or "none was found"
    raise JavaError(f"The stack needs Java {OLDEST} to {NEWEST}: {reasons}", next_command="eventlab setup")


def find_or_fetch() -> Java:
    """Return `find()`, or download a JDK into the kit's folder; this needs no administrator rights.

    Raises:
        JavaError: The download failed, or the downloaded Java cannot run the stack.
    """
    with contextlib.suppress(JavaError):
        return find()
    import cjdk

    logger.info("downloading Java %s to %s", FETCHED_VERSION, CACHE)
    advice = f"Install a JDK {OLDEST} or newer, or set JAVA_HOME to one"
    try:
        home = Path(cjdk.java_home(version=FETCHED_VERSION, vendor="zulu", cache_dir=CACHE))
    except Exception as error:  # cjdk does not document its exceptions
        message = f"Java {FETCHED_VERSION} could not be downloaded ({error}). {advice}"
        raise JavaError(message, next_command="eventlab setup") from error
    fetched = inspect(home, "downloaded by eventlab")
    if fetched.unfit:
        message = f"the downloaded Java ({home}) {fetched.unfit}. {advice}"
        raise JavaError(message, next_command="eventlab setup")
    return fetched


def candidates() -> Iterator[Java]:
    """Yield each installed Java in the order of preference, including those that cannot run the stack."""
    if home := os.environ.get("JAVA_HOME"):
        yield inspect(Path(home), "JAVA_HOME")
    if executable := shutil.which("java"):
        yield inspect(_home_of(Path(executable)), "PATH")
    for release in sorted(CACHE.glob("**/release")):
        if (release.parent / "bin" / "java").exists():
            yield inspect(release.parent, "downloaded by eventlab")


def inspect(home: Path, source: str) -> Java:
    """Inspect a Java home: read its `release` file or, without that file, run its `java`."""
    executable = home / "bin" / "java"
    if not executable.is_file() or not os.access(executable, os.X_OK):
        return Java(home, 0, source, "has no bin/java")
    release = home / "release"
    text = release.read_text(errors="replace") if release.is_file() else ""
    version = re.search(r'^JAVA_VERSION="([^"]+)"', text, re.MULTILINE)
    modules = re.search(r'^MODULES="([^"]+)"', text, re.MULTILINE)
    number = re.search(r'(?:^|[" ])(?:1\.)?(\d+)', version[1] if version else _output_of(executable, "-version"))
    major = int(number[1]) if number else 0
    if not major:
        return Java(home, 0, source, "does not report its version")
    if not OLDEST <= major <= NEWEST:
        return Java(home, major, source, f"is Java {major}, not {OLDEST} to {NEWEST}")
    if NEEDED_MODULE not in (modules[1] if modules else _output_of(executable, "--list-modules")):
        return Java(home, major, source, f"is a trimmed Java without the module {NEEDED_MODULE}")
    return Java(home, major, source)


def _home_of(executable: Path) -> Path:
    """Return the home of a `java` on PATH, which may be a link or, on macOS, a program that calls java_home."""
    resolved = executable.resolve()
    if resolved == Path("/usr/bin/java") and (home := _output_of(Path("/usr/libexec/java_home")).strip()):
        return Path(home)
    return resolved.parent.parent


def _output_of(executable: Path, *arguments: str) -> str:
    try:
        result = subprocess.run([executable, *arguments], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout + result.stderr
