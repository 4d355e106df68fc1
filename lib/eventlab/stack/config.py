"""The services' configuration: the templates of `stack/`, filled in once per state folder."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from string import Template
from xml.sax.saxutils import escape

from eventlab.settings import HDFS_USER, HOST, ROOT, Settings
from eventlab.stack import jars, jvm
from eventlab.stack.tokens import jupyter_token

TEMPLATES = (
    "kafka/server.properties",
    "hdfs/core-site.xml",
    "hdfs/hdfs-site.xml",
    "spark/spark-defaults.conf",
    "jupyter/overrides.json",
)


def conf_dir(settings: Settings, environment: str) -> Path:
    """Where the rendered configuration of `kafka`, `hdfs`, `spark` or `jupyter` is."""
    return settings.state_dir / "conf" / environment


def start_page(settings: Settings) -> str:
    """The page on which Lab opens, below the kit's folder; every state folder has its own."""
    default = type(settings).model_fields["state_dir"].default
    own = "" if settings.state_dir == default else f"-{zlib.crc32(bytes(settings.state_dir)):08x}"
    return f"build/start{own}.md"


def data_dir(settings: Settings) -> Path:
    """What outlives `down`: Kafka's log and HDFS's blocks."""
    return settings.state_dir / "data"


def tmp_dir(settings: Settings, service: str) -> Path:
    """The service's temporary files, so that what a JVM leaves is not in everybody's /tmp."""
    return data_dir(settings) / "tmp" / service


def values(settings: Settings, *, host: str = HOST, bind_host: str = HOST) -> dict[str, str]:
    """What the templates can refer to: every setting by its name, and a few derived ones."""
    spark_class_path = jars.class_path("spark")
    derived = {
        "host": host,
        "bind_host": bind_host,
        "data_dir": str(data_dir(settings)),
        "data_uri": data_dir(settings).absolute().as_uri(),  # the NameNode decodes it, the DataNode does not
        "default_fs": settings.default_fs,
        "start_page": start_page(settings),
        "spark_master": settings.spark_master,
        "user": HDFS_USER,
        "spark_class_path": os.pathsep.join(map(str, spark_class_path)),
        "spark_driver_options": " ".join(f'"{word}"' for word in jvm.spark_driver_options(spark_class_path)),
    }
    return {name: str(value) for name, value in settings.model_dump().items()} | derived


def render(settings: Settings) -> None:
    """Write every template's rendering to the state folder; KeyError names an unknown `${...}`."""
    _write(settings.state_dir / "conf", values(settings))


def render_for_containers(settings: Settings) -> Path:
    """The same for stack/compose.yaml, data in /data and the connector's jars in /jars; returns the folder.

    Its `env` file has the ports, so that compose.yaml and the configuration agree when they are moved.
    """
    own = [jar for jar in jars.class_path("spark") if jars.REPOSITORY in jar.parents]
    folder = settings.state_dir / "compose"
    inside = {
        "data_dir": "/data",
        "data_uri": "file:///data",
        "spark_class_path": ":".join(f"/jars/{jar.relative_to(jars.REPOSITORY)}" for jar in own),
        "spark_driver_options": "",
    }
    _write(folder, values(settings) | inside)
    _write_env_file(settings, folder / "env")
    return folder


def _write_env_file(settings: Settings, target: Path) -> None:
    """What compose.yaml itself refers to; the token is the owner's to read alone."""
    ports = {name: getattr(settings, name) for name in Settings.model_fields if name.endswith("_port")}
    lines = {
        "state_dir": settings.state_dir.absolute(),
        "topic": settings.topic,
        "jupyter_token": jupyter_token(settings),
        **ports,
    }
    with os.fdopen(os.open(target, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.writelines(f"EVENTLAB_{name.upper()}={value}\n" for name, value in lines.items())


def _write(folder: Path, filled: dict[str, str]) -> None:
    for name in TEMPLATES:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = fill(name, filled)
        if not target.exists() or target.read_text() != text:
            target.write_text(text)


def fill(name: str, filled: dict[str, str]) -> str:
    """The template with its values, each written as the file's format wants it."""
    written = WRITTEN[Path(name).suffix]
    template = Template((ROOT / "stack" / name).read_text())
    return template.substitute({key: written(value) for key, value in filled.items()})


def as_property(value: str) -> str:
    """Java properties are ASCII, and a backslash escapes (java.util.Properties.load)."""
    utf16 = value.replace("\\", "\\\\").encode("utf-16-be")
    units = (int.from_bytes(utf16[i : i + 2], "big") for i in range(0, len(utf16), 2))
    return "".join(chr(unit) if unit < 128 else f"\\u{unit:04x}" for unit in units)


WRITTEN: dict[str, Callable[[str], str]] = {
    ".properties": as_property,
    ".conf": as_property,
    ".xml": escape,
    ".json": lambda value: json.dumps(value)[1:-1],
}
