"""The services' configuration: the templates of `stack/`, filled in once per state folder."""

from __future__ import annotations

import os
from pathlib import Path
from string import Template

from eventlab.settings import HOST, ROOT, Settings
from eventlab.stack import jars

HDFS_USER = "student"
"""Who learners are on HDFS, whatever their login is called (HDFS's simple authentication believes it)."""

TEMPLATES = (
    "kafka/server.properties",
    "hdfs/core-site.xml",
    "hdfs/hdfs-site.xml",
    "spark/spark-defaults.conf",
)


def conf_dir(settings: Settings, environment: str) -> Path:
    """Where the rendered configuration of `kafka`, `hdfs` or `spark` is."""
    return settings.state_dir / "conf" / environment


def data_dir(settings: Settings) -> Path:
    """What outlives `down`: Kafka's log and HDFS's blocks."""
    return settings.state_dir / "data"


def values(settings: Settings, *, host: str = HOST, bind_host: str = HOST) -> dict[str, str]:
    """What the templates can refer to: every setting by its name, and a few derived ones."""
    connector = [str(jar) for jar in jars.class_path("spark") if jars.REPOSITORY in jar.parents]
    derived = {
        "host": host,
        "bind_host": bind_host,
        "data_dir": str(data_dir(settings)),
        "default_fs": settings.default_fs,
        "user": HDFS_USER,
        "connector_class_path": os.pathsep.join(connector),
    }
    return {name: str(value) for name, value in settings.model_dump().items()} | derived


def render(settings: Settings) -> None:
    """Write every template's rendering to the state folder; KeyError names an unknown `${...}`."""
    filled = values(settings)
    for name in TEMPLATES:
        target = settings.state_dir / "conf" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = Template((ROOT / "stack" / name).read_text()).substitute(filled)
        if not target.exists() or target.read_text() != text:
            target.write_text(text)
