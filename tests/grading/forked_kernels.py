"""Kernels that a fork server starts as in a worker, with few imports and no services."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from eventlab.grading.environment import sandbox
from eventlab.grading.environment.fork_server import ForkServer
from eventlab.grading.environment.sandbox import MIB, ProcessLimits
from eventlab.grading.execution.kernel import SubmissionKernel
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.worker_process import SLOTS
from eventlab.settings import Settings
from eventlab.stack import config
from tests.skips import requires_tool

needs_bubblewrap = requires_tool("bwrap", sandbox.support().reason)
MEMORY_MIB = 400
LIMITS = ProcessLimits(processes=60, file_mib=8)
FORK_BOMB = "import os, time\nfor n in range(1000):\n    if os.fork() == 0:\n        time.sleep(20); os._exit(0)"


@contextlib.contextmanager
def running_fork_server(contained: bool) -> Iterator[ForkServer]:
    """Run a fork server for the duration of the block, in a sandbox or as on a machine without bubblewrap."""
    run = Path(tempfile.mkdtemp(prefix="eg"))
    run.chmod(0o755)
    opened = open_fork_server(run, contained)
    yield opened
    opened.close()
    shutil.rmtree(run)


def open_fork_server(run: Path, contained: bool) -> ForkServer:
    """Start a fork server; `contained` says whether it runs in a sandbox."""
    reachable = contained or all(map(sandbox.is_open_to_others, sandbox.shown()))
    uid = sandbox.uids(os.getpid() % SLOTS, os.geteuid() == 0 and reachable)[2]
    client = Settings(state_dir=run / "client")
    config.render(client)
    sandbox.write_accounts(run, [uid])
    kernels = run / "kernels"
    kernels.mkdir()
    wanted = {
        "uid": uid,
        "namespaces": contained,
        "limits": LIMITS.of_kernel(),
        "memory": MEMORY_MIB * MIB,
        "size": 32 * MIB,
        "imports": sandbox.WARM_IMPORTS[:2],  # the kernel's own
        "kernels": str(kernels),
        "keep": [str(path) for path in [*sandbox.shown(), client.state_dir] if path.is_relative_to("/tmp")],
    }
    env = {name: value for name, value in sandbox.variables(client).items() if name != "SPARK_REMOTE"}
    command = sandbox.inside("kernels", wanted, contained)
    if contained:
        command = sandbox.of_kernels(run, client.state_dir, env, command)
    return ForkServer(command, kernels, "/kernel" if contained else None, run / "kernels.log", env)


def ready(fork_server: ForkServer) -> Iterator[SubmissionKernel]:
    """Yield a kernel that answers, and end it afterwards."""
    started = SubmissionKernel(fork_server.start())
    started.wait_ready()
    yield started
    started.forget()


def shown(result: CellResult) -> str:
    """Return the text of a cell that ended without an error."""
    assert result.ended == "done", result
    return "".join(output.get("text", "") for output in result.outputs)


def printed(kernel: SubmissionKernel, source: str) -> str:
    """Run a cell and return what it prints."""
    return shown(kernel.execute(source, 20)).strip()


def assert_limits(kernel: SubmissionKernel) -> None:
    """Assert that the kernel has limits; called before each bomb."""
    status = printed(kernel, "print(open('/proc/self/status').read())")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    limits = LIMITS.of_kernel()
    numbers = f"{{name: getattr(resource, 'RLIMIT_' + name) for name in {[*limits]}}}"
    read = f"import resource; print({{name: resource.getrlimit(n)[1] for name, n in {numbers}.items()}})"
    found = printed(kernel, read)
    assert found == str(limits), found
    assert printed(kernel, "import os; print(len(os.sched_getaffinity(0)))") == "1"
