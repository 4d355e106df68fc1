"""Checks of this machine's disk, memory and ports."""

import os
import shlex
import shutil
import tempfile
from pathlib import Path

import psutil

from eventlab.clients import ports
from eventlab.doctor.result import HealthCheck, result_of
from eventlab.settings import Settings
from eventlab.stack import Stack, process
from eventlab.stack.requirements import next_free_offset
from eventlab.stack.services import SERVICES

MEMORY_NEEDED = 2 * 2**30
"""For the services and one open lesson.

Measured as PSS on Linux: the services and JupyterLab need 0.9 GiB at rest. With the kernel of lesson 8 after its
last cell it is 1.3 GiB, of which the kernel has 0.2 GiB. The rest is room for Spark's heap, which grows to 1 GiB.
"""
MEMORY_PER_LESSON = 0.2 * 2**30
MEMORY_WITHOUT_SPARK = 0.3 * 2**30
"""For Kafka and the API."""
DISK_NEEDED = 2**30
"""For topics, files and logs. What `make setup` installs exists already when this is checked."""
FORBIDDEN_CHARACTERS = "'\\,"
"""HDFS passes the path to a shell command; a comma separates folders in the settings of Kafka and HDFS."""
OTHER_FOLDER_COMMAND = "export EVENTLAB_STATE_DIR=~/eventlab-state"


def state_folder(settings: Settings) -> HealthCheck:
    """Check that files can be created in the state folder, and that its content is writable."""
    folder = settings.state_dir.absolute()
    existing = nearest_folder(folder)
    if forbidden := [character for character in FORBIDDEN_CHARACTERS if character in str(folder)]:
        problem = f"HDFS and Kafka do not support the character {forbidden[0]} in {folder}"
        return HealthCheck("state folder", False, problem, OTHER_FOLDER_COMMAND)
    if not existing.is_dir():
        return HealthCheck("state folder", False, f"{existing} is not a folder", OTHER_FOLDER_COMMAND)
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        problem = f"{existing} cannot be written to: {error.strerror}"
        return HealthCheck("state folder", False, problem, OTHER_FOLDER_COMMAND)
    content = [*folder.glob("*"), *folder.glob("*/*")]
    if foreign := [path for path in content if not os.access(path, os.W_OK)]:
        detail = f"{foreign[0]} belongs to another user (a stack started with sudo?)"
        return HealthCheck("state folder", False, detail, f'sudo chown -R "$(id -u)" "{folder}"')
    return HealthCheck("state folder", True, str(folder))


def memory(settings: Settings) -> HealthCheck:
    """Check that the memory is enough for all services; what running services use counts as available."""
    processes = [process.find(settings, name) for name in SERVICES]
    used = sum(process.resident_bytes(service) for service in processes if service)
    available = psutil.virtual_memory().available + used
    detail = (
        f"{_gibibytes(available)} available; {_gibibytes(MEMORY_NEEDED)} needed for the services and a lesson, "
        f"{_gibibytes(MEMORY_PER_LESSON)} for each further lesson (Kafka and the API alone: "
        f"{_gibibytes(MEMORY_WITHOUT_SPARK)})"
    )
    return HealthCheck("memory", available >= MEMORY_NEEDED, detail, "eventlab up kafka api")


def disk(settings: Settings) -> HealthCheck:
    """Check that the disk has room for a course's events and files."""
    folder = nearest_folder(settings.state_dir.absolute())
    free = shutil.disk_usage(folder).free
    detail = f"{_gibibytes(free)} free at {folder}; {_gibibytes(DISK_NEEDED)} needed for topics, files and logs"
    return HealthCheck("disk", free >= DISK_NEEDED, detail, other_disk_command() or "eventlab reset")


def free_ports(settings: Settings) -> HealthCheck:
    """Check that each port of the stack is free or used by the stack's own service."""
    stack_ports = Stack(settings).listening_ports()
    needed = [
        (port, service.name)
        for service in SERVICES.values()
        if not service.is_external(settings)
        for port in service.port_numbers(settings)
    ]
    in_use = [
        f"{port} ({name}) is used by {ports.process_on(port)}"
        for port, name in needed
        if port not in stack_ports and not ports.is_free(port)
    ]
    used = sum(port in stack_ports for port, _ in needed)
    detail = f"{used} used by this stack's services, the others free" if used else "free"
    remedy = f"export EVENTLAB_PORT_OFFSET={next_free_offset(settings)}" if in_use else ""
    return result_of("ports", in_use, remedy, detail)


def other_disk_command() -> str | None:
    """Return the command that moves the state folder to a disk with enough space, or None without such a disk."""
    mounted = [Path(partition.mountpoint) for partition in psutil.disk_partitions()]
    for folder in [Path.home(), *mounted]:
        if os.access(folder, os.W_OK) and folder.is_dir() and shutil.disk_usage(folder).free >= DISK_NEEDED:
            return f"export EVENTLAB_STATE_DIR={shlex.quote(str(folder / 'eventlab-state'))}"
    return None


def nearest_folder(path: Path) -> Path:
    """Return the path or its nearest parent that exists."""
    return next(candidate for candidate in [path, *path.parents] if candidate.exists())


def _gibibytes(count: float) -> str:
    return f"{count / 2**30:.1f} GiB"
