"""What a service needs before it starts (a formatted folder) and must hold once it answers (a topic, /tmp)."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable
from contextlib import closing

import httpx

from eventlab.clients import http
from eventlab.settings import Settings
from eventlab.stack import probes, process
from eventlab.stack.config import HDFS_USER, data_dir


class ProvisionError(RuntimeError):
    """A service answers but could not be given what the course needs."""


def new_cluster_id() -> str:
    """A random cluster id as Kafka writes them: 16 bytes in URL-safe base64 without padding."""
    while (cluster_id := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass  # Kafka's own generator avoids a leading dash too: tools would read it as an option
    return cluster_id


def format_once(settings: Settings, folder: str, command: Callable[[Settings], list[str]]) -> None:
    """Format the data folder at its first use; an interrupted formatting is ended and started over."""
    target = data_dir(settings) / folder
    done = target.with_name(target.name + ".formatted")
    if done.exists():
        return
    record = f"format-{target.name}"
    if left_over := process.find(settings, record):
        process.stop(left_over, grace_s=0)
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(
        ["sh", "-c", 'read -r noted && exec "$@" </dev/null', "sh", *command(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=_as_hdfs_user(),
    ) as formatter:
        process.note(settings, record, formatter.pid)
        output, _ = formatter.communicate("noted\n")  # without it, the next attempt would not know of this one
    process.forget(settings, record)
    if formatter.returncode:
        raise ProvisionError(f"{target} could not be formatted:\n{process.telling(output)}")
    done.touch()


def topic(settings: Settings) -> None:
    """Create the course's topic (1 partition, replication 1) unless it exists; NotAnswering when Kafka can't."""
    with probes.quiet_kafka() as kafka:
        try:
            with closing(kafka.KafkaAdminClient(**probes.kafka_client(settings))) as admin:
                admin.create_topics({settings.topic: {"num_partitions": 1, "replication_factor": 1}})
        except kafka.errors.TopicAlreadyExistsError:
            pass
        except kafka.errors.KafkaError as error:
            raise probes.NotAnswering(f"topic {settings.topic!r} could not be created: {error}") from error


def reported_blocks(settings: Settings) -> None:
    """A NameNode that comes back under a living DataNode knows where its files are once that has reported."""
    if process.find(settings, "datanode"):
        probes.live_datanodes(settings)


def tmp_folder(settings: Settings) -> None:
    """Create /tmp on HDFS, open to all as on every Unix; NotAnswering while the NameNode is in safe mode."""
    url = f"{settings.webhdfs_url}/webhdfs/v1/tmp?op=MKDIRS&permission=1777&user.name={HDFS_USER}"
    try:
        answer = http.request("PUT", url, probes.TIMEOUT_S)
    except httpx.HTTPError as error:
        raise probes.NotAnswering(f"/tmp could not be created on HDFS: {error}") from error
    if answer.status_code != 200:
        raise probes.NotAnswering(f"/tmp could not be created on HDFS: {answer.text}")


def _as_hdfs_user() -> dict[str, str]:
    return dict(os.environ) | {"HADOOP_USER_NAME": HDFS_USER}
