"""Prepare a service before it starts (format its folder) and once it answers (create a topic, create /tmp)."""

import logging
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from eventlab.clients import kafka
from eventlab.errors import ServiceUnavailable, StackError
from eventlab.files import delete_folder
from eventlab.settings import HDFS_USER, Settings
from eventlab.stack import formatted, probes, process
from eventlab.stack.config import data_dir

logger = logging.getLogger(__name__)


def format_once(
    settings: Settings, folder: str, command: Callable[[Settings], list[str]], template: Path | None = None
) -> None:
    """Format a folder unless an earlier call has completed this.

    Args:
        settings: The settings of the stack.
        folder: The folder below the data folder.
        command: Returns the command that formats it.
        template: The zip with a formatted folder. If it exists, it is copied, and the command is not run.

    Raises:
        StackError: The command fails.
    """
    target = data_dir(settings) / folder
    done = target.with_name(target.name + ".formatted")
    if done.exists():
        return
    logger.info("formatting %s", target)
    record = f"format-{target.name}"
    if left_over := process.find(settings, record):
        process.stop(left_over, grace_s=0)
    delete_folder(target)
    if template and template.exists():
        formatted.copy(template, target)
        done.touch()
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(
        ["sh", "-c", 'read -r recorded && exec "$@" </dev/null', "sh", *command(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"HADOOP_USER_NAME": HDFS_USER},
    ) as formatter:
        process.write_record(settings, record, formatter.pid)
        output, _ = formatter.communicate("recorded\n")  # starts the command, now that it is recorded
    process.record_file(settings, record).unlink(missing_ok=True)
    if formatter.returncode:
        raise StackError(f"{target} could not be formatted:\n{process.without_stack_frames(output)}")
    if template and settings.record_archives:
        formatted.save(target, template)
    done.touch()


def create_topic(settings: Settings) -> None:
    """Create the topic of the course if it is missing; raise ServiceUnavailable if Kafka refuses."""
    try:
        kafka.create_topic(settings.bootstrap_servers, settings.topic, exist_ok=True)
    except kafka.TopicError as error:
        raise ServiceUnavailable(error.message) from error


def require_reported_blocks(settings: Settings) -> None:
    """Raise ServiceUnavailable until the DataNode, if it runs, has reported its blocks to the NameNode."""
    if process.find(settings, "datanode"):
        probes.require_live_datanode(settings)


def create_tmp_folder(settings: Settings) -> None:
    """Create /tmp on HDFS, writable for all users; raise ServiceUnavailable while the NameNode is in safe mode."""
    from eventlab.clients import hdfs  # fsspec takes half a second to import

    try:
        hdfs.open_hdfs(settings).mkdir("/tmp", permission="1777")
    except hdfs.HdfsError as error:
        raise ServiceUnavailable(error.message) from error
