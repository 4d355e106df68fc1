"""The loops that watch processes, in the fork server and beside Spark: what they do, and after errors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import psutil
import pytest

from eventlab.grading.environment import watches
from eventlab.grading.environment.services import Services
from tests.helpers import suspend


def test_a_kernel_that_starts_slowly_does_not_stop_the_watch_of_the_others(
    inside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels = inside("kernels")
    looks: list[int] = []
    server = kernels.ForkServer({"namespaces": False, "kernels": "/nowhere"})
    monkeypatch.setattr(kernels.os, "fork", lambda: 1_000_000_000)
    monkeypatch.setattr(kernels, "START_S", 2)
    monkeypatch.setattr(kernels.os, "close", lambda descriptor: None)  # the other end of the pipe stays open
    monkeypatch.setattr(server, "watch", lambda: looks.append(1))

    server.start("k1")

    assert len(looks) >= 3
    assert server.kernels["k1"].why == "could not be started"


@pytest.mark.parametrize("refused", ["pipe", "fork"])
def test_a_kernel_that_the_system_does_not_let_start_has_ended_with_the_reason(
    inside: Any, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    kernels = inside("kernels")
    sent: list[dict] = []
    server = kernels.ForkServer({"namespaces": True})
    system = SimpleNamespace(pipe=os.pipe, fork=os.fork, close=os.close, fdopen=os.fdopen)
    setattr(system, refused, Mock(side_effect=BlockingIOError("none is left")))
    monkeypatch.setattr(kernels, "os", system)
    monkeypatch.setattr(kernels, "send", sent.append)

    descriptors = len(os.listdir("/proc/self/fd"))

    server.start("k1")
    server.watch()

    assert sent == [{"event": "ended", "id": "k1", "why": "BlockingIOError: none is left"}]
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_an_error_of_the_system_does_not_end_the_fork_server_unless_it_stays(
    inside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look() -> None:
        looks.append(looks[-1] + 4)
        if looks[-1] != 12:
            raise OSError("no process left")

    looks = [0]  # at these times
    kernels = inside("kernels")
    server = kernels.ForkServer({"imports": []})
    monkeypatch.setattr(kernels, "time", SimpleNamespace(monotonic=lambda: looks[-1]))
    monkeypatch.setattr(kernels, "send", lambda message: None)
    monkeypatch.setattr(kernels.lines.LineReader, "line", lambda reader, timeout_s: None)
    monkeypatch.setattr(server, "watch", look)

    server.serve()

    assert looks == [0, 4, 8, 12, 16, 20, 24, 28]


def test_a_kernel_has_ended_when_the_last_of_its_processes_has(
    inside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels = inside("kernels")
    sent: list[dict] = []
    server = kernels.ForkServer({"namespaces": True})
    kernel = server.kernels["k1"] = kernels.ForkedKernel(0, why="exit 0", members=[os.getpid()])
    monkeypatch.setattr(kernels, "send", sent.append)

    server.watch()
    assert (sent, server.pause_s()) == ([], kernels.END_S)
    kernel.members = [1_000_000_000]
    server.watch()
    server.watch()

    assert sent == [{"event": "ended", "id": "k1", "why": "exit 0"}]
    assert server.pause_s() == kernels.WATCH_S


@pytest.mark.parametrize(("looks", "ends_after"), [("x" * 25, 25), ("x" * 24 + "-" + "x" * 25, 50)])
def test_the_watch_beside_spark_ends_the_sandbox_when_its_looks_fail_again_and_again(
    inside: Any, monkeypatch: pytest.MonkeyPatch, looks: str, ends_after: int
) -> None:
    def look() -> None:
        done.append(1)
        if looks[len(done) - 1] == "x":
            raise OSError("a process has just ended")

    services = inside("services")
    done: list[int] = []
    down: list[object] = []
    stack = SimpleNamespace(services=("spark",), down=down.append)
    cleaner = SimpleNamespace(restarting=nullcontext(), look=look, options={"contained": False}, stack=stack)
    monkeypatch.setattr(services.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(services.traceback, "print_exc", Mock(side_effect=OSError("the disk is full")))
    monkeypatch.setattr(services.os, "_exit", lambda code: done.append(code * 1000))

    services.Cleaner.watch(cleaner)

    assert (len(done) - 1, done[-1], down) == (ends_after, 1000, [("spark",)])


@pytest.mark.parametrize(
    ("processes", "holds", "then"), [(2, False, []), (1, False, [[7, 8]]), (2, True, [[7, 8]])]
)
def test_processes_that_hide_what_they_hold_are_killed_before_the_others_are_measured(
    inside: Any, monkeypatch: pytest.MonkeyPatch, processes: int, holds: bool, then: list
) -> None:
    services = inside("services")
    done: list[object] = []
    for name in ("kill_without_first_thread", "kill_unreadable"):
        monkeypatch.setattr(services.hiding, name, lambda pids, name=name: done.append(name))
    monkeypatch.setattr(services.memory, "holds_more", lambda pids, allowed, others: holds)
    monkeypatch.setattr(services, "kill", done.append)
    cleaner = SimpleNamespace(kept={1}, options={"processes": processes, "memory": 1})

    services.Cleaner.kill_too_large(cleaner, [7, 8])

    assert done == ["kill_without_first_thread", "kill_unreadable", *then]


@pytest.mark.parametrize("stops", [True, False])
def test_all_is_resumed_beside_spark_after_a_look_during_which_processes_have_begun_or_ended(
    inside: Any, monkeypatch: pytest.MonkeyPatch, stops: bool
) -> None:
    services = inside("services")
    done: list[object] = []
    monkeypatch.setattr(services, "owns_namespace", lambda: True)
    monkeypatch.setattr(services, "other_processes", lambda kept: [7])
    monkeypatch.setattr(services, "kill_others", lambda kept: done.append("killed"))
    monkeypatch.setattr(services.processors, "too_many_are_busy", lambda pids: False)
    monkeypatch.setattr(services.os, "kill", lambda pid, number: done.append((pid, number)))
    monkeypatch.setattr(services.suspension, "stop", lambda signal_all, members: signal_all() and stops)
    cleaner = SimpleNamespace(
        kept={1},
        options={"services": ("spark",)},
        short=SimpleNamespace(state=list, must_stop=lambda before, listed: True),
        kill_too_large=done.append,
        resume=services.Cleaner.resume,
    )

    services.Cleaner.look(cleaner)

    assert done == [[7], (-1, signal.SIGSTOP), [7] if stops else "killed", (-1, signal.SIGCONT)]


def test_a_watch_that_is_seen_stopped_twice_in_a_row_ends_the_submission(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([True, False, True, True])
    reasons: list[str] = []
    monkeypatch.setattr(watches, "DISK_WATCH_S", 0.001)

    watch = watches.StoppedWatch(lambda: next(seen), reasons.append)
    watch._thread.join(10)

    assert reasons == [watch.exceeded] == [watches.WATCH_STOPPED]
    assert [*seen] == []


@pytest.mark.programs
def test_the_process_that_watches_the_services_is_found_and_its_stop_is_seen(tmp_path: Path) -> None:
    (tmp_path / "services.py").write_text("import time; print(flush=True); time.sleep(60)")
    start = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    (tmp_path / "bwrap").symlink_to(sys.executable)
    command = [str(tmp_path / "bwrap"), "-c", start, sys.executable, str(tmp_path / "services.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        services = Services.__new__(Services)
        services._process, services._watch, services.name = process, None, "spark"
        assert not services.watch_is_stopped()
        (watch,) = psutil.Process(process.pid).children()
        suspend(watch)
        seen = services.watch_is_stopped()
        watch.kill()
        watch.wait()
        assert seen
        assert not services.watch_is_stopped()
