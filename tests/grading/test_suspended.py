"""The fork server suspends a kernel with all of its processes, also those that start meanwhile."""

from __future__ import annotations

import errno
import importlib
import itertools
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

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

    kernels.ForkServer({"uid": 0}).copy(0, str(tmp_path / "k1.files"))

    assert [path.name for path in tmp_path.iterdir()] == left
    assert written[0] == "first"
    assert written[-1] == "third"


def signals(
    kernels: ModuleType, monkeypatch: pytest.MonkeyPatch, number: int, lists: Iterator[list[int]]
) -> list[tuple[int, int]]:
    """Return the signals that are sent when the kernel has these processes, one list after the other."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(kernels.os, "kill", lambda pid, number: sent.append((pid, number)))
    server = kernels.ForkServer({})
    server.kernels["k1"] = kernels.ForkedKernel(FIRST)
    monkeypatch.setattr(server, "members", lambda kernel: next(lists))
    server.signal("k1", number)
    return sent


def test_a_process_that_starts_while_others_are_stopped_is_stopped_too(
    kernels: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = iter([[FIRST + 1], [FIRST + 1, FIRST + 2], [FIRST + 1, FIRST + 2]])

    sent = signals(kernels, monkeypatch, signal.SIGSTOP, lists)

    assert sent == [(FIRST + 1, signal.SIGSTOP), (FIRST + 2, signal.SIGSTOP)]


def test_a_kernel_that_always_goes_on_in_a_new_process_is_killed(
    kernels: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = ([FIRST + number] for number in itertools.count(1))

    sent = signals(kernels, monkeypatch, signal.SIGSTOP, lists)

    assert sent[-2:] == [(FIRST, signal.SIGKILL), (sent[-1][0], signal.SIGKILL)]


def test_a_kernel_is_resumed_with_one_signal_to_each_process(
    kernels: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = signals(kernels, monkeypatch, signal.SIGCONT, iter([[FIRST + 1, FIRST + 2]]))

    assert sorted(sent) == [(FIRST + 1, signal.SIGCONT), (FIRST + 2, signal.SIGCONT)]
