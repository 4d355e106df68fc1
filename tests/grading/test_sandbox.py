"""What a kernel in the sandbox can see, write and use: asked from inside of one, without any service."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlab.grading.environment import sandbox
from eventlab.grading.environment.fork_server import ForkServer
from eventlab.grading.execution.kernel import SubmissionKernel
from eventlab.grading.worker_process import SLOTS
from eventlab.settings import ROOT, Settings
from tests.grading.forked_kernels import (
    FORK_BOMB,
    assert_limits,
    needs_bubblewrap,
    printed,
    ready,
    running_fork_server,
)

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def fork_server() -> Iterator[ForkServer]:
    """Only with bubblewrap."""
    with running_fork_server(contained=True) as running:
        yield running


@pytest.fixture
def kernel(fork_server: ForkServer) -> Iterator[SubmissionKernel]:
    yield from ready(fork_server)


@needs_bubblewrap
def test_in_the_sandbox_a_kernel_is_never_root(kernel: SubmissionKernel) -> None:
    changes_user = os.geteuid() == 0
    expected = sandbox.uids(os.getpid() % SLOTS, changes_user)[2] if changes_user else os.geteuid()
    assert printed(kernel, "import os; print(os.geteuid())") == str(expected) != "0"


@needs_bubblewrap
def test_a_fork_bomb_meets_its_limit(kernel: SubmissionKernel) -> None:
    assert_limits(kernel)
    result = kernel.execute(FORK_BOMB, 20)
    assert (result.ended, result.error.split(":")[0]) == ("raised", "BlockingIOError")


@needs_bubblewrap
def test_the_instructors_variables_are_not_there(kernel: SubmissionKernel) -> None:
    names = set(printed(kernel, "import os; print(*os.environ)").split())
    theirs = set(os.environ) - set(sandbox.variables(Settings()))
    assert theirs
    assert names & theirs <= {"PWD", "TERM"}  # the kernel's own


@needs_bubblewrap
def test_labs_grader_git_and_homes_are_not_there(kernel: SubmissionKernel) -> None:
    hidden = [
        ROOT / "labs",
        ROOT / "tests",
        ROOT / ".git",
        ROOT / "lib/eventlab/grading/grade.py",
        Path.home() / ".bashrc",
    ]
    asked = f"import os; print([path for path in {[str(path) for path in hidden]} if os.path.exists(path)])"
    assert printed(kernel, asked) == "[]"


@needs_bubblewrap
def test_nothing_but_its_own_folders_can_be_written(kernel: SubmissionKernel) -> None:
    tried = (
        "import os\n"
        "wrote = []\n"
        f"for folder in ('/', '/etc', '/usr', '/dev', '/run/eventlab', '{ROOT}', '{ROOT}/lib', '{ROOT}/.venv'):\n"
        "    try: open(folder + '/mine', 'w'); wrote.append(folder)\n"
        "    except OSError: pass\n"
        "print(wrote)"
    )
    assert printed(kernel, tried) == "[]"


@needs_bubblewrap
def test_its_folders_hold_only_so_much(kernel: SubmissionKernel) -> None:
    fill = "for n in range(100): open(f'/tmp/{n}', 'wb').write(bytes(4_000_000))"
    assert "No space left" in kernel.execute(fill, 20).error


@needs_bubblewrap
def test_other_processes_are_not_in_sight(kernel: SubmissionKernel) -> None:
    assert int(printed(kernel, "import os; print(sum(name.isdigit() for name in os.listdir('/proc')))")) < 8


@needs_bubblewrap
def test_a_worker_has_a_network_of_its_own() -> None:
    names = (
        "import os, socket; print([name for _, name in socket.if_nameindex()], os.readlink('/proc/self/ns/net'))"
    )
    asked = subprocess.run(sandbox.of_worker(["python3", "-c", names]), capture_output=True, text=True, check=True)
    interfaces, namespace = asked.stdout.rsplit(maxsplit=1)
    assert interfaces == "['lo']"
    assert namespace != os.readlink("/proc/self/ns/net")


def test_where_there_is_no_bubblewrap_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "bwrap" else which(name))
    found = sandbox.support.__wrapped__()
    assert not found.bubblewrap
    assert "no sandbox (bubblewrap is not installed)" in found.described
