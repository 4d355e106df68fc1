"""Measuring the memory that processes hold: their pages, files in memory, and what the kernel stores for them.

A process can move its own pages to the swap space of the machine (MADV_PAGEOUT), so these count, too.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import random
import re
import stat
from collections.abc import Iterable
from pathlib import Path

PIPE_BYTES = 64 * 1024
SOCKET_BYTES = 2 * 212_992
"""What a pipe and a socket can hold in the kernel without being read; each is counted as full."""
UNIX_SOCKET = re.compile(rb"^[0-9a-f]+:(?: [0-9A-F]{8}){3} ([0-9A-F]{4}) [0-9A-F]{2} +(\d+)\b", re.MULTILINE)
"""Type and inode in a line of /proc/net/unix. The name after them may contain line breaks."""
DATAGRAMS = b"0002"
"""The type of a socket for datagrams."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
RESERVED_BYTES = 1 << 20
"""The memory that a processor may reserve for TCP before Linux counts it (SK_MEMORY_PCPU_RESERVE)."""
AREA_BYTES, LOCK_BYTES = 256, 192
"""What the kernel stores for an area of a process's memory (a line of /proc/PID/maps) and for a lock of a file."""
MAX_LOCKS = 10_000
"""No submission needs so many. On a busy machine it takes seconds to read more of them from /proc/locks."""
KCMP, KCMP_VM = {"x86_64": 312, "aarch64": 272}, 1
_libc = ctypes.CDLL(None)
FEW_PROCESSES = 8
"""The areas of so few processes need little memory: each process has at most 65,530."""


def holds_more(
    pids: list[int],
    allowed: int,
    scratch: int | None = None,
    *,
    count_locks: bool = True,
    others: Iterable[int] = (),
) -> bool:
    """Return whether the processes hold more bytes than allowed; shared pages are counted once.

    Args:
        pids: The processes.
        allowed: Bytes.
        scratch: An open folder of the file system in memory that belongs to them.
        count_locks: Whether to read /proc/locks, for which the kernel stops all programs that lock files.
        others: Processes whose memory does not count.
    """
    elsewhere = by_locks(pids, allowed) if count_locks else 0
    pids = with_living_threads(pids)
    elsewhere += in_scratch(scratch) + by_descriptors(pids, scratch) + by_areas(pids)
    if resident(pids) + elsewhere + at_most_in_tcp() <= allowed:
        return False
    elsewhere += in_tcp()
    if elsewhere > allowed:
        return True
    if resident(pids) + elsewhere <= allowed or proportional(pids) + elsewhere <= allowed:
        return False
    return proportional(with_own_memory(pids, others)) + elsewhere > allowed


def with_own_memory(pids: list[int], others: Iterable[int] = ()) -> list[int]:
    """Return the processes without those that have the same memory as another one of these or of the others.

    Between vfork(2) and exec(2), a process uses the memory of its parent: each shows all of it as its own.
    """
    found, seen = [], [*others]
    for pid in pids:
        if not any(_has_same_memory(pid, other) for other in seen):
            found.append(pid)
            seen.append(pid)
    return found


def _has_same_memory(one: int, other: int) -> bool:
    """Return whether two processes have the same memory (kcmp(2)); False where the system does not tell."""
    number = KCMP.get(platform.machine())
    return number is not None and _libc.syscall(number, one, other, KCMP_VM, 0, 0) == 0


def with_living_threads(pids: list[int]) -> list[int]:
    """Return the processes, but one whose first thread has ended as the id of another thread.

    Linux shows nothing of what such a process holds below its own id.
    """
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):
            if state_of(pid) != "Z":
                found.append(pid)
                continue
            for thread in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError):
                    if state_of(int(thread)) != "Z":
                        found.append(int(thread))
                        break
    return found


def state_of(thread: int) -> str:
    """Return the state of a thread: `R` while it runs or waits for a processor, `Z` when it has ended.

    Raises:
        OSError: There is no such thread.
    """
    return text_of(f"/proc/{thread}/stat").rpartition(")")[2].split()[0]


def described(pids: list[int], scratch: int | None = None) -> str:
    """Return what the processes hold, for the log; parts that are slow to measure are left out."""
    pids = with_living_threads(pids)
    parts = {
        "folders": in_scratch(scratch),
        "descriptors": by_descriptors(pids, scratch),
        "TCP": in_tcp(),
        "resident": resident(pids),
        "proportional": proportional(pids),
    }
    return f"{len(pids)} processes: " + ", ".join(f"{name} {size // 2**20} MiB" for name, size in parts.items())


def in_scratch(folder: int | None) -> int:
    """Return the bytes that the file system of an open folder uses."""
    if folder is None:
        return 0
    facts = os.fstatvfs(folder)
    return (facts.f_blocks - facts.f_bfree) * facts.f_frsize


def by_descriptors(pids: list[int], scratch: int | None = None) -> int:
    """Return the bytes of files without a name (memfd_create) and of full pipes and sockets, each counted once.

    Files of the scratch folder are left out: `in_scratch` counts them.
    """
    counted = os.fstat(scratch).st_dev if scratch is not None else None
    found: dict[tuple[int, int], int] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    facts = os.stat(entry.path)
                    found[facts.st_dev, facts.st_ino] = _held(facts, counted)
    return sum(found.values()) + by_unix_queues({inode for _, inode in found})


