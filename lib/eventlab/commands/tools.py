"""The field's commands on this stack: `kafka-topics`, `hadoop fs`, `spark-submit` and their like, as they are.

Each is the tool's own program; what is added is where the services are. `stack/bin` holds a link a command, which
ends here: python -m eventlab.commands NAME ARGUMENT...
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eventlab.errors import EventlabError
from eventlab.settings import Settings
from eventlab.stack import config, jars, jvm

KAFKA_TOOLS = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
}
FS_SHELL = "org.apache.hadoop.fs.FsShell"
VERSION_INFO = "org.apache.hadoop.util.VersionInfo"
CONNECTOR = "org.apache.spark:spark-sql-kafka-0-10_"
QUIET = "-Deventlab.log.level=error"
CLASSIC: dict[str, str | None] = dict.fromkeys(
    ("SPARK_REMOTE", "SPARK_LOCAL_REMOTE", "SPARK_CONNECT_MODE_ENABLED", "PYSPARK_REMOTE_INIT_CONF_LEN")
)
"""What a notebook with a Spark Connect session leaves in its environment, and a classic Spark must not see."""


class UsageError(EventlabError):
    """The command can't be run as it was typed; the message says what to type instead."""


@dataclass(frozen=True)
class Invocation:
    """What is executed: a list of words, and variables set or (None) unset; `notes` go to standard error first."""

    words: list[str]
    variables: dict[str, str | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def kafka_tool(settings: Settings, name: str, arguments: Sequence[str]) -> Invocation:
    """Kafka's own class, on the stack's broker unless another is named."""
    if "--zookeeper" in arguments:
        raise UsageError(
            f"Kafka 4 has no ZooKeeper. Instead of --zookeeper HOST:PORT: {name} --bootstrap-server "
            f"{settings.bootstrap_servers} (or leave it out: this shell knows the broker)"
        )
    named = {word.partition("=")[0] for word in arguments} & {"--bootstrap-server", "--broker-list", "--version"}
    broker = [] if named or not arguments else ["--bootstrap-server", settings.bootstrap_servers]
    return Invocation(jvm.java_command("kafka", "kafka", KAFKA_TOOLS[name], *arguments, *broker, options=[QUIET]))


def hadoop(settings: Settings, name: str, arguments: Sequence[str]) -> Invocation:
    """`hadoop fs ...` and `hdfs dfs ...` are Hadoop's FsShell; `version` its version."""
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("", ())
    if verb == "version":
        return Invocation(jvm.java_command("hdfs", "namenode", VERSION_INFO, options=[QUIET]))
    if verb not in ("fs", "dfs"):
        raise UsageError(
            f"{name} {verb} is not part of this kit; there are: {name} {'fs' if name == 'hadoop' else 'dfs'} "
            f"-ls|-cat|-put|-get|-rm|... and {name} version"
        )
    conf = [config.conf_dir(settings, "hdfs")]  # FsShell insists on a core-site.xml in the class path
    return Invocation(jvm.java_command("hdfs", "namenode", FS_SHELL, *rest, options=[QUIET], folders=conf))


def spark_submit(settings: Settings, name: str, arguments: Sequence[str]) -> Invocation:
    """SparkSubmit itself, classic: the Kafka source and HDFS are configured, the web page takes a free port."""
    kept, notes = without_connector(arguments)
    if "--remote" in kept:
        return Invocation([_pyspark_script("spark-submit"), *kept], notes=notes)
    memory = f"-Xmx{driver_memory(kept) or settings.spark_memory}"
    words = jvm.java_command(
        "spark",
        "spark",
        "org.apache.spark.deploy.SparkSubmit",
        "--conf",
        "spark.ui.port=0",
        *kept,
        options=[QUIET, memory],
        folders=[config.conf_dir(settings, "spark")],
    )
    return Invocation(words, CLASSIC, notes)


def driver_memory(arguments: Sequence[str]) -> str | None:
    """The size after `--driver-memory`, as a word of its own or behind `=`, as Spark's own launcher reads both."""
    for word, following in zip(arguments, [*arguments[1:], None], strict=True):
        name, equals, size = word.partition("=")
        if name == "--driver-memory":
            return size if equals else following
    return None


def pyspark(settings: Settings, name: str, arguments: Sequence[str]) -> Invocation:
    """pyspark's own shell, classic: `spark` and `sc` are there, also with PYSPARK_DRIVER_PYTHON=jupyter.

    The words are those that pyspark's script ends in; the script itself first asks the driver's Python for the
    places of its files, and Jupyter is no Python.
    """
    kept, notes = without_connector(arguments)
    if "--remote" in kept:
        return Invocation([_pyspark_script("pyspark"), *kept], notes=notes)
    home = jars.pyspark_home()
    driver = os.environ.get("PYSPARK_DRIVER_PYTHON", sys.executable)
    options, about_options = as_lab(os.environ.get("PYSPARK_DRIVER_PYTHON_OPTS", ""))
    path = [
        *sorted((home / "python" / "lib").glob("py4j-*.zip")),
        home / "python",
        os.environ.get("PYTHONPATH", ""),
    ]
    variables = CLASSIC | {
        "SPARK_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONSTARTUP": str(home / "python" / "pyspark" / "shell.py"),
        "OLD_PYTHONSTARTUP": os.environ.get("PYTHONSTARTUP", ""),
        "PYSPARK_DRIVER_PYTHON": driver,
        "PYSPARK_DRIVER_PYTHON_OPTS": options or None,
        "SPARK_LAUNCHER_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # it only makes a command line
    }
    shell = ["pyspark-shell-main", "--name", "PySparkShell", "--conf", "spark.ui.port=0"]
    return Invocation([str(home / "bin" / "spark-submit"), *shell, *kept], variables, notes + about_options)


def as_lab(options: str) -> tuple[str, tuple[str, ...]]:
    """Jupyter's options with `lab` for the `notebook` of before 2023, which is another package today."""
    if options.split()[:1] != ["notebook"]:
        return options, ()
    renamed = options.replace("notebook", "lab", 1)
    renamed = renamed.replace("--NotebookApp.token", "--IdentityProvider.token")
    return renamed.replace("--NotebookApp.", "--ServerApp."), (
        f"jupyter {renamed} (this kit's notebooks are Lab's)",
    )


def without_connector(arguments: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The arguments without a Kafka source among `--packages`: the matching one is there, offline, already."""
    kept: list[str] = []
    notes: list[str] = []
    words = iter(arguments)
    for word in words:
        if word != "--packages":
            kept.append(word)
            continue
        packages = next(words, "").split(",")
        others = [package for package in packages if not package.startswith(CONNECTOR)]
        notes += [
            f"{package} is left out: this Spark has its own Kafka source"
            for package in packages
            if package not in others
        ]
        kept += ["--packages", ",".join(others)] if others else []
    return kept, tuple(notes)


def _pyspark_script(name: str) -> str:
    return str(Path(sys.executable).parent / name)


COMMANDS: dict[str, Callable[[Settings, str, Sequence[str]], Invocation]] = {
    **dict.fromkeys(KAFKA_TOOLS, kafka_tool),
    "hadoop": hadoop,
    "hdfs": hadoop,
    "spark-submit": spark_submit,
    "pyspark": pyspark,
}
