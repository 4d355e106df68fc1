"""The environment variables with which services, notebooks and command-line tools use one stack."""

import os
import sys
from pathlib import Path

from eventlab.clients.spark import TOKEN_VARIABLE
from eventlab.settings import (
    DEFAULT_STATE_DIR,
    HDFS_USER,
    HOST,
    PREFIX,
    ROOT,
    SETTINGS_FILE,
    OwnSettings,
    Settings,
)
from eventlab.stack import java
from eventlab.stack.config import conf_dir
from eventlab.stack.tokens import spark_token

BIN_FOLDER = ROOT / "stack" / "bin"
FALLBACKS = BIN_FOLDER / "fallback"
"""Commands that are used only on a machine that does not have them (`ab`)."""


def variables(settings: Settings) -> dict[str, str]:
    """Return the variables of the stack, PATH included.

    With SPARK_REMOTE, `SparkSession.builder.getOrCreate()` returns a session on the stack's server. `spark-submit`
    and `pyspark` remove it, because other people's scripts use RDDs. It is absent when the settings name a master
    (`spark://...`, `local[2]`); spark-defaults.conf then has the master.
    """
    return (
        {PREFIX + name.upper(): str(value) for name, value in changed(settings).items()}
        | {
            "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "JAVA_HOME": str(java.find().home),
            "PATH": search_path(),
            "HADOOP_CONF_DIR": str(conf_dir(settings, "hdfs")),
            "HADOOP_USER_NAME": HDFS_USER,
            "SPARK_CONF_DIR": str(conf_dir(settings, "spark")),
            "SPARK_LOCAL_IP": HOST,
            "PYSPARK_PYTHON": sys.executable,
            "GRPC_ENABLE_FORK_SUPPORT": "0",  # otherwise gRPC logs a line for each `!command`
        }
        | ({"SPARK_REMOTE": settings.spark_remote} if settings.is_spark_connect else {})
        | ({TOKEN_VARIABLE: token} if (token := spark_token(settings)) else {})
    )


def apply(settings: Settings) -> None:
    """Replace this process's environment by that of the stack; its child processes inherit it."""
    replace(full(settings))


def replace(variables: dict[str, str]) -> None:
    """Replace all environment variables of this process."""
    os.environ.clear()
    os.environ.update(variables)


def full(settings: Settings) -> dict[str, str]:
    """Return this process's environment with the variables of the stack; other settings are removed."""
    removed = {"SPARK_REMOTE", TOKEN_VARIABLE, *(PREFIX + name.upper() for name in Settings.model_fields)}
    kept = {name: value for name, value in os.environ.items() if name not in removed}
    return kept | variables(settings) | {SETTINGS_FILE: ""}


def changed(settings: Settings) -> dict[str, object]:
    """Return the settings that differ from the defaults.

    A port that equals its default plus `port_offset` is not in the result, so that it follows another offset. The
    folder `work_dir` follows `state_dir` in the same way.
    """
    derived = OwnSettings(port_offset=settings.port_offset, state_dir=settings.state_dir).model_dump()
    defaults = derived | {"port_offset": 0, "state_dir": DEFAULT_STATE_DIR}
    return {name: value for name, value in settings.model_dump().items() if value != defaults[name]}


def search_path() -> str:
    """Return PATH with the kit's commands first, its Python next and its fallbacks last."""
    first = [BIN_FOLDER, Path(sys.executable).parent]
    inherited = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part]
    middle = [part for part in inherited if part not in map(str, [*first, FALLBACKS])]
    return os.pathsep.join([*map(str, first), *middle, str(FALLBACKS)])
