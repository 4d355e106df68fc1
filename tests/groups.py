"""How the tests are spread over pytest workers: in groups that share a stack, the longest groups first."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psutil
import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.port_offsets import WORKERS

TESTS = Path(__file__).resolve().parent
LONGEST_FIRST = (
    *("explain", "browser", "course", "stack", "test_difficult_submissions", "test_worker_stack", "test_faults"),
    *("test_readme", "jobs", "widgets", "test_machine", "test_isolation_attacks", "test_porting", "kafkacat"),
    "game_api",
    *("test_tools", "test_worker", "test_kafka", "test_again", "test_kernel", "test_nbgrader", "test_classic"),
    *("test_hub", "test_student", "test_worker_starts", "test_one_click", "test_timeouts", "test_lab", "doctor"),
)
"""The groups that take longest, in the order in which they start; all others follow.

Groups that wait stand next to groups that compute, so that the workers keep the processors busy.
"""

LAST_OF_GROUP = "test_lessons.py"
"""The module that comes last in its group: lesson 9 stops the services."""

OWN_STACKS = {TESTS / "explain" / "test_machine.py"}
"""Modules that do not use the stack of their folder: they need not wait for its other tests."""

NO_UNIT_TESTS = re.compile(r"^pytestmark = .*pytest\.mark\.(services|programs)\b", re.MULTILINE)
"""The line of a module whose tests all start services or other programs."""


def pytest_xdist_auto_num_workers() -> int:
    """Return three workers, or fewer on a machine with little memory: the stacks of one and its tests need 5 GiB.

    They keep two processors busy. With four, all tests take as long, and each single one longer.
    """
    return max(1, min(WORKERS, psutil.virtual_memory().total // (5 * 2**30))) if (os.cpu_count() or 1) >= 2 else 1


class GroupScheduling(LoadScopeScheduling):
    """Give all tests of a group to one worker.

    `--dist loadgroup` does not group with pytest 9.2 (https://github.com/pytest-dev/pytest-xdist/issues/1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(TESTS.parent / nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling | None:
    """Schedule by group for `--dist loadscope`."""
    return GroupScheduling(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Collect without garbage collection, which would look at all modules and tests again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out a module whose tests are all left out: its imports and tests take time in each worker."""
    left_out = {*re.findall(r"not (\w+)", config.option.markexpr)}
    if not left_out >= {"services", "programs"} or collection_path.suffix != ".py":
        return None
    return bool(NO_UNIT_TESTS.search(collection_path.read_text())) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the stack, and sort the longest groups to the front."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.services)
    order = {group: rank for rank, group in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: (order.get(group_of(item.path), len(order)), item.path.name == LAST_OF_GROUP))


def group_of(path: Path) -> str:
    """Return a test file's group: its folder if it shares a stack with the folder's other tests, else the file."""
    shares_stack = (path.parent / "conftest.py").exists() or path.parent.name == "course"
    shares_stack = shares_stack and path.parent != TESTS and path not in OWN_STACKS
    return path.parent.name if shares_stack else path.stem
