"""Giving up rights before a student's code runs: resource limits, another user, no capabilities."""

from __future__ import annotations

import ctypes
import os
import resource
import struct
from collections.abc import Mapping

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 24, 38, 47
LINUX_CAPABILITY_VERSION_3 = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Leave the given namespaces for new ones (unshare(2))."""
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount a file system (mount(2))."""
    _checked(
        _libc.mount(source.encode(), target.encode(), kind.encode() or None, flags, data.encode() or None),
        f"mount {target}",
    )


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
