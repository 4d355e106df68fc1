"""Explains errors of the machine: a port is in use, no memory is left, the disk is full."""

import errno
import os
import re
import resource
import shutil
import sys
from operator import itemgetter
from pathlib import Path
from typing import Any

import psutil

from eventlab.clients import ports
from eventlab.doctor.machine import nearest_folder, other_disk_command
from eventlab.explain.explanation import Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import HOST, Settings
from eventlab.stack import Stack, process
from eventlab.stack.requirements import next_free_offset
from eventlab.stack.services import SERVICES

FULL_DISK_BYTES = 16 * 2**20
"""HDFS's NameNode refuses changes below 10 MiB (stack/hdfs/hdfs-site.xml)."""
FULL_DISK_BYTES_AFTER_END = 256 * 2**20
"""A broker that ends because the disk is full first frees some space: it truncates its index files."""
FULL_DISK = r"No space left on device|Resources are low on NN|not have enough.*disk space|DiskOutOfSpace"
STORAGE_SERVICES = ("kafka", "namenode", "datanode")
LARGE_VARIABLE_BYTES = 64 * 2**20
LOW_MEMORY_BYTES = 2**30


def port_in_use(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that another program uses a port that the cell or the stack needs.

    Remedy: The line with a free port; for the stack, end the other program or use other ports.
    """
    if cell.matches(r"needs port \d+"):
        return stack_port_in_use(settings)
    server_ended = cell.matches(r"SystemExit") and re.search(r"\.run\(|run_simple\(", cell.source)
    if not server_ended and not cell.matches(rf"\[Errno {errno.EADDRINUSE}\]"):
        return None
    (begin, _), (end, _) = cell.place or ((1, 0), (0, 0))
    failed = "\n".join(cell.source.split("\n")[begin - 1 : end])
    used = _used_ports(failed) or _used_ports(cell.source)
    for port in used if len(used) == 1 else ():
        text = str(port)
        free_port = next(number for number in range(port + 1, 65536) if ports.is_free(number))
        proof = f"{HOST}:{port} is used by {ports.process_on(port)}; port {free_port} is free"
        if explanation := correction(cell, text, str(free_port), f"Port {port} is in use.", proof):
            return explanation
    return None


def _used_ports(source: str) -> set[int]:
    """Return the numbers in a program that are ports in use."""
    numbers = {int(text) for text in re.findall(r"(?<![\w.])(\d{4,5})(?![\w.])", source)}
    return {number for number in numbers if number <= 65535 and not ports.is_free(number)}


def stack_port_in_use(settings: Settings) -> Explanation | None:
    """Explain that another program uses a port of a service that is not running."""
    stack_ports = Stack(settings).listening_ports()
    for service in SERVICES.values():
        if service.is_external(settings) or process.find(settings, service.name):
            continue
        for port in service.port_numbers(settings):
            if port in stack_ports or ports.is_free(port):
                continue
            holder = ports.process_on(port)
            pid = re.match(r"process (\d+)", holder)
            if pid and _can_end(int(pid[1])):
                remedy = f"!kill {pid[1]}"
                instruction = "If you do not need that process, run this to end it, then run the cell again"
            else:
                remedy = f"EVENTLAB_PORT_OFFSET={next_free_offset(settings)} make lab"
                instruction = "To move the stack to other ports, close JupyterLab and run this in a terminal"
            what = f"{service.name} cannot start: its port {port} is in use."
            return Explanation(what, f"{HOST}:{port} is used by {holder}", remedy, instruction)
    return None


def memory_exhausted(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the kernel has no memory left. Name the largest variable that the cell does not need.

    Remedy: Delete this variable.
    """
    if not any(isinstance(error, MemoryError) for error in cell.errors):
        return None
    needed = cell.variables.keys() - cell.assigned
    names = [name for name in cell.namespace if not name.startswith("_") and name not in needed]
    name, size = max(((name, _size(cell.namespace[name])) for name in names), key=itemgetter(1), default=("", 0))
    limit: int | None = resource.getrlimit(resource.RLIMIT_AS)[0]
    limit = None if limit == resource.RLIM_INFINITY else limit
    if size < LARGE_VARIABLE_BYTES or not _frees_enough(cell, size, limit):
        return None
    proof = f"the kernel (process {os.getpid()}) uses {_mib(psutil.Process().memory_info().rss)}"
    proof += f" of at most {_mib(limit)}" if limit else f"; {_mib(psutil.virtual_memory().available)} are free"
    what = f"The notebook has no memory left. The variable {name!r} uses {_mib(size)}."
    return Explanation(what, proof, f"del {name}")


def _frees_enough(cell: FailedCell, size: int, limit: int | None) -> bool:
    """Return whether the request, which numpy reports, fits after a variable of this size is deleted."""
    available = psutil.virtual_memory().available
    request = re.search(r"Unable to allocate ([\d.]+) ([KMGTPE]?)i?B", cell.text)
    if request:
        room = size + (available if limit is None else limit // 2)
        return float(request[1]) * 1024 ** " KMGTPE".index(request[2] or " ") <= room
    return limit is not None or available < LOW_MEMORY_BYTES


def _size(value: Any) -> int:
    """Return the bytes that an array, a pandas object, a string or a list uses, without deeper references."""
    if type(value).__module__.startswith("pandas"):
        usage = value.memory_usage() if hasattr(value, "memory_usage") else 0
        return int(usage.sum() if hasattr(usage, "sum") else usage)
    if type(value).__module__.startswith(("numpy", "pyarrow")):
        return int(getattr(value, "nbytes", 0))
    size = sys.getsizeof(value, 0)
    if isinstance(value, list | tuple) and value:  # an estimate: all items are as large as the first
        size += len(value) * sys.getsizeof(value[0], 0)
    return size


def disk_full(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a disk that the cell or the stack writes to is full.

    Remedy: Reset the stack's data, or move the stack to another disk.
    """
    reported = cell.matches(FULL_DISK, rf"\[Errno {errno.ENOSPC}\]")
    used = STORAGE_SERVICES if cell.matches(r"[Kk]afka|hdfs|hadoop") else ()
    logged = any(re.search(FULL_DISK, process.log_tail(settings, name, 2000)) for name in used)
    # A full disk can end a JVM without a line in its log (mapped pages).
    ended = any(process.read_record(settings, name) and not process.find(settings, name) for name in used)
    if not reported and not logged and not ended:
        return None
    folders = [settings.state_dir / "data"]
    if reported:
        files = [error.filename for error in cell.errors if isinstance(error, OSError) and error.filename]
        folders += [Path(str(file)) for file in files] + [Path.cwd()]
    for folder in folders:
        folder = nearest_folder(folder.absolute())
        if shutil.disk_usage(folder).free < (FULL_DISK_BYTES_AFTER_END if logged else FULL_DISK_BYTES):
            return _full_folder(folder, settings)
    return None


def _full_folder(folder: Path, settings: Settings) -> Explanation | None:
    """Explain that the folder's disk is full: delete the stack's data if it is the cause, or move the stack."""
    disk = shutil.disk_usage(folder)
    proof = f"{_mib(disk.free)} of {_mib(disk.total)} are free on the disk of {folder}"
    state_folder = nearest_folder(settings.state_dir.absolute())
    files = (path for path in settings.state_dir.rglob("*") if not path.is_dir())
    stack_bytes = sum(path.lstat().st_blocks * 512 for path in files)
    if os.stat(state_folder).st_dev == os.stat(folder).st_dev and stack_bytes > disk.used / 2:
        return Explanation(
            "The disk is full. The stack's own events and files fill it.",
            f"{proof}; {settings.state_dir} uses {_mib(stack_bytes)} of it",
            "!eventlab reset --yes && eventlab up",
            "To fix it, run this (it deletes all events and files of the stack), then run the cell again",
        )
    if use_other_disk := other_disk_command():
        instruction = "Delete files that you do not need; or close JupyterLab and move the stack to another disk"
        return Explanation("The disk is full.", proof, f"{use_other_disk}; make lab", instruction)
    return None


def _can_end(pid: int) -> bool:
    """Return whether the process belongs to this user and is not this kernel."""
    try:
        return psutil.Process(pid).uids().real == os.getuid() and pid != os.getpid()
    except psutil.Error:
        return False


def _mib(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"


EXPLANATIONS: list[Explain] = [disk_full, port_in_use, memory_exhausted]
