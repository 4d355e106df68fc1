"""The fork server suspends a kernel with all of its processes; none of them runs on, or the kernel ends."""

from __future__ import annotations

import errno
import importlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

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
def states(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the states in which a process is seen, one after the other; the last one stays."""
    seen: list[str] = []
    monkeypatch.setattr(kernels.suspension.memory, "state_of", lambda thread: seen.pop(0) if seen[1:] else seen[0])
    monkeypatch.setattr(kernels.suspension.os, "listdir", lambda path: ["1"])
    return seen


def test_processes_get_the_signal_until_they_were_seen_stopped_three_times_in_a_row(
    kernels: ModuleType, states: list[str]
) -> None:
    states += ["R", "T", "T", "S", "T", "t", "D"]
    sent: list[int] = []

    assert kernels.suspension.stop(lambda: sent.append(1), lambda: [FIRST])
    assert (len(sent), states) == (7, ["D"])


def test_processes_that_always_run_are_not_called_stopped(kernels: ModuleType, states: list[str]) -> None:
    states += ["T", "R"]

    assert not kernels.suspension.stop(lambda: None, lambda: [FIRST], 0.05)


@pytest.fixture
def server(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any, list[tuple[int, int]]]:
    """Return a fork server, its kernel with two processes that hold nothing, and the signals that are sent."""

    def stop(kernel: object) -> bool:
        sent.append((0, signal.SIGSTOP))
        return True

    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    monkeypatch.setattr(kernels.ForkedKernel, "find_members", lambda kernel: [FIRST + 1, FIRST + 2])
    monkeypatch.setattr(kernels.ForkedKernel, "note_end", lambda kernel: None)
    monkeypatch.setattr(kernels.ForkedKernel, "stop", stop)
    server = kernels.ForkServer({"namespaces": False, "memory": 1 << 30, "limits": {"NPROC": 60}})
    server.kernels["k1"] = kernels.ForkedKernel(FIRST)
    return server, server.kernels["k1"], sent


KILLED = [(FIRST, signal.SIGKILL), (FIRST + 1, signal.SIGKILL), (FIRST + 2, signal.SIGKILL)]
RESUMED = [(FIRST + 1, signal.SIGCONT), (FIRST + 2, signal.SIGCONT)]


def test_a_kernel_whose_processes_do_not_stop_is_killed(
    kernels: ModuleType, server: tuple[Any, Any, list], monkeypatch: pytest.MonkeyPatch
) -> None:
    forks, kernel, sent = server
    monkeypatch.setattr(kernels.ForkedKernel, "stop", lambda kernel: False)

    forks.signal("k1", signal.SIGSTOP)

    assert (kernel.why, sent) == ("processes", KILLED)


def test_a_kernel_is_resumed_with_one_signal_to_each_process(server: tuple[Any, Any, list]) -> None:
    forks, kernel, sent = server

    forks.signal("k1", signal.SIGSTOP)
    forks.signal("k1", signal.SIGCONT)

    assert (kernel.is_suspended, sent) == (False, [(0, signal.SIGSTOP), *RESUMED])


@pytest.mark.parametrize(("state", "why"), [("T", None), ("R", "processes")])
def test_a_process_that_runs_while_its_kernel_is_suspended_ends_the_kernel(
    server: tuple[Any, Any, list], states: list[str], state: str, why: str | None
) -> None:
    forks, kernel, sent = server
    states.append(state)

    forks.signal("k1", signal.SIGSTOP)
    forks.watch()

    assert (kernel.why, sent[1:]) == (why, KILLED if why else [])


@pytest.mark.parametrize(("holds", "then"), [(False, RESUMED), (True, KILLED)])
def test_processes_of_a_kernel_that_starts_many_are_stopped_while_they_are_measured(
    kernels: ModuleType, server: tuple[Any, Any, list], monkeypatch: pytest.MonkeyPatch, holds: bool, then: list
) -> None:
    def holds_more(*_: object, **options: object) -> bool:
        sent.append((0, 0))
        return holds

    forks, kernel, sent = server
    monkeypatch.setattr(forks.new_processes, "are_many", lambda: True)
    monkeypatch.setattr(kernels.memory, "holds_more", holds_more)

    forks.watch()

    measured = [(0, signal.SIGSTOP), (0, 0)]
    assert [one for one in sent if one not in [(pid, signal.SIGSTOP) for pid, _ in RESUMED]] == measured + then
    assert kernel.why == ("memory" if holds else None)


def test_many_new_processes_are_two_hundred_in_a_second_or_smaller_numbers_than_before(
    kernels: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment, newest = 0.0, 1000
    monkeypatch.setattr(kernels.suspension.time, "monotonic", lambda: moment)
    monkeypatch.setattr(kernels.suspension, "newest_pid", lambda: newest)
    counter = kernels.suspension.NewProcesses()
    found = []
    for moment, newest in ((0.5, 1099), (0.55, 2000), (1.0, 1300), (1.5, 1310), (2.0, 900)):  # noqa: B007
        found.append(counter.are_many())

    assert found == [False, False, True, False, True]
