"""A filter of system calls for untrusted processes (seccomp(2)).

It refuses the calls that hold memory where it cannot be counted, those that use up what the whole machine has once
(io_setup), and those that leave the namespaces and the processor of a process. Memory that processes share without
a file (mmap(2) with MAP_SHARED and MAP_ANONYMOUS) is refused, too: it stays when it is no longer mapped, and then
counts for no process. On an unknown architecture nothing is filtered.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

PR_SET_SECCOMP, MODE_FILTER = 22, 2
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT, FOURTH_ARGUMENT_AT = 0, 4, 16, 40
MAP_SHARED, MAP_ANONYMOUS = 0x01, 0x20
NEW_NAMESPACES = 0x7E020000
"""The flags of clone(2) that create namespaces; in one of its own a process can mount file systems in memory."""
X32 = 0x40000000
"""On x86_64, calls from this number on belong to another interface, with other numbers."""
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NUMBERS = {
    "x86_64": {
        "add_key": 248, "bpf": 321, "clone": 56, "clone3": 435, "io_setup": 206, "io_uring_setup": 425,
        "keyctl": 250,
        "memfd_create": 319, "memfd_secret": 447, "mmap": 9, "msgget": 68, "perf_event_open": 298,
        "request_key": 249, "sched_setaffinity": 203, "semget": 64, "shmget": 29, "unshare": 272,
        "userfaultfd": 323,
    },
    "aarch64": {
        "add_key": 217, "bpf": 280, "clone": 220, "clone3": 435, "io_setup": 0, "io_uring_setup": 425,
        "keyctl": 219,
        "memfd_create": 279, "memfd_secret": 447, "mmap": 222, "msgget": 186, "perf_event_open": 241,
        "request_key": 218, "sched_setaffinity": 122, "semget": 190, "shmget": 194, "unshare": 97,
        "userfaultfd": 282,
    },
}  # fmt: skip
REFUSED = {"sched_setaffinity": errno.EPERM, "unshare": errno.EPERM}
"""All other calls answer ENOSYS, as on a kernel without them: libraries then use something else."""


def restrict() -> bool:
    """Install the filter in this process and its children; return whether it works here.

    The process must have given up new privileges before.
    """
    machine = platform.machine()
    if machine not in NUMBERS:
        return False
    program = _program(machine)
    lines = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(lines))
    return ctypes.CDLL(None).prctl(PR_SET_SECCOMP, MODE_FILTER, header, 0, 0) == 0


def _program(machine: str) -> bytes:
    """Return the filter as a program of the kernel's packet filter (BPF): 8 bytes per instruction."""
    numbers = dict(NUMBERS[machine])
    clone, mmap = numbers.pop("clone"), numbers.pop("mmap")
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
        (EQUAL, 0, 3, clone),
        (LOAD, 0, 0, FIRST_ARGUMENT_AT),
        (ANY_BIT, 0, 1, NEW_NAMESPACES),
        (RETURN, 0, 0, ERROR | errno.EPERM),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
