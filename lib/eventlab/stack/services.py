"""The six services as data: ports, command, probe, and the services that each one needs.

A pure function builds each command from the settings. Starting, watching and stopping are the same for all
services; see `startup.py`.
"""

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from eventlab.errors import ServiceUnavailable, StackError, near_names
from eventlab.settings import HDFS_USER, HOST, ROOT, Settings
from eventlab.stack import formatted, jvm, probes, provision
from eventlab.stack.config import START_PAGE, conf_dir, tmp_dir
from eventlab.stack.tokens import jupyter_token

NAMENODE_USER, DATANODE_USER = "HDFS_NAMENODE_USER", "HDFS_DATANODE_USER"
"""Environment variables with the names under which HDFS's nodes run; the NameNode's is HDFS's superuser."""


@dataclass(frozen=True)
class Service:
    """One service of the stack.

    Attributes:
        name: The name of the service, of its log and of its process record.
        label: What it is called in help texts and explanations.
        port_settings: The settings that hold the ports on which it listens, the main port first.
        command: Returns the command that runs it.
        probe: Sends a real request; raises ServiceUnavailable while the service cannot be used.
        address: Returns where its clients find it.
        external_setting: The setting with the address of an external service; if it is set, nothing is started.
        needs: The services without which it cannot answer.
        jars: The folder of `stack/` with its jars; None for a service that is not a Java program.
        web_page: The label of a link to its web page, and the setting with the page's address.
        check_installation: Raises StackError when a file that it needs is missing.
        before_start: Called before its process starts, for example to format its data folder once.
        after_start: Called as soon as it answers, for example to create a topic or a folder.
        working_dir: Returns the folder in which it runs.
        excluded_variables: Environment variables of the learner that it must not inherit.
        extra_variables: Returns more environment variables, such as tokens, which must not be in the command.
    """

    name: str
    label: str
    port_settings: tuple[str, ...]
    command: Callable[[Settings], list[str]]
    probe: probes.Probe
    address: Callable[[Settings], str]
    external_setting: str | None = None
    needs: tuple[str, ...] = ()
    jars: str | None = None
    web_page: tuple[str, str] | None = None
    check_installation: Callable[[Settings], None] = lambda settings: None
    before_start: Callable[[Settings], None] = lambda settings: None
    after_start: Callable[[Settings], None] = lambda settings: None
    working_dir: Callable[[Settings], Path] = lambda settings: ROOT
    excluded_variables: tuple[str, ...] = ()
    extra_variables: Callable[[Settings], dict[str, str]] = lambda settings: {}

    def port_numbers(self, settings: Settings) -> list[int]:
        """Return the ports on which it listens."""
        return [getattr(settings, port) for port in self.port_settings]

    def is_external(self, settings: Settings) -> bool:
        """Return whether the service is external: it is probed, and never started or stopped."""
        return self.external_setting is not None and getattr(settings, self.external_setting) is not None

    def probe_problem(self, settings: Settings) -> str | None:
        """Probe the service; return None if it can be used, otherwise the reason why not."""
        try:
            self.probe(settings)
        except ServiceUnavailable as error:
            return error.message
        return None


def service_java_command(
    settings: Settings, environment: str, service: str, main: str, *arguments: str, options: Sequence[str] = ()
) -> list[str]:
    """Return the command of a service's JVM, with a folder for its temporary files."""
    options = [f"-Djava.io.tmpdir={tmp_dir(settings, service)}", *options]
    record = settings.record_archives
    return jvm.java_command(environment, service, main, *arguments, options=options, record_archive=record)


def kafka_command(settings: Settings) -> list[str]:
    """Return the command of a combined broker and controller."""
    properties = conf_dir(settings, "kafka") / "server.properties"
    return service_java_command(settings, "kafka", "kafka", "kafka.Kafka", str(properties))


def kafka_format_command(settings: Settings) -> list[str]:
    """Return the command that formats Kafka's log folder, which gives it a cluster id (KIP-631)."""
    arguments = ["format", "--cluster-id", formatted.kafka_id(), "--ignore-formatted", "--config"]
    properties = conf_dir(settings, "kafka") / "server.properties"
    return service_java_command(
        settings, "kafka", "kafka-format", "kafka.tools.StorageTool", *arguments, str(properties)
    )


