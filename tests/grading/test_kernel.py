"""How a kernel executes cells, ends, and keeps to its limits, with and without a sandbox; no service is needed."""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from eventlab.grading import fair_time
from eventlab.grading.environment import sandbox
from eventlab.grading.environment.fork_server import ForkServer
from eventlab.grading.execution.kernel import SubmissionKernel
from tests.grading.forked_kernels import (
    FORK_BOMB,
    assert_limits,
    needs_bubblewrap,
    printed,
    ready,
    running_fork_server,
)
from tests.helpers import Stopwatch, wait_until

pytestmark = pytest.mark.services
OPEN_FOLDERS = """
files = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
print([os.readlink(file) for file in files if os.path.isdir(file)])
"""


@pytest.fixture(
    scope="module", params=[pytest.param(True, marks=needs_bubblewrap), False], ids=["sandbox", "bare"]
)
def fork_server(request: pytest.FixtureRequest) -> Iterator[ForkServer]:
    """With bubblewrap, and as a machine without it has it."""
    with running_fork_server(request.param) as running:
        yield running


@pytest.fixture
def kernel(fork_server: ForkServer) -> Iterator[SubmissionKernel]:
    yield from ready(fork_server)


def test_a_cell_shows_what_it_prints_and_state_stays(kernel: SubmissionKernel) -> None:
    kernel.execute("x = 20", 20)
    assert printed(kernel, "print(x + 1)") == "21"


def test_an_error_is_a_result(kernel: SubmissionKernel) -> None:
    result = kernel.execute("1/0", 20)
    assert (result.ended, result.error) == ("raised", "ZeroDivisionError: division by zero")


def test_a_late_cell_costs_its_time_and_no_more(kernel: SubmissionKernel) -> None:
    started = fair_time.now()
    result = kernel.execute("while True: pass", 1)
    assert result.ended == "timed_out"
    assert fair_time.now() - started < 5


def test_a_cell_may_run_longer_while_the_machine_has_less_time_for_it(
    kernel: SubmissionKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fair_time, "now", lambda: time.monotonic() / 10)
    assert kernel.execute("import time; time.sleep(2)", 1).ended == "done"


def test_a_dead_kernel_is_noticed_at_once(kernel: SubmissionKernel) -> None:
    taken = Stopwatch()
    result = kernel.execute("import os; os._exit(3)", 60)
    assert (result.ended, result.error) == ("died", "exit 3")
    assert taken.seconds < 5


def test_a_hundred_thousand_lines_are_capped_as_they_arrive(kernel: SubmissionKernel) -> None:
    result = kernel.execute("for i in range(10**5): print(i)\nprint('end')", 60)
    assert result.ended == "done"
    assert sum(len(output.get("text", "")) for output in result.outputs) < 200_000
    assert printed(kernel, "print('next')") == "next"


def test_one_huge_output_is_shortened_before_it_is_sent(kernel: SubmissionKernel) -> None:
    result = kernel.execute("print('x' * 40_000_000)", 60)
    text = "".join(output["text"] for output in result.outputs)
    assert result.ended == "done"
    assert text.endswith("x\n[more output was dropped]\n")
    assert len(text) < 200_000


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
    wait_until(lambda: not _marked(mark))


def _marked(mark: str) -> list[int]:
    found = psutil.process_iter(["cmdline"])
    return [process.pid for process in found if mark in (process.info["cmdline"] or [])[-1:]]


def test_a_kernel_has_no_rights_and_limits(kernel: SubmissionKernel) -> None:
    assert_limits(kernel)


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


def test_of_another_kernel_nothing_is_left(fork_server: ForkServer, kernel: SubmissionKernel) -> None:
    kernel.execute("open('left', 'w')", 20)
    for ended in ready(fork_server):
        ended.execute("open('left', 'w')", 20)
    other = SubmissionKernel(fork_server.start())
    other.wait_ready()
    try:
        assert printed(other, "import os; print(os.listdir('.'))") == "[]"
        assert printed(other, OPEN_FOLDERS) == "[]", "those of both kernels were open in the fork server"
    finally:
        other.forget()


@pytest.fixture
def rights(monkeypatch: pytest.MonkeyPatch):
    """The module that runs inside."""
    monkeypatch.syspath_prepend(str(sandbox.INSIDE))
    return importlib.import_module("rights")


def test_the_services_of_an_ordinary_user_leave_room_for_kernels(rights, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = threading.Event()
    resting = [threading.Thread(target=counted.wait, args=(60,)) for _ in range(30)]
    for thread in resting:
        thread.start()
    number = rights.threads_of_user()
    counted.set()
    for thread in resting:
        thread.join()
    assert number > 30, "threads count, not only processes"
    monkeypatch.setattr(rights.os, "geteuid", lambda: os.stat("/proc/self").st_uid or 12345)
    monkeypatch.setattr(rights, "threads_of_user", lambda: 700)
    assert rights.room_for(200, uid=0, namespaces=False) >= 900
    assert rights.room_for(200, uid=61_000, namespaces=False) == 200
    assert rights.room_for(200, uid=0, namespaces=True) == 200
