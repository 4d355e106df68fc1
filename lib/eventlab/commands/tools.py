"""The commands of Kafka, Hadoop and Spark on this stack: `kafka-topics`, `hadoop fs`, `spark-submit`, `pyspark`.

Each command runs the original program and adds only the services' addresses. `stack/bin` contains one link per
command, which runs `python -m eventlab.commands NAME ARGUMENT...`.
"""

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from eventlab.clients import ports
from eventlab.clients.kafka_connections import WAITS_ARE_LONG
from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.settings import ROOT, Settings
from eventlab.stack import config, jars, jvm

KAFKA_TOOLS = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
}
FS_SHELL = "org.apache.hadoop.fs.FsShell"
SPARK_SUBMIT = "org.apache.spark.deploy.SparkSubmit"
FREE_UI_PORT = ("--conf", "spark.ui.port=0")
VERSION_INFO = "org.apache.hadoop.util.VersionInfo"
CONNECTOR = "org.apache.spark:spark-sql-kafka-0-10_"
ERRORS_ONLY = "-Deventlab.log.level=error"
NO_LOG = "-Deventlab.log.level=off"
CONSOLES = ("kafka-console-consumer", "kafka-console-producer")
CONFIG_OPTIONS = ("--command-config", "--consumer.config", "--producer.config")
CLIENT_PROPERTIES = ROOT / "stack" / "kafka" / "client.properties"
PROGRAM_START = Path(__file__).with_name("program_start")
SCRIPTS = Path(sys.executable).parent
FLAGS = ("-v", "-h", "--verbose", "--help", "--version", "--supervise", "--usage-error")
"""The options of spark-submit that take no value."""
CLASSIC_SPARK: dict[str, str | None] = dict.fromkeys(
    ("SPARK_REMOTE", "SPARK_LOCAL_REMOTE", "SPARK_CONNECT_MODE_ENABLED", "PYSPARK_REMOTE_INIT_CONF_LEN")
)
"""Variables that a notebook with a Spark Connect session sets, and that Spark without Connect must not see."""


class ToolUsageError(EventlabError):
    """The arguments cannot be used; the message says which arguments to use instead."""


@dataclass(frozen=True)
class Invocation:
    """A command to execute, its environment variables (None: to unset), and the notes to print before it.

    Attributes:
        hides_frames: Whether Java's stack traces are removed from its standard error.
    """

    command: list[str]
    variables: dict[str, str | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    hides_frames: bool = False


def kafka_tool(settings: Settings, name: str, arguments: Sequence[str]) -> Invocation:
    """Run one of Kafka's own tools, by default on the stack's broker; raise ToolUsageError for `--zookeeper`."""
    if "--zookeeper" in arguments:
        raise ToolUsageError(
            f"Kafka 4 has no ZooKeeper. Instead of --zookeeper HOST:PORT: {name} --bootstrap-server "
            f"{settings.bootstrap_servers} (or omit the option: this shell knows the broker)"
        )
    options = {argument.partition("=")[0] for argument in arguments}
    needs_broker = arguments and not options & {"--bootstrap-server", "--broker-list", "--version"}
    broker = ["--bootstrap-server", settings.bootstrap_servers] if needs_broker else []
    if arguments and not WAITS_ARE_LONG and not options & {*CONFIG_OPTIONS, "--version", "--help"}:
        broker += ["--command-config", str(CLIENT_PROPERTIES)]
    main, level = KAFKA_TOOLS[name], ERRORS_ONLY if name in CONSOLES else NO_LOG
    command = jvm.java_command("kafka", "kafka", main, *arguments, *broker, options=[level])
    return Invocation(command, hides_frames=name not in CONSOLES)


def hadoop(settings: Settings, name: str, arguments: Sequence[str]) -> Invocation:
    """Run FsShell for `hadoop fs` and `hdfs dfs`, or print Hadoop's version; raise ToolUsageError otherwise."""
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("", ())
    if verb == "version":
        return Invocation(jvm.java_command("hdfs", "namenode", VERSION_INFO, options=[ERRORS_ONLY]))
    if verb not in ("fs", "dfs"):
        raise ToolUsageError(
            f"{name} {verb} is not part of this kit; there are: {name} {'fs' if name == 'hadoop' else 'dfs'} "
            f"-ls|-cat|-put|-get|-rm|... and {name} version"
        )
    if rest and not rest[0].startswith("-"):
        raise ToolUsageError(f"the commands of {name} {verb} begin with a dash: {name} {verb} -{rest[0]}")
    conf = [config.conf_dir(settings, "hdfs")]  # FsShell requires a core-site.xml on the class path
    return Invocation(jvm.java_command("hdfs", "namenode", FS_SHELL, *rest, options=[ERRORS_ONLY], folders=conf))


def spark_submit(settings: Settings, name: str, arguments: Sequence[str]) -> Invocation:
    """Run Spark's SparkSubmit without Spark Connect, unless the arguments contain `--remote`.

    The Kafka source and HDFS are configured, and the web page uses a free port.
    """
    kept, notes = remove_connector(arguments)
    notes += broker_notes(settings, arguments)
    if option_value(kept, "--remote") is not None:
        # Spark refuses `--remote` beside the master in the stack's spark-defaults.conf.
        return Invocation([str(SCRIPTS / name), *kept], {"SPARK_CONF_DIR": None}, notes)
    command = jvm.java_command(
        "spark",
        "spark",
        SPARK_SUBMIT,
        *FREE_UI_PORT,
        *kept,
        options=[
            ERRORS_ONLY,
            f"-Xmx{option_value(kept, '--driver-memory') or settings.spark_memory}",
            *shlex.split(settings.spark_java_options),
        ],
        folders=[config.conf_dir(settings, "spark")],
    )
    return Invocation(command, CLASSIC_SPARK, notes)


def program_and_arguments(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the program of `spark-submit`, and the arguments of that program."""
    remaining = list(arguments)
    while remaining and remaining[0].startswith("-"):
        option = remaining.pop(0)
        if option not in FLAGS and "=" not in option and remaining:
            remaining.pop(0)
    return (remaining[0], remaining[1:]) if remaining else (None, [])


def check_program(name: str, arguments: Sequence[str]) -> None:
    """Raise ToolUsageError without a program, or for one that does not exist: Spark says so after some seconds."""
    program, _ = program_and_arguments(arguments)
    if not arguments:
        raise ToolUsageError(f"which program? {name} PROGRAM.py ARGUMENT...")
    if program and program.endswith(".py") and "://" not in program and not Path(program).exists():
        raise ToolUsageError(f"there is no file {program} in {Path.cwd()}")


def broker_notes(settings: Settings, arguments: Sequence[str]) -> tuple[str, ...]:
    """Return a note if a program that names Kafka is to run, and no broker answers."""
    if not any(mentions_kafka(Path(argument)) for argument in arguments if argument.endswith(".py")):
        return ()
    try:
        ports.check_connection(settings.bootstrap_servers.split(",")[0])
    except ServiceUnavailable:
        return (f"no Kafka broker answers at {settings.bootstrap_servers} (next: eventlab up kafka)",)
    return ()


def mentions_kafka(program: Path) -> bool:
    """Return whether a program contains the word `kafka`; False if it cannot be read, which Spark reports."""
    try:
        return "kafka" in program.read_text(errors="replace")
    except (OSError, ValueError):
        return False


def variables_with_timeouts(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Return PYTHONPATH such that a Python program of Spark gives up within 15 seconds without a broker."""
    if WAITS_ARE_LONG:
        return {}
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(PROGRAM_START), variables.get("PYTHONPATH")]))}