def hdfs_command(settings: Settings, node: str, *arguments: str) -> list[str]:
    """Return the command of an HDFS node, `NameNode` or `DataNode`."""
    folder, name = conf_dir(settings, "hdfs"), node.lower()
    # Hadoop usually finds these files in a folder on the class path; that would disable the start-up archive.
    files = ["-conf", str(folder / "core-site.xml"), "-conf", str(folder / "hdfs-site.xml")]
    return service_java_command(
        settings, "hdfs", name, f"org.apache.hadoop.hdfs.server.{name}.{node}", *files, *arguments
    )


def hdfs_user(variable: str) -> dict[str, str]:
    """Return the variable with the name under which a node of HDFS runs: by default the learner's."""
    return {"HADOOP_USER_NAME": os.environ.get(variable, HDFS_USER)}


def spark_command(settings: Settings) -> list[str]:
    """Return the command of the Spark Connect server."""
    properties = conf_dir(settings, "spark") / "spark-defaults.conf"
    server = "org.apache.spark.sql.connect.service.SparkConnectServer"
    arguments = ["--properties-file", str(properties), "--class", server, "--name", "eventlab", "spark-internal"]
    main, options = "org.apache.spark.deploy.SparkSubmit", [f"-Xmx{settings.spark_memory}"]
    options += shlex.split(settings.spark_java_options)
    return service_java_command(settings, "spark", "spark", main, *arguments, options=options)


def api_command(settings: Settings) -> list[str]:
    """Return the command that serves the game API."""
    address = ["--host", HOST, "--port", str(settings.api_port)]
    return [sys.executable, "-m", "eventlab.stack.serve_api", str(settings.api_app.resolve()), *address]


def check_api_file(settings: Settings) -> None:
    """Raise StackError if the API's file does not exist, unless the API is external."""
    if not settings.external_api_url and not settings.api_app.exists():
        raise StackError(f"the API's file {settings.api_app} does not exist (setting EVENTLAB_API_APP)")


def create_work_dir(settings: Settings) -> None:
    """Create the folder of the learner's notebooks, in which JupyterLab starts; raise StackError if this fails."""
    try:
        settings.work_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StackError(
            f"the folder {settings.work_dir} cannot be created: {error} (EVENTLAB_WORK_DIR)"
        ) from error


def jupyter_command(settings: Settings) -> list[str]:
    """Return the command of JupyterLab."""
    return [
        *(sys.executable, "-m", "jupyterlab"),
        "--no-browser",
        f"--ServerApp.ip={HOST}",
        f"--ServerApp.port={settings.jupyter_port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.base_url={settings.jupyter_base_url}",
        *lab_options(settings),
    ]


INSTRUCTOR_EXTENSIONS = tuple(
    f"nbgrader.server_extensions.{name}"
    for name in ("formgrader", "validate_assignment", "assignment_list", "course_list")
)
IDLE_KERNEL_S = 3600
"""The seconds after which JupyterLab ends a kernel that does nothing; closing a notebook ends its kernel too."""


def lab_options(settings: Settings) -> list[str]:
    """Return the options of JupyterLab and of JupyterHub's server: folders, start page, terminals and kernels.

    The root folder is that of the learner's notebooks, so nothing else of the kit is in the file browser.
    nbgrader's parts are for instructors; JupyterLab's part is disabled by the kit's extension.

    The shell is named because Jupyter's terminals can otherwise be login shells. Debian's /etc/profile replaces
    the PATH of a login shell, and the kit's commands are not found.
    """
    shell = os.environ.get("SHELL") or "sh"
    return [
        f"--ServerApp.root_dir={settings.work_dir}",
        f"--ServerApp.jpserver_extensions={dict.fromkeys(INSTRUCTOR_EXTENSIONS, False)}",
        f"--ServerApp.terminado_settings={{'shell_command': [{shell!r}]}}",
        f"--LabApp.app_settings_dir={conf_dir(settings, 'jupyter')}",
        f"--LabApp.extra_labextensions_path={ROOT / 'stack' / 'jupyter' / 'labextensions'}",
        f"--LabApp.default_url=/lab/tree/{START_PAGE}",
        f"--MappingKernelManager.cull_idle_timeout={IDLE_KERNEL_S}",
        "--MappingKernelManager.cull_connected=True",
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]


