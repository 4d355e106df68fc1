"""What a kernel can see and use: asked from inside of one, without any service."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from eventlab.grading.environment import sandbox
from eventlab.grading.environment.fork_server import ForkServer
from eventlab.grading.environment.sandbox import MIB, ProcessLimits
from eventlab.grading.execution.kernel import SubmissionKernel
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.worker_process import SLOTS
from eventlab.settings import ROOT, Settings
from eventlab.stack import config
from tests.skips import requires_tool

pytestmark = pytest.mark.services

needs_bubblewrap = requires_tool("bwrap", sandbox.support().reason)
MEMORY_MIB = 400


def open_fork_server(run: Path, contained: bool) -> ForkServer:
    """What forks kernels, as a worker has it, but with few imports and no services."""
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
        "limits": ProcessLimits(processes=60, file_mib=8).of_kernel(),
        "memory": MEMORY_MIB * MIB,
        "size": 32 * MIB,
        "imports": ["ipykernel.kernelapp"],
        "kernels": str(kernels),
        "keep": [str(path) for path in [*sandbox.shown(), client.state_dir] if path.is_relative_to("/tmp")],
    }
    env = {name: value for name, value in sandbox.variables(client).items() if name != "SPARK_REMOTE"}
    command = sandbox.inside("kernels", wanted, contained)
    if contained:
        command = sandbox.of_kernels(run, client.state_dir, env, command)
    return ForkServer(command, kernels, "/kernel" if contained else None, run / "kernels.log", env)


@pytest.fixture(
    scope="module", params=[pytest.param(True, marks=needs_bubblewrap), False], ids=["sandbox", "bare"]
)
def fork_server(request: pytest.FixtureRequest) -> Iterator[ForkServer]:
    """With bubblewrap, and as a machine without it has it."""
    run = Path(tempfile.mkdtemp(prefix="eg"))
    run.chmod(0o755)
    opened = open_fork_server(run, request.param)
    yield opened
    opened.close()
    shutil.rmtree(run)


@pytest.fixture(scope="module")
def contained() -> Iterator[ForkServer]:
    """Only with bubblewrap."""
    run = Path(tempfile.mkdtemp(prefix="eg"))
    run.chmod(0o755)
    opened = open_fork_server(run, True)
    yield opened
    opened.close()
    shutil.rmtree(run)


@pytest.fixture
def kernel(fork_server: ForkServer) -> Iterator[SubmissionKernel]:
    yield from ready(fork_server)


@pytest.fixture
def walled(contained: ForkServer) -> Iterator[SubmissionKernel]:
    yield from ready(contained)


def ready(fork_server: ForkServer) -> Iterator[SubmissionKernel]:
    started = SubmissionKernel(fork_server.start())
    started.wait_ready()
    yield started
    started.forget()


def shown(result: CellResult) -> str:
    assert result.ended == "done", result
    return "".join(output.get("text", "") for output in result.outputs)


def printed(kernel: SubmissionKernel, source: str) -> str:
    return shown(kernel.execute(source, 20)).strip()


def test_a_cell_shows_what_it_prints_and_state_stays(kernel: SubmissionKernel) -> None:
    kernel.execute("x = 20", 20)
    assert printed(kernel, "print(x + 1)") == "21"


def test_an_error_is_a_result(kernel: SubmissionKernel) -> None:
    result = kernel.execute("1/0", 20)
    assert (result.ended, result.error) == ("raised", "ZeroDivisionError: division by zero")


def test_a_late_cell_costs_its_time_and_no_more(kernel: SubmissionKernel) -> None:
    started = time.monotonic()
    result = kernel.execute("while True: pass", 1)
    assert result.ended == "timed_out"
    assert time.monotonic() - started < 5


def test_a_dead_kernel_is_noticed_at_once(kernel: SubmissionKernel) -> None:
    started = time.monotonic()
    result = kernel.execute("import os; os._exit(3)", 60)
    assert (result.ended, result.error) == ("died", "exit 3")
    assert time.monotonic() - started < 5


def test_a_million_lines_are_capped_as_they_arrive(kernel: SubmissionKernel) -> None:
    result = kernel.execute("for i in range(10**6): print(i)\nprint('end')", 60)
    assert result.ended == "done"
    assert sum(len(output.get("text", "")) for output in result.outputs) < 200_000
    assert printed(kernel, "print('next')") == "next"


def test_one_huge_output_is_not_received(kernel: SubmissionKernel) -> None:
    result = kernel.execute("print('x' * 40_000_000)", 60)
    assert (result.ended, result.outputs) == ("done", [])


def test_what_a_kernel_started_ends_with_it(kernel: SubmissionKernel) -> None:
    mark = f"{os.getpid()}{time.monotonic_ns()}"
    source = (
        "import subprocess, sys\n"
        f"sleeper = [sys.executable, '-c', 'import time; time.sleep(60)', '{mark}']\n"
        "subprocess.Popen(sleeper, start_new_session=True)\nsubprocess.Popen(sleeper)"
    )
    kernel.execute(source, 20)
    assert len(_marked(mark)) == 2
    kernel.end()
    deadline = time.monotonic() + 5
    while _marked(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _marked(mark) == []


def _marked(mark: str) -> list[int]:
    found = psutil.process_iter(["cmdline"])
    return [process.pid for process in found if mark in (process.info["cmdline"] or [])[-1:]]


def assert_limits(kernel: SubmissionKernel) -> None:
    """Assert that the kernel has limits; called before each bomb."""
    status = printed(kernel, "print(open('/proc/self/status').read())")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    limits = "import resource as r; print(r.getrlimit(r.RLIMIT_NPROC), r.getrlimit(r.RLIMIT_FSIZE)[0])"
    assert printed(kernel, limits) == f"(60, 60) {8 * MIB}"


def test_a_kernel_has_no_rights_and_limits(kernel: SubmissionKernel) -> None:
    assert_limits(kernel)


@needs_bubblewrap
def test_in_the_sandbox_a_kernel_is_never_root(walled: SubmissionKernel) -> None:
    changes_user = os.geteuid() == 0
    expected = sandbox.uids(os.getpid() % SLOTS, changes_user)[2] if changes_user else os.geteuid()
    assert printed(walled, "import os; print(os.geteuid())") == str(expected) != "0"


FORK_BOMB = "import os, time\nfor n in range(1000):\n    if os.fork() == 0:\n        time.sleep(20); os._exit(0)"


@needs_bubblewrap
def test_a_fork_bomb_meets_its_limit(walled: SubmissionKernel) -> None:
    assert_limits(walled)
    result = walled.execute(FORK_BOMB, 20)
    assert (result.ended, result.error.split(":")[0]) == ("raised", "BlockingIOError")


def test_a_fork_bomb_ends_also_where_the_limit_does_not_bind(kernel: SubmissionKernel) -> None:
    assert_limits(kernel)
    result = kernel.execute(FORK_BOMB, 20)
    assert result.error.split(":")[0] in ("BlockingIOError", "processes")


def test_a_memory_bomb_meets_its_limit(kernel: SubmissionKernel) -> None:
    assert_limits(kernel)
    result = kernel.execute("held = [bytearray(b'x' * 50_000_000) for _ in range(60)]", 20)  # 3 GB at most
    assert (result.ended, result.error) == ("died", "memory") or "MemoryError" in result.error


def test_a_large_file_meets_its_limit(kernel: SubmissionKernel) -> None:
    result = kernel.execute("open('large', 'wb').write(bytes(20_000_000))", 20)
    assert result.ended == "raised"
    assert "File too large" in result.error


def test_files_go_in_before_and_come_out_after(kernel: SubmissionKernel) -> None:
    kernel.write({"data/given.txt": b"given", "../out.txt": b"no"})
    assert printed(kernel, "print(open('data/given.txt').read()); open('made.py', 'w').write('made')") == "given"
    assert (
        printed(kernel, "import os; os.symlink('/etc/passwd', 'link'); print(os.path.exists('../out.txt'))")
        == "False"
    )
    assert kernel.files() == {"made.py": b"made"}


@needs_bubblewrap
def test_the_instructors_variables_are_not_there(walled: SubmissionKernel) -> None:
    names = set(printed(walled, "import os; print(*os.environ)").split())
    theirs = set(os.environ) - set(sandbox.variables(Settings()))
    assert theirs
    assert names & theirs <= {"PWD", "TERM"}  # the kernel's own


@needs_bubblewrap
def test_labs_grader_git_and_homes_are_not_there(walled: SubmissionKernel) -> None:
    hidden = [
        ROOT / "labs",
        ROOT / "tests",
        ROOT / ".git",
        ROOT / "lib/eventlab/grading/grade.py",
        Path.home() / ".bashrc",
    ]
    asked = f"import os; print([path for path in {[str(path) for path in hidden]} if os.path.exists(path)])"
    assert printed(walled, asked) == "[]"


@needs_bubblewrap
def test_nothing_but_its_own_folders_can_be_written(walled: SubmissionKernel) -> None:
    tried = (
        "import os\n"
        "wrote = []\n"
        f"for folder in ('/', '/etc', '/usr', '/dev', '/run/eventlab', '{ROOT}', '{ROOT}/lib', '{ROOT}/.venv'):\n"
        "    try: open(folder + '/mine', 'w'); wrote.append(folder)\n"
        "    except OSError: pass\n"
        "print(wrote)"
    )
    assert printed(walled, tried) == "[]"


@needs_bubblewrap
def test_its_folders_hold_only_so_much(walled: SubmissionKernel) -> None:
    fill = "for n in range(100): open(f'/tmp/{n}', 'wb').write(bytes(4_000_000))"
    assert "No space left" in walled.execute(fill, 20).error


@needs_bubblewrap
def test_other_processes_are_not_in_sight(walled: SubmissionKernel) -> None:
    assert int(printed(walled, "import os; print(sum(name.isdigit() for name in os.listdir('/proc')))")) < 8


def test_of_another_kernel_nothing_is_left(fork_server: ForkServer, kernel: SubmissionKernel) -> None:
    kernel.execute("open('left', 'w')", 20)
    other = SubmissionKernel(fork_server.start())
    other.wait_ready()
    try:
        assert printed(other, "import os; print(os.listdir('.'))") == "[]"
    finally:
        other.forget()


@needs_bubblewrap
def test_a_worker_has_a_network_of_its_own() -> None:
    names = (
        "import os, socket; print([name for _, name in socket.if_nameindex()], os.readlink('/proc/self/ns/net'))"
    )
    asked = subprocess.run(sandbox.of_worker(["python3", "-c", names]), capture_output=True, text=True, check=True)
    interfaces, namespace = asked.stdout.rsplit(maxsplit=1)
    assert interfaces == "['lo']"
    assert namespace != os.readlink("/proc/self/ns/net")


@pytest.fixture
def rights(monkeypatch: pytest.MonkeyPatch):
    """The module that runs inside."""
    monkeypatch.syspath_prepend(str(sandbox.INSIDE))
    return importlib.import_module("rights")


def test_the_services_of_an_ordinary_user_leave_room_for_kernels(rights, monkeypatch: pytest.MonkeyPatch) -> None:
    resting = [threading.Thread(target=time.sleep, args=(0.5,)) for _ in range(30)]
    for thread in resting:
        thread.start()
    assert rights.threads_of_user() > 30, "threads count, not only processes"
    monkeypatch.setattr(rights.os, "geteuid", lambda: os.stat("/proc/self").st_uid or 12345)
    monkeypatch.setattr(rights, "threads_of_user", lambda: 700)
    assert rights.room_for(200, uid=0, namespaces=False) >= 900
    assert rights.room_for(200, uid=61_000, namespaces=False) == 200
    assert rights.room_for(200, uid=0, namespaces=True) == 200
    for thread in resting:
        thread.join()


def test_where_there_is_no_bubblewrap_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "bwrap" else which(name))
    found = sandbox.support.__wrapped__()
    assert not found.bubblewrap
    assert "no sandbox (bubblewrap is not installed)" in found.described