def by_unix_queues(inodes: set[int]) -> int:
    """Return the bytes that can wait in Unix sockets beyond SOCKET_BYTES for each descriptor.

    A connection that is not accepted has no descriptor, and in /proc/net/unix the inode 0. It keeps what was sent,
    also when the sender has closed its end. A socket for datagrams keeps those of many senders.

    Args:
        inodes: The sockets of the processes.
    """
    waiting = 0
    with contextlib.suppress(OSError), open("/proc/net/unix", "rb") as file:
        for kind, inode in UNIX_SOCKET.findall(file.read()):
            if inode == b"0":
                waiting += 1
            elif kind == DATAGRAMS and int(inode) in inodes:
                waiting += longest_queue()
    return waiting * SOCKET_BYTES


def longest_queue() -> int:
    """Return how many datagrams a Unix socket keeps."""
    with contextlib.suppress(OSError, ValueError):
        return int(text_of("/proc/sys/net/unix/max_dgram_qlen"))
    return 10


def at_most_in_tcp() -> int:
    """Return an upper limit for `in_tcp`: what the kernel has reserved for all TCP sockets of the machine.

    /proc/net/sockstat has one line for all sockets; `in_tcp` reads a line for each, also for closed ones.
    """
    with contextlib.suppress(OSError):
        if pages := re.search(r"^TCP: .* mem (\d+)$", text_of("/proc/net/sockstat"), re.MULTILINE):
            return int(pages[1]) * PAGE_BYTES + (os.cpu_count() or 1) * RESERVED_BYTES
    return in_tcp()


def in_tcp() -> int:
    """Return the bytes that wait to be read in the TCP sockets of this network; a socket can hold megabytes."""
    held = 0
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(path) as file:
            next(file)  # the heading
            held += sum(in_queue(queue) for line in file for queue in line.split()[4].split(":"))
    return held


def in_queue(number: str) -> int:
    """Return the bytes of a queue in /proc/net/tcp.

    Linux subtracts two numbers while data flow. The result can be negative for a moment, which looks like 4 GiB.
    """
    size = int(number, 16)
    return size if size < 1 << 31 else 0


def by_areas(pids: list[int]) -> int:
    """Return about how many bytes the kernel stores for the areas of many processes; a few of them are read."""
    if len(pids) <= FEW_PROCESSES:
        return 0
    found = 0
    for pid in random.sample(pids, FEW_PROCESSES):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/maps", "rb") as file:
            found += sum(1 for _ in file)
    return AREA_BYTES * found * len(pids) // FEW_PROCESSES


def by_locks(pids: list[int], allowed: int) -> int:
    """Return the bytes of the processes' locks of files; with MAX_LOCKS they hold more than allowed."""
    found, own = 0, {str(pid).encode() for pid in pids}
    with contextlib.suppress(OSError), open("/proc/locks", "rb") as file:
        for line in file:
            found += not own.isdisjoint(line.split()[4:6])
            if found == MAX_LOCKS:
                return allowed + 1
    return LOCK_BYTES * found


def _held(facts: os.stat_result, counted: int | None) -> int:
    if stat.S_ISSOCK(facts.st_mode):
        return SOCKET_BYTES
    if stat.S_ISFIFO(facts.st_mode):
        return PIPE_BYTES
    nameless = stat.S_ISREG(facts.st_mode) and facts.st_nlink == 0 and facts.st_dev != counted
    return facts.st_blocks * 512 if nameless else 0


def resident(pids: list[int]) -> int:
    """Return the resident and swapped bytes and those of page tables; a shared page counts for each process."""
    return sum(_kilobytes(f"/proc/{pid}/status", r"^Vm(?:RSS|PTE|Swap):\s+(\d+) kB") for pid in pids)


def proportional(pids: list[int]) -> int:
    """Return the proportional set size in bytes, also in swap: a page shared by several processes counts once.

    The resident bytes count of a process that does not show it, as in a container whose root lacks CAP_SYS_PTRACE.
    """
    tables = sum(_kilobytes(f"/proc/{pid}/status", r"^VmPTE:\s+(\d+) kB") for pid in pids)
    return tables + sum(map(_proportional, pids))


def _proportional(pid: int) -> int:
    try:
        return _sum(text_of(f"/proc/{pid}/smaps_rollup"), r"^(?:Swap)?Pss:\s+(\d+) kB")
    except PermissionError:
        return _kilobytes(f"/proc/{pid}/status", r"^Vm(?:RSS|Swap):\s+(\d+) kB")
    except OSError:  # it has just ended
        return 0


def _kilobytes(path: str, line: str) -> int:
    """Return the sum, in bytes, of the lines of a file that match; 0 when the process has just ended."""
    try:
        return _sum(text_of(path), line)
    except OSError:
        return 0


def _sum(text: str, line: str) -> int:
    return sum(int(number) * 1024 for number in re.findall(line, text, re.MULTILINE))


def text_of(path: str | Path) -> str:
    """Return the text of a file in /proc: it contains the name of a process, which may be any bytes."""
    return Path(path).read_bytes().decode(errors="replace")
