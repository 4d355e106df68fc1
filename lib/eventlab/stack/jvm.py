"""Building a java command: once, as a list of words, for the services and for the field's commands alike."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from eventlab import ROOT
from eventlab.stack import archives, jars, java


def java_command(
    environment: str,
    archive: str,
    main: str,
    *arguments: str,
    options: Sequence[str] = (),
    folders: Sequence[Path] = (),
) -> list[str]:
    """A JVM on the environment's class path, with its options file and the named archive where there is one.

    `folders` end the class path: an archive is refused when a folder is among what it was recorded with, but
    not when one comes after that.
    """
    home = ROOT / "stack" / environment
    class_path = jars.class_path(environment)
    runtime = java.find()
    return [
        str(runtime.executable),
        f"@{home / 'jvm.options'}",
        *archives.options(runtime, archive, class_path),
        f"-Dlog4j2.configurationFile={home / 'log4j2.properties'}",
        f"-Deventlab.service={archive}",
        *options,
        "-cp",
        os.pathsep.join(map(str, [*class_path, *folders])),
        main,
        *arguments,
    ]


def spark_driver_options(class_path: Sequence[Path]) -> list[str]:
    """What a driver that pyspark's own launcher starts is given: the server's archive, and a quiet log."""
    return [
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",
        *archives.options(java.find(), "spark", list(class_path)),
        f"-Dlog4j2.configurationFile={ROOT / 'stack' / 'spark' / 'log4j2.properties'}",
        "-Deventlab.log.level=error",
    ]
