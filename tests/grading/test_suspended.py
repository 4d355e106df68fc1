"""The fork server suspends a kernel with all of its processes; none of them runs on, or the kernel ends."""

from __future__ import annotations

import errno
import importlib
import itertools
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from eventlab.grading.execution.marks import LIMITS
from eventlab.settings import ROOT

INSIDE = ROOT / "lib/eventlab/grading/inside"
FIRST = 1_000_000_000
"""Numbers from here on are no processes."""


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The program of the fork server, which imports the modules beside it."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(INSIDE))
    yield importlib.import_module("kernels")
    for name in set(sys.modules) - before:
        if (INSIDE / f"{name}.py").exists():
            del sys.modules[name]


@pytest.mark.parametrize(
    ("number", "left"), [(None, []), (errno.ENAMETOOLONG, []), (errno.ENOSPC, ["k1.files.full"])]
)
def test_the_worker_sees_that_a_folder_had_no_room_for_a_file(
    kernels: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int | None, left: list[str]
) -> None:
    def write_below(folder: int, name: str, content: bytes, uid: int) -> None:
        if number and name == "second":
            raise OSError(number, os.strerror(number))
        written.append(name)

    written: list[str] = []
    monkeypatch.setattr(kernels.workdir_files, "write_below", write_below)
    (tmp_path / "k1.files").write_text(json.dumps({"first": "", "second": "", "third": ""}))

    kernels.workdir_files.write_all(0, str(tmp_path / "k1.files"), 0)

    assert [path.name for path in tmp_path.iterdir()] == left
    assert written[0] == "first"
    assert written[-1] == "third"


@pytest.fixture
def suspension(kernels: ModuleType) -> ModuleType:
    """The module that stops processes."""
    return sys.modules["suspension"]


