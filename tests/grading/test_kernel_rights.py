"""A kernel in the sandbox has the filter of system calls, and keeps it in what it starts."""

from __future__ import annotations

import pytest

from tests.grading.forked_kernels import needs_bubblewrap, printed, ready, running_fork_server

pytestmark = pytest.mark.services
REFUSED = """
import ctypes, os
def error_of(call, *words):
    try:
        call(*words)
    except OSError as error:
        return error.errno
    return 0
libc = ctypes.CDLL(None, use_errno=True)
def unshared():
    return ctypes.get_errno() if libc.unshare(0x10000000) else 0
print(error_of(os.memfd_create, "held"), error_of(os.sched_setaffinity, 0, {0}), unshared())
"""
IN_A_CHILD = (
    f"import subprocess, sys\nprint(subprocess.check_output([sys.executable, '-c', {REFUSED!r}], text=True))"
)


@needs_bubblewrap
def test_calls_that_hide_memory_or_leave_a_namespace_are_refused_in_a_kernel() -> None:
    with running_fork_server(contained=True) as fork_server:
        for kernel in ready(fork_server):
            assert [printed(kernel, source) for source in (REFUSED, IN_A_CHILD)] == ["38 1 1"] * 2
