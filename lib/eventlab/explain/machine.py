"""What the machine has no more of: ports, memory, disk."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import psutil

from eventlab import doctor
from eventlab.clients import ports
from eventlab.explain.explanation import INSTEAD, Explain, Explanation
from eventlab.explain.failure import Failure
from eventlab.settings import HOST
from eventlab.stack import Stack, process
from eventlab.stack.requirements import free_offset
from eventlab.stack.services import SERVICES

LITTLE_DISK = 16 * 2**20
"""HDFS's NameNode takes no changes below 10 MiB (stack/hdfs/hdfs-site.xml)."""
LITTLE_AFTERWARDS = 256 * 2**20
"""A broker that ends for want of room first gives some back: it cuts its index files to what they hold."""
FULL = (r"No space left on device", r"Resources are low on NN", r"not have enough.*disk space", r"DiskOutOfSpace")
STORES = ("kafka", "namenode", "datanode")
OF_STORES = (r"kafka", r"hdfs", r"hadoop", r"Kafka")
HEAVY = 64 * 2**20
LITTLE_MEMORY = 2**30


def port_taken(failure: Failure, settings: Any) -> Explanation | None:
    """Somebody else holds a port that the cell, or the stack, wants."""
    own = re.search(r"needs port (\d+) \(EVENTLAB_\w+\), which", failure.text)
    if own:
        return stack_port_taken(settings)
    taken = any(isinstance(each, OSError) and each.errno == errno.EADDRINUSE for each in failure.chain)
    if not taken and not (failure.says(r"SystemExit") and re.search(r"\.run\(|run_simple\(", failure.source)):
        return None
    for text in re.findall(r"(?<![\w.])(\d{4,5})(?![\w.])", failure.source):
        port = int(text)
        if port > 65535 or ports.is_free(port):
            continue
        free = next(each for each in range(port + 1, port + 1000) if ports.is_free(each))
        mended = failure.mended(text, str(free))
        if mended:
            proof = f"{HOST}:{port} is held by {ports.holder(port)}; port {free} is free"
            return Explanation(f"Port {port} is taken.", proof, mended, INSTEAD)
    return None


def stack_port_taken(settings: Any) -> Explanation | None:
    """A port of a service that is not running is held by somebody else."""
    own = Stack(settings).listening_ports()
    for service in SERVICES.values():
        if service.is_external(settings) or process.find(settings, service.name):
            continue
        for port in service.port_numbers(settings):
            if port in own or ports.is_free(port):
                continue
            holder = ports.holder(port)
            pid = re.match(r"process (\d+)", holder)
            remedy = f"!kill {pid[1]}" if pid and _is_ours(int(pid[1])) else ""
            where = "If that process may go (it is yours), run this, then the cell again"
            if not remedy:
                remedy = f"EVENTLAB_PORT_OFFSET={free_offset(settings)} make lab"
                where = "To move the stack to other ports, end JupyterLab and run this in a terminal"
            what = f"{service.name} can't start: its port {port} is taken."
            return Explanation(what, f"{HOST}:{port} is held by {holder}", remedy, where)
    return None


def memory_exhausted(failure: Failure, settings: Any) -> Explanation | None:
    """Python got no more memory; what in the notebook holds most of it can go."""
    if not any(isinstance(each, MemoryError) for each in failure.chain):
        return None
    own = psutil.Process().memory_info().rss
    limit = _limit()
    name, size = max(
        ((name, _size(value)) for name, value in failure.names.items() if name[0] != "_"), key=_second
    )
    if size < HEAVY or not _would_help(failure, size, limit):
        return None
    proof = f"the kernel (process {os.getpid()}) has {_mib(own)}"
    proof += f" of at most {_mib(limit)}" if limit else f"; {_mib(psutil.virtual_memory().available)} are free"
    return Explanation(f"The memory is exhausted; {name!r} alone holds {_mib(size)}.", proof, f"del {name}")