@pytest.fixture
def states(suspension: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the states in which a process is seen, one after the other; the last one stays."""
    seen: list[str] = []
    monkeypatch.setattr(suspension.memory, "state_of", lambda thread: seen.pop(0) if seen[1:] else seen[0])
    monkeypatch.setattr(suspension, "os", SimpleNamespace(listdir=lambda path: ["1"]))
    return seen


@pytest.fixture
def sent() -> list[tuple[int, int]]:
    """The signals that are sent: the process, or 0 for all, and the number."""
    return []


def test_processes_get_the_signal_until_they_were_seen_stopped_three_times_in_a_row(
    suspension: ModuleType, states: list[str]
) -> None:
    def signal_all() -> bool:
        answers.append(1)
        if len(answers) == 1:
            raise BlockingIOError("no process left")
        return len(answers) > 2  # the process that sends it was stopped

    states += ["R", "T", "T", "S", "T", "t", "D"]
    answers: list[int] = []

    assert suspension.stop(signal_all, lambda: [FIRST])
    assert (len(answers), states) == (9, ["D"])


def test_processes_that_always_run_are_not_called_stopped(suspension: ModuleType, states: list[str]) -> None:
    states += ["T", "R"]

    assert not suspension.stop(lambda: True, lambda: [FIRST], 0.05)


@pytest.fixture
def server(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch, sent: list[tuple[int, int]]) -> Any:
    """Return a fork server whose kernel has two processes that hold nothing."""

    def stop(kernel: Any) -> bool:
        sent.append((0, signal.SIGSTOP))
        kernel.is_stopped = True
        return True

    forked_kernel = sys.modules["forked_kernel"]
    fake = SimpleNamespace(kill=lambda pid, number: sent.append((pid, number)))
    monkeypatch.setattr(forked_kernel, "os", fake)
    monkeypatch.setattr(kernels.ForkedKernel, "find_members", lambda kernel: [FIRST + 1, FIRST + 2])
    monkeypatch.setattr(kernels.ForkedKernel, "note_end", lambda kernel: None)
    monkeypatch.setattr(kernels.ForkedKernel, "stop", stop)
    server = kernels.ForkServer({"namespaces": False, "memory": 1 << 30, "limits": {"NPROC": 60}})
    server.kernels["k1"] = kernels.ForkedKernel(FIRST)
    return server


KILLED = [(FIRST, signal.SIGKILL), (FIRST + 1, signal.SIGKILL), (FIRST + 2, signal.SIGKILL)]
RESUMED = [(FIRST + 1, signal.SIGCONT), (FIRST + 2, signal.SIGCONT)]


def test_a_kernel_whose_processes_do_not_stop_is_killed(
    kernels: ModuleType, server: Any, sent: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels.ForkedKernel, "stop", lambda kernel: False)

    server.signal("k1", signal.SIGSTOP)

    assert (server.kernels["k1"].why, sent) == ("suspension", KILLED)


def test_a_kernel_is_resumed_with_one_signal_to_each_process(server: Any, sent: list) -> None:
    server.signal("k1", signal.SIGSTOP)
    server.signal("k1", signal.SIGCONT)

    assert sent == [(0, signal.SIGSTOP), *RESUMED]


def test_a_kernel_that_could_not_be_resumed_is_resumed_at_the_next_look(
    kernels: ModuleType, server: Any, sent: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.signal("k1", signal.SIGSTOP)
    with monkeypatch.context() as patch:
        patch.setattr(kernels.ForkedKernel, "signal_all", Mock(side_effect=OSError("no descriptor left")))
        with pytest.raises(OSError, match="no descriptor left"):
            server.signal("k1", signal.SIGCONT)
    assert sent == [(0, signal.SIGSTOP)]

    server.watch()
    server.watch()

    assert sent == [(0, signal.SIGSTOP), *RESUMED]


@pytest.mark.parametrize(
    ("seen", "why"),
    [(["T"], None), (["R", "T"], None), (["R"], "suspension")],
    ids=["stopped", "stopping", "runs"],
)
def test_a_process_that_runs_while_its_kernel_is_suspended_ends_the_kernel(
    server: Any, sent: list, states: list[str], seen: list[str], why: str | None
) -> None:
    states += seen

    server.signal("k1", signal.SIGSTOP)
    server.watch()

    assert (server.kernels["k1"].why, sent[1:]) == (why, KILLED if why else [])


@pytest.mark.parametrize(("holds", "then"), [(False, RESUMED), (True, KILLED)])
def test_processes_of_a_kernel_that_have_begun_or_ended_during_a_look_are_stopped_for_another_one(
    kernels: ModuleType, server: Any, sent: list, monkeypatch: pytest.MonkeyPatch, holds: bool, then: list
) -> None:
    def holds_more(*_: object, **options: object) -> bool:
        sent.append((0, 0))
        return holds and (0, signal.SIGSTOP) in sent

    lists = itertools.count(FIRST + 3)
    monkeypatch.setattr(kernels.ForkedKernel, "find_members", lambda kernel: [next(lists)])
    monkeypatch.setattr(kernels.memory, "holds_more", holds_more)

    server.watch()

    before, after = sent.index((0, 0)), len(sent) - sent[::-1].index((0, 0))
    assert sent[before:after] == [(0, 0), (0, signal.SIGSTOP), (0, 0)]
    assert {number for _, number in sent[after:]} - {signal.SIGSTOP} == {number for _, number in then}
    assert server.kernels["k1"].why == ("memory" if holds else None)


@pytest.mark.parametrize("counts_all", [False, True])
def test_processes_are_stopped_twice_a_second_at_most_and_only_when_others_have_begun_or_ended(
    suspension: ModuleType, monkeypatch: pytest.MonkeyPatch, counts_all: bool
) -> None:
    now, newest = 1000.0, 7
    monkeypatch.setattr(suspension, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(suspension, "newest_pid", lambda: newest)
    short = suspension.ShortProcesses(counts_all)

    before = short.state([1, 2])
    assert not short.must_stop(before, [1, 2])
    newest = 8
    assert short.must_stop(before, [1, 2]) == counts_all
    now += 1
    assert short.must_stop(before, [1, 3])
    now += 0.4
    assert not short.must_stop(before, [1, 3])
    now += 0.2
    assert short.must_stop(before, [1, 3])


def test_an_error_at_one_kernel_is_no_reason_not_to_look_at_the_others(
    kernels: ModuleType, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []

    def look(id: str, kernel: object, count_locks: bool) -> None:
        looked_at.append(id)
        if id == "k1":
            raise OSError("no process left")

    server.kernels |= {"k2": kernels.ForkedKernel(FIRST), "k3": kernels.ForkedKernel(FIRST, is_starting=True)}
    monkeypatch.setattr(server, "look", look)
    with pytest.raises(OSError, match="no process left"):
        server.watch()

    assert looked_at == ["k1", "k2"]


def test_each_limit_for_which_the_fork_server_ends_a_kernel_has_a_text_for_the_student() -> None:
    program = (INSIDE / "kernels.py").read_text()
    reasons = set(re.findall(r'(?:return|else|if|kill\(id,) "([a-z]+)"', program)) - {"killed"}

    assert reasons == LIMITS.keys() == {"memory", "processes", "sessions", "suspension"}
    assert len(set(LIMITS.values())) == len(LIMITS)
