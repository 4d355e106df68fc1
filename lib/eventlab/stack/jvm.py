"""Build the java command of the services and of the command-line tools, as a list of arguments."""

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
    record_archive: bool = False,
) -> list[str]:
    """Return the command of a JVM with the class path and the options file of an environment.

    Args:
        environment: `kafka`, `hdfs` or `spark`.
        archive: The name of the class-data-sharing archive, which is used if it exists.
        main: The main class.
        *arguments: Its arguments.
        options: Further options of the JVM.
        folders: Folders at the end of the class path, where they do not make the archive unusable.
        record_archive: Write the archive when the JVM ends.
    """
    home = ROOT / "stack" / environment
    class_path = jars.class_path(environment)
    runtime = java.find()
    return [
        str(runtime.executable),
        f"@{home / 'jvm.options'}",
        *archives.options(runtime, archive, class_path, record=record_archive),
        f"-Dlog4j2.configurationFile={home / 'log4j2.properties'}",
        f"-Deventlab.service={archive}",
        *options,
        "-cp",
        os.pathsep.join(map(str, [*class_path, *folders])),
        main,
        *arguments,
    ]


def spark_driver_options(class_path: Sequence[Path]) -> list[str]:
    """Return the JVM options of a Spark driver that pyspark's launcher starts: the server's archive, quiet log."""
    return [
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",
        *archives.options(java.find(), "spark", list(class_path)),
        f"-Dlog4j2.configurationFile={ROOT / 'stack' / 'spark' / 'log4j2.properties'}",
        "-Deventlab.log.level=error",
    ]
