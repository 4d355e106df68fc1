"""Giving up rights before a student's code runs: limits, another user, no capabilities, fewer system calls.

The filter of system calls (seccomp(2)) refuses those that hold memory where it cannot be counted, those that use
up a resource of the whole machine (io_setup), and those that leave the namespaces and the processor of a process.
It also refuses memory that processes share without a file (mmap(2) with MAP_SHARED and MAP_ANONYMOUS): after it is
unmapped, it stays and counts for no process. One byte that vmsplice(2) puts into a pipe keeps a large page (2 MiB)
in the same way. splice(2), tee(2) and sendfile(2) are refused for the same reason: a byte in a pipe or a socket
keeps its page after the file was emptied. In a socket (MSG_ZEROCOPY), the limit of locked memory prevents this.
The access list of a file in memory (setxattr(2)) takes up to 64 KiB, a set of rules of Landlock some megabytes, a
filter like this one half a megabyte, and the queue of an observer of files (inotify(7)) 8 megabytes. A process
that is suspended must not wake itself with SIGCONT, by a timer (timer_create(2)) or when data arrive (F_SETSIG).
Locks of open files (F_OFD_SETLK) are refused because they count for no process, and tables of open files that a
thread has for itself or that processes share (close_range(2), clone(2)) because they hide what is open and locked.
Beside Spark, setsid(2) does nothing: Linux divides the processors among sessions (autogroup in sched(7)), and a
hundred sessions would get a hundred times the share of another worker's service. On an unknown architecture
nothing is filtered.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
from collections.abc import Collection, Mapping

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 24, 38, 47
PR_SET_CHILD_SUBREAPER = 36
LINUX_CAPABILITY_VERSION_3 = 0x20080522
PR_SET_SECCOMP, MODE_FILTER = 22, 2
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT, SECOND_ARGUMENT_AT, FOURTH_ARGUMENT_AT = 0, 4, 16, 24, 40
F_SETSIG, F_OFD_SETLK, F_OFD_SETLKW = 10, 37, 38
CLONE_FILES, CLONE_THREAD = 0x00000400, 0x00010000
MAP_SHARED, MAP_ANONYMOUS = 0x01, 0x20
NEW_NAMESPACES = 0x7E020000
"""The flags of clone(2) that create namespaces; in one of its own a process can mount file systems in memory."""
X32 = 0x40000000
"""On x86_64, calls from this number on belong to another interface, with other numbers."""
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NUMBERS = {
    "x86_64": {
        "add_key": 248, "bpf": 321, "clone": 56, "clone3": 435, "close_range": 436, "fanotify_init": 300,
        "fcntl": 72,
        "fsetxattr": 190, "inotify_init": 253, "inotify_init1": 294, "io_setup": 206, "io_uring_setup": 425,
        "keyctl": 250, "landlock_create_ruleset": 444, "lsetxattr": 189, "memfd_create": 319,
        "memfd_secret": 447, "mmap": 9, "msgget": 68, "perf_event_open": 298, "prctl": 157, "request_key": 249,
        "sched_setaffinity": 203, "seccomp": 317, "semget": 64, "sendfile": 40, "setsid": 112,
        "setxattr": 188, "setxattrat": 463, "shmget": 29, "splice": 275, "tee": 276, "timer_create": 222,
        "unshare": 272, "userfaultfd": 323, "vmsplice": 278,
    },
    "aarch64": {
        "add_key": 217, "bpf": 280, "clone": 220, "clone3": 435, "close_range": 436, "fanotify_init": 262,
        "fcntl": 25,
        "fsetxattr": 7, "inotify_init1": 26, "io_setup": 0, "io_uring_setup": 425, "keyctl": 219,
        "landlock_create_ruleset": 444, "lsetxattr": 6, "memfd_create": 279, "memfd_secret": 447, "mmap": 222,
        "msgget": 186, "perf_event_open": 241, "prctl": 167, "request_key": 218, "sched_setaffinity": 122,
        "seccomp": 277, "semget": 190, "sendfile": 71, "setsid": 157,
        "setxattr": 5, "setxattrat": 463, "shmget": 194, "splice": 76, "tee": 77, "timer_create": 107,
        "unshare": 97, "userfaultfd": 282, "vmsplice": 75,
    },
}  # fmt: skip
REFUSED = {
    "sched_setaffinity": errno.EPERM,
    "unshare": errno.EPERM,
    "setsid": 0,  # as if it had worked: services are started with it
    "sendfile": errno.EINVAL,  # as for files that it cannot send: Java and Python then copy the bytes
    **dict.fromkeys(("setxattr", "lsetxattr", "fsetxattr", "setxattrat"), errno.ENOTSUP),  # copies do without them
}
"""All other calls answer ENOSYS, as on a kernel without them: libraries then use something else."""
_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Leave the given namespaces for new ones (unshare(2))."""
    _checked(_libc.unshare(flags), "unshare")


