"""Write the configuration of the services: the templates in `stack/` with the values of the settings."""

import json
import os
import shlex
from collections.abc import Callable
from html import escape
from pathlib import Path
from string import Template

from eventlab.files import write_atomically, write_if_changed
from eventlab.settings import HDFS_USER, HOST, PREFIX, ROOT, Settings
from eventlab.stack import jars, jvm
from eventlab.stack.tokens import jupyter_token, own_spark_token

TEMPLATES = (
    "kafka/server.properties",
    "hdfs/core-site.xml",
    "hdfs/hdfs-site.xml",
    "spark/spark-defaults.conf",
    "jupyter/overrides.json",
)

START_PAGE = "start.md"
"""JupyterLab's start page, in the folder of the learner's notebooks."""


def conf_dir(settings: Settings, environment: str) -> Path:
    """Return the folder with the configuration of `kafka`, `hdfs`, `spark` or `jupyter`."""
    return settings.state_dir / "conf" / environment


def data_dir(settings: Settings) -> Path:
    """Return the folder of Kafka's log and HDFS's blocks, which `down` keeps."""
    return settings.state_dir / "data"


def tmp_dir(settings: Settings, service: str) -> Path:
    """Return the folder for a service's temporary files, which are deleted at its next start."""
    return data_dir(settings) / "tmp" / service


def template_values(settings: Settings) -> dict[str, str]:
    """Return the values for the templates by name: all settings and a few derived values."""
    spark_class_path = jars.class_path("spark")
    driver_options = [*jvm.spark_driver_options(spark_class_path), *shlex.split(settings.spark_java_options)]
    derived = {
        "host": HOST,
        "bind_host": HOST,
        "data_dir": str(data_dir(settings)),
        "data_uri": data_dir(settings).as_uri(),  # for the NameNode, which decodes %XX; the DataNode does not
        "default_fs": settings.default_fs,
        "start_page": START_PAGE,
        "spark_master": settings.spark_master,
        "user": HDFS_USER,
        "spark_class_path": os.pathsep.join(map(str, spark_class_path)),
        "spark_driver_options": " ".join(f'"{option}"' for option in driver_options),
    }
    return {name: str(value) for name, value in settings.model_dump().items()} | derived


def render(settings: Settings) -> None:
    """Write the configuration to the state folder.

    A file `<state folder>/added/<template>` is appended to the file of that template, where its values replace
    earlier ones. The grader uses this.
    """
    _write(settings.state_dir / "conf", template_values(settings), settings.state_dir / "added")


def render_for_containers(settings: Settings) -> Path:
    """Write the configuration for stack/compose.yaml, and return its folder.

    The data is in /data and the jars are in /jars. The file `env` has the ports and tokens for compose.yaml.
    """
    connector = [jar for jar in jars.class_path("spark") if jars.REPOSITORY in jar.parents]
    folder = settings.state_dir / "compose"
    inside = {
        "data_dir": "/data",
        "data_uri": "file:///data",
        "spark_class_path": ":".join(f"/jars/{jar.relative_to(jars.REPOSITORY)}" for jar in connector),
        "spark_driver_options": "",
    }
    _write(folder, template_values(settings) | inside)
    variables = {
        "state_dir": settings.state_dir,
        "topic": settings.topic,
        "jupyter_token": jupyter_token(settings),
        "spark_token": own_spark_token(settings),
        **{name: getattr(settings, name) for name in Settings.model_fields if name.endswith("_port")},
    }
    text = "".join(f"{PREFIX}{name.upper()}={value}\n" for name, value in variables.items())
    write_atomically(folder / "env", text, mode=0o600)
    return folder


def _write(folder: Path, values: dict[str, str], additions: Path | None = None) -> None:
    """Write the templates with their values, escaped as each file format requires."""
    for name in TEMPLATES:
        escape_value = ESCAPES[Path(name).suffix]
        escaped = {key: escape_value(value) for key, value in values.items()}
        text = Template((ROOT / "stack" / name).read_text()).substitute(escaped)
        if additions and (added := additions / name).exists():
            body, end, _ = text.rpartition("</configuration>") if name.endswith(".xml") else (text, "", "")
            text = f"{body}\n{added.read_text()}\n{end}"
        write_if_changed(folder / name, text)


def escape_property(value: str) -> str:
    """Return a value in the notation of Java properties: ASCII, with a backslash as escape character."""
    utf16 = value.replace("\\", "\\\\").encode("utf-16-be")
    units = (int.from_bytes(utf16[i : i + 2], "big") for i in range(0, len(utf16), 2))
    return "".join(chr(unit) if unit < 128 else f"\\u{unit:04x}" for unit in units)


ESCAPES: dict[str, Callable[[str], str]] = {
    ".properties": escape_property,
    ".conf": escape_property,
    ".xml": escape,  # `xml.sax.saxutils` takes 20 ms to import
    ".json": lambda value: json.dumps(value)[1:-1],
}