def option_value(arguments: Sequence[str], option: str) -> str | None:
    """Return the value of an option, which is the next argument or follows `=`; None without the option."""
    for argument, following in zip_longest(arguments, arguments[1:], fillvalue=""):
        name, equals, value = argument.partition("=")
        if name == option:
            return value if equals else following
    return None


def pyspark(settings: Settings, name: str, arguments: Sequence[str]) -> Invocation:
    """Run the shell of PySpark without Spark Connect, unless the arguments contain `--remote`.

    PySpark's own script asks the driver's Python for the paths of its files. This fails when the driver is
    Jupyter (PYSPARK_DRIVER_PYTHON=jupyter), so the script's last command is built here.
    """
    kept, notes = remove_connector(arguments)
    if option_value(kept, "--remote") is not None:
        return Invocation([str(SCRIPTS / name), *kept], notes=notes)
    home = jars.pyspark_home()
    options, option_notes = translate_jupyter_options(os.environ.get("PYSPARK_DRIVER_PYTHON_OPTS", ""))
    path = [*sorted(home.glob("python/lib/py4j-*.zip")), home / "python", os.environ.get("PYTHONPATH", "")]
    variables = CLASSIC_SPARK | {
        "SPARK_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONSTARTUP": str(home / "python" / "pyspark" / "shell.py"),
        "OLD_PYTHONSTARTUP": os.environ.get("PYTHONSTARTUP", ""),
        "PYSPARK_DRIVER_PYTHON": os.environ.get("PYSPARK_DRIVER_PYTHON", sys.executable),
        "PYSPARK_DRIVER_PYTHON_OPTS": options or None,
        "SPARK_LAUNCHER_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # the launcher only builds a command
    }
    shell = ["pyspark-shell-main", "--name", "PySparkShell", *FREE_UI_PORT]
    return Invocation([str(home / "bin" / "spark-submit"), *shell, *kept], variables, notes + option_notes)


def translate_jupyter_options(options: str) -> tuple[str, tuple[str, ...]]:
    """Replace the `notebook` command and options of before 2023 by JupyterLab's; also return a note about it."""
    if options.split()[:1] != ["notebook"]:
        return options, ()
    renamed = options.replace("notebook", "lab", 1)
    renamed = renamed.replace("--NotebookApp.token", "--IdentityProvider.token")
    renamed = renamed.replace("--NotebookApp.", "--ServerApp.")
    return renamed, (f"jupyter {renamed} (this kit's notebooks are opened by JupyterLab)",)


def remove_connector(arguments: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Remove Spark's Kafka source from `--packages`, because the kit's Spark already has the one that matches.

    Also return one note per removed package.
    """
    kept: list[str] = []
    notes: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument != "--packages":
            kept.append(argument)
            continue
        packages = next(remaining, "").split(",")
        others = [package for package in packages if not package.startswith(CONNECTOR)]
        removed = (package for package in packages if package.startswith(CONNECTOR))
        notes += [f"{package} is omitted: this Spark has its own Kafka source" for package in removed]
        kept += ["--packages", ",".join(others)] if others else []
    return kept, tuple(notes)


TOOLS: dict[str, Callable[[Settings, str, Sequence[str]], Invocation]] = {
    **dict.fromkeys(KAFKA_TOOLS, kafka_tool),
    "hadoop": hadoop,
    "hdfs": hadoop,
    "spark-submit": spark_submit,
    "pyspark": pyspark,
}