def lab_page(settings: Settings, page: str) -> str:
    """Return the address of a page of JupyterLab with the token that opens it."""
    return f"{settings.jupyter_url}/{page}?token={jupyter_token(settings)}"


KAFKA = Service(
    name="kafka",
    label="Kafka's broker",
    port_settings=("kafka_port", "kafka_controller_port"),
    command=kafka_command,
    probe=probes.kafka,
    address=lambda settings: settings.bootstrap_servers,
    external_setting="external_bootstrap_servers",
    jars="kafka",
    before_start=lambda settings: provision.format_once(
        settings, "kafka", kafka_format_command, formatted.path("kafka")
    ),
    after_start=provision.create_topic,
)
NAMENODE = Service(
    name="namenode",
    label="HDFS's NameNode",
    port_settings=("namenode_port", "namenode_web_port"),
    command=lambda settings: hdfs_command(settings, "NameNode"),
    probe=probes.namenode,
    address=lambda settings: settings.default_fs,
    external_setting="external_default_fs",
    jars="hdfs",
    web_page=("HDFS's page", "webhdfs_url"),
    extra_variables=lambda settings: hdfs_user(NAMENODE_USER),
    before_start=lambda settings: provision.format_once(
        settings,
        "hdfs/name",
        lambda settings: hdfs_command(settings, "NameNode", "-format", "-nonInteractive"),
        formatted.path("hdfs"),
    ),
    after_start=provision.require_reported_blocks,
)
DATANODE = Service(
    name="datanode",
    label="HDFS's DataNode",
    port_settings=("datanode_port", "datanode_web_port", "datanode_ipc_port"),
    command=lambda settings: hdfs_command(settings, "DataNode"),
    probe=probes.datanode,
    address=lambda settings: settings.external_default_fs or f"{HOST}:{settings.datanode_port}",
    external_setting="external_default_fs",
    extra_variables=lambda settings: hdfs_user(DATANODE_USER),
    needs=("namenode",),
    jars="hdfs",
    after_start=provision.create_tmp_folder,
)
SPARK = Service(
    name="spark",
    label="The Spark server",
    port_settings=("spark_port", "spark_ui_port"),
    command=spark_command,
    probe=probes.spark,
    address=lambda settings: settings.spark_remote,
    external_setting="external_spark_remote",
    jars="spark",
    web_page=("Spark's page", "spark_ui_url"),
    excluded_variables=("SPARK_REMOTE",),  # the address of this server
)
API = Service(
    name="api",
    label="The game API",
    port_settings=("api_port",),
    command=api_command,
    probe=probes.api,
    address=lambda settings: settings.api_url,
    external_setting="external_api_url",
    web_page=("the game API", "api_url"),
    check_installation=check_api_file,
    working_dir=lambda settings: settings.api_app.resolve().parent,  # it can import files of its folder
)
JUPYTER = Service(
    name="jupyter",
    label="JupyterLab",
    port_settings=("jupyter_port",),
    command=jupyter_command,
    probe=probes.jupyter,
    address=lambda settings: lab_page(settings, "lab"),
    before_start=create_work_dir,
    extra_variables=lambda settings: {"JUPYTER_TOKEN": jupyter_token(settings)},
)

SERVICES = {service.name: service for service in (KAFKA, NAMENODE, DATANODE, SPARK, API, JUPYTER)}
COURSE = ("kafka", "namenode", "datanode", "spark", "api")
"""The services that the lessons use; `jupyter` is only needed in a browser."""


def select(names: Iterable[str]) -> list[Service]:
    """Return the services that a list or one string names, or all; raise StackError for an unknown name."""
    words = names.replace(",", " ").split() if isinstance(names, str) else names
    selected = list(dict.fromkeys(words)) or list(SERVICES)
    if unknown := [name for name in selected if name not in SERVICES]:
        raise StackError(f"there is no service {unknown[0]!r}; {near_names(unknown[0], SERVICES)}")
    return [SERVICES[name] for name in selected]


def select_with_needs(names: Iterable[str]) -> list[Service]:
    """Return the named services and those that they need, in the order of SERVICES."""
    selected = {name for service in select(names) for name in (service.name, *service.needs)}
    return [service for service in SERVICES.values() if service.name in selected]