def _would_help(failure: Failure, size: int, limit: int | None) -> bool:
    """Whether what was asked for fits once the variable is gone; numpy says what it asked for."""
    room = size + (psutil.virtual_memory().available if limit is None else limit // 2)
    asked = re.search(r"Unable to allocate ([\d.]+) ([KMGTPE]?)i?B", failure.text)
    if asked:
        return float(asked[1]) * 1024 ** " KMGTPE".index(asked[2] or " ") <= room
    return limit is not None or psutil.virtual_memory().available < LITTLE_MEMORY


def _limit() -> int | None:
    """What this process may have, if that is limited."""
    if sys.platform == "win32":
        return None
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _second(pair: tuple[str, int]) -> int:
    return pair[1]


def _size(value: Any) -> int:
    """How many bytes a variable holds itself: an array's, a frame's, a text's."""
    if isinstance(value, type) or callable(value):
        return 0
    size = getattr(value, "nbytes", None)
    if isinstance(size, int):
        return size
    usage = getattr(value, "memory_usage", None)
    if callable(usage):
        return int(usage().sum()) if hasattr(usage(), "sum") else 0
    size = sys.getsizeof(value, 0)
    if isinstance(value, list | tuple) and value:  # as many as the first weighs
        size += len(value) * sys.getsizeof(value[0], 0)
    return size


def disk_full(failure: Failure, settings: Any) -> Explanation | None:
    """A file system that the failure touched has no room left; it is asked."""
    said = failure.says(*FULL) or any(
        isinstance(each, OSError) and each.errno == errno.ENOSPC for each in failure.chain
    )
    logged = _stack_says_full(failure, settings)
    if not said and not logged and not _stack_has_ended(failure, settings):
        return None
    little = LITTLE_AFTERWARDS if logged else LITTLE_DISK
    named = [Path(str(each.filename)) for each in failure.chain if isinstance(each, OSError) and each.filename]
    touched = [*named, Path.cwd()] if said else []
    folders = [doctor.nearest_folder(each.absolute()) for each in [settings.state_dir / "data", *touched]]
    for folder in folders:
        free = shutil.disk_usage(folder).free
        if free >= little:
            continue
        state = doctor.nearest_folder(settings.state_dir.absolute())
        proof = f"{_mib(free)} are free on the disk of {folder} ({_mib(shutil.disk_usage(folder).total)} in all)"
        held = _bytes_below(settings.state_dir)
        if os.stat(state).st_dev == os.stat(folder).st_dev and held > shutil.disk_usage(folder).used / 2:
            return Explanation(
                "The disk is full: the stack's own events and files fill it.",
                f"{proof}; {settings.state_dir} holds {_mib(held)} of it",
                "!eventlab reset --yes && eventlab up",
                "To mend it, run this (all events and files of the stack go), then the cell again",
            )
        moved = doctor.roomy()
        if moved:
            return Explanation(
                "The disk is full.",
                proof,
                f"{moved}; make lab",
                "Delete what is no longer needed there; or end JupyterLab, and move the stack to another disk",
            )
    return None


def _stack_says_full(failure: Failure, settings: Any) -> bool:
    """The end of a service's log says that the disk was full; the service may be about to end."""
    if not failure.says(*OF_STORES):
        return False
    logs = [process.log_tail(settings, name, 2000) for name in STORES]
    return any(re.search("|".join(FULL), log) for log in logs)


def _stack_has_ended(failure: Failure, settings: Any) -> bool:
    """A service that stores is gone, perhaps without a word: on a full disk, a mapped page can end a JVM."""
    ended = [name for name in STORES if process.read_record(settings, name) and not process.find(settings, name)]
    return bool(ended) and failure.says(*OF_STORES)


def _bytes_below(folder: Path) -> int:
    """What the folder's files take on the disk."""
    return sum(
        os.stat(os.path.join(where, name), follow_symlinks=False).st_blocks * 512
        for where, _, names in os.walk(folder)
        for name in names
    )


def _is_ours(pid: int) -> bool:
    try:
        return psutil.Process(pid).uids().real == os.getuid() and pid != os.getpid()
    except psutil.Error:
        return False


def _mib(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"


EXPLANATIONS: list[Explain] = [disk_full, port_taken, memory_exhausted]