def enter(namespace: int) -> None:
    """Let the processes that this one starts from now on be in another namespace of process ids (setns(2)).

    Args:
        namespace: An open file `/proc/PID/ns/pid`.
    """
    _checked(_libc.setns(namespace, CLONE_NEWPID), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount a file system (mount(2))."""
    _checked(
        _libc.mount(source.encode(), target.encode(), kind.encode() or None, flags, data.encode() or None),
        f"mount {target}",
    )


def adopt_orphans(adopts: bool) -> None:
    """Become the parent of processes below this one whose own parent ends, or no longer (prctl(2))."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, int(adopts), 0, 0, 0)


def end_with_parent() -> None:
    """Ask to be killed when the parent ends; call it after a change of user, which resets it."""
    _libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)


def give_up(uid: int) -> None:
    """Become another user when this process is root, and drop all capabilities permanently.

    The limit of processes does not apply to root, so a student's code must not run as root.
    """
    for capability in range(64):
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if os.geteuid() == 0 and uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    _libc.prctl(PR_CAP_AMBIENT, 4, 0, 0, 0)
    header = struct.pack("Ii", LINUX_CAPABILITY_VERSION_3, 0)
    _libc.capset(header, bytes(24))
    _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def limit(limits: Mapping[str, int]) -> None:
    """Set resource limits by their names (`NPROC`, `AS`, `FSIZE`, ...), never above what is allowed already."""
    for name, value in limits.items():
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is not None:
            _, hard = resource.getrlimit(number)
            most = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(number, (most, most))


def limit_memory(more: int) -> None:
    """Limit this process to this many more bytes of address space."""
    limit({"AS": address_space() + more})


def address_space() -> int:
    """Return the bytes of address space that this process uses; 0 on a system without /proc."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except FileNotFoundError:
        return 0


def threads_of_user() -> int:
    """Return how many threads this user has; the NPROC limit counts threads, not processes."""
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.stat(f"/proc/{name}").st_uid == os.geteuid():
                    total += len(os.listdir(f"/proc/{name}/task"))
            except OSError:  # it has just ended
                continue
    return total


def room_for(processes: int, uid: int, namespaces: bool) -> int:
    """Return the NPROC limit that allows this number of further processes.

    A dedicated user has no processes yet, and in a namespace only those inside count. Otherwise the user's
    existing threads (three JVMs have hundreds) count too.
    """
    if namespaces or uid or os.geteuid() == 0:
        return processes
    return 2 * processes + threads_of_user()


def _checked(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def restrict_calls(allowed: Collection[str] = (), *, required: bool = True) -> bool:
    """Install the filter in this process and its children; return whether it is installed.

    The process must have given up new privileges before.

    Args:
        allowed: Calls that are not refused.
        required: Whether it is an error that the system does not install it.

    Raises:
        OSError: The system does not install it.
    """
    machine = platform.machine()
    if machine not in NUMBERS:
        return False
    program = _program(machine, allowed)
    lines = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(lines))
    refused = _libc.prctl(PR_SET_SECCOMP, MODE_FILTER, header, 0, 0)
    if required:
        _checked(refused, "a filter of system calls")
    return not refused


def _program(machine: str, allowed: Collection[str]) -> bytes:
    """Return the filter as a program of the kernel's packet filter (BPF): 8 bytes per instruction."""
    numbers = {name: number for name, number in NUMBERS[machine].items() if name not in allowed}
    clone, fcntl, mmap, prctl = (numbers.pop(name) for name in ("clone", "fcntl", "mmap", "prctl"))
    lines = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, ERROR | errno.ENOSYS),
        (LOAD, 0, 0, NUMBER_AT),
    ]
    if machine == "x86_64":
        lines += [(AT_LEAST, 0, 1, X32), (RETURN, 0, 0, ERROR | errno.ENOSYS)]
    for name, number in numbers.items():
        lines += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ERROR | REFUSED.get(name, errno.ENOSYS))]
    lines += [
        (EQUAL, 0, 5, mmap),
        (LOAD, 0, 0, FOURTH_ARGUMENT_AT),
        (ANY_BIT, 0, 2, MAP_ANONYMOUS),
        (ANY_BIT, 0, 1, MAP_SHARED),
        (RETURN, 0, 0, ERROR | errno.EPERM),
        (RETURN, 0, 0, ALLOW),
        (EQUAL, 0, 6, fcntl),
        (LOAD, 0, 0, SECOND_ARGUMENT_AT),
        (EQUAL, 2, 0, F_OFD_SETLK),
        (EQUAL, 1, 0, F_OFD_SETLKW),
        (EQUAL, 0, 1, F_SETSIG),
        (RETURN, 0, 0, ERROR | errno.EPERM),
        (RETURN, 0, 0, ALLOW),
        (EQUAL, 0, 4, prctl),
        (LOAD, 0, 0, FIRST_ARGUMENT_AT),
        (EQUAL, 0, 1, PR_SET_SECCOMP),
        (RETURN, 0, 0, ERROR | errno.EINVAL),
        (RETURN, 0, 0, ALLOW),
        (EQUAL, 0, 6, clone),
        (LOAD, 0, 0, FIRST_ARGUMENT_AT),
        (ANY_BIT, 3, 0, NEW_NAMESPACES),
        (ANY_BIT, 0, 1, CLONE_THREAD),
        (ANY_BIT, 2, 1, CLONE_FILES),
        (ANY_BIT, 0, 1, CLONE_FILES),
        (RETURN, 0, 0, ERROR | errno.EPERM),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
