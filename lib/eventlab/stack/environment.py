"""The environment in which services, notebooks and the field's commands find each other."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eventlab.clients.spark import TOKEN_VARIABLE
from eventlab.settings import HDFS_USER, HOST, ROOT, SETTINGS_FILE, Settings
from eventlab.stack import java
from eventlab.stack.config import conf_dir
from eventlab.stack.tokens import spark_token

COMMANDS = ROOT / "stack" / "bin"
FALLBACKS = ROOT / "stack" / "bin" / "fallback"
"""Commands that the kit offers only where the machine has none of its own (`ab`)."""


def variables(settings: Settings) -> dict[str, str]:
    """What differs from the caller's environment, PATH included.

    SPARK_REMOTE makes every plain `SparkSession.builder.getOrCreate()` a session on the stack's server;
    `spark-submit` and `pyspark` unset it, because scripts from elsewhere use RDDs. With a master instead of a
    server (`spark://...`, `local[2]`) it is absent, and spark-defaults.conf names the master.
    """
    own = {f"EVENTLAB_{name.upper()}": str(value) for name, value in changed(settings).items()}
    return (
        own
        | {
            "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "JAVA_HOME": str(java.find().home),
            "PATH": search_path(),
            "HADOOP_CONF_DIR": str(conf_dir(settings, "hdfs")),
            "HADOOP_USER_NAME": HDFS_USER,
            "SPARK_CONF_DIR": str(conf_dir(settings, "spark")),
            "SPARK_LOCAL_IP": HOST,
            "PYSPARK_PYTHON": sys.executable,
            "GRPC_ENABLE_FORK_SUPPORT": "0",  # else every `!command` beside a Spark session draws a log line
        }
        | ({"SPARK_REMOTE": settings.spark_remote} if settings.is_spark_connect else {})
        | ({TOKEN_VARIABLE: token} if (token := spark_token(settings)) else {})
    )


def apply(settings: Settings) -> None:
    """Make this process's environment that of the stack; its child processes inherit it."""
    _replace(full(settings))


@contextmanager
def applied(settings: Settings) -> Iterator[None]:
    """Apply the stack's environment for the duration of the block."""
    before = dict(os.environ)
    apply(settings)
    try:
        yield
    finally:
        _replace(before)


def _replace(variables: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


def full(settings: Settings) -> dict[str, str]:
    """The caller's environment with `variables`, and no other settings than these, whatever else is set there."""
    others = {"SPARK_REMOTE", TOKEN_VARIABLE, *(f"EVENTLAB_{name.upper()}" for name in Settings.model_fields)}
    kept = {name: value for name, value in os.environ.items() if name not in others}
    return kept | variables(settings) | {SETTINGS_FILE: ""}


def changed(settings: Settings) -> dict[str, object]:
    """The settings that are not the defaults, so that a child process has the same ones.

    A port that only follows `port_offset` is left out: it then follows another offset too.
    """
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    for name in defaults:
        if name.endswith("_port"):
            defaults[name] += settings.port_offset
    return {name: value for name, value in settings.model_dump().items() if value != defaults[name]}


def search_path() -> str:
    """PATH with the kit's commands first, its Python next and its fallbacks last; never twice."""
    first = [COMMANDS, Path(sys.executable).parent]
    inherited = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part]
    middle = [part for part in inherited if part not in map(str, [*first, FALLBACKS])]
    return os.pathsep.join([*map(str, first), *middle, str(FALLBACKS)])
