"""Fixtures for all tests (settings, stack, topic) and how the tests are spread over two pytest workers.

The tests' stack has its own ports and state folder, so a learner's running stack is never touched. A test that
uses the fixture `stack`, directly or through another fixture, gets the mark `services`; `make test-unit` skips it.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
TEST_OFFSET = int(os.environ.get("EVENTLAB_TEST_OFFSET", "1000")) + 500 * WORKER
TESTS = Path(__file__).resolve().parent
TEST_STATE = TESTS.parent / "build" / f"test-stack-{TEST_OFFSET}"

# Set the environment before eventlab is imported: child processes (commands, kernels, services) inherit these
# settings, and no setting of the learner's.
for name in [name for name in os.environ if name.startswith("EVENTLAB_") and name != "EVENTLAB_TEST_OFFSET"]:
    del os.environ[name]
os.environ["EVENTLAB_SETTINGS_FILE"] = ""
os.environ["EVENTLAB_PORT_OFFSET"] = str(TEST_OFFSET)
os.environ["EVENTLAB_STATE_DIR"] = str(TEST_STATE)

import psutil  # noqa: E402
import pytest  # noqa: E402
from xdist.scheduler import LoadScopeScheduling  # noqa: E402

from eventlab import settings as settings_module  # noqa: E402
from eventlab.settings import ROOT, Settings  # noqa: E402
from tests.skips import pytest_sessionfinish, pytest_terminal_summary  # noqa: E402, F401

LONGEST_FIRST = (
    *("course", "explain", "stack", "test_readme", "browser", "test_stand", "widgets", "test_adversarial"),
    *("test_kafkacat", "test_worker", "test_game_api", "test_nbgrader", "test_ab", "test_porting"),
    *("test_tools", "test_jobs", "test_lab", "test_grade"),
)
"""The groups that take longest, in the order in which they start; all others follow.

Groups that wait stand next to groups that compute, so that the two workers keep both processors busy.
"""


def pytest_xdist_auto_num_workers() -> int:
    """Return two workers, or one on a small machine: two stacks and what tests start need 6 GiB."""
    enough_memory = psutil.virtual_memory().total >= 12 * 2**30
    return 2 if enough_memory and (os.cpu_count() or 1) >= 2 else 1


class GroupScheduling(LoadScopeScheduling):
    """Give all tests of a group to one worker.

    `--dist loadgroup` does not group with pytest 9.2 (https://github.com/pytest-dev/pytest-xdist/issues/1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(ROOT / nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling | None:
    """Schedule by group for `--dist loadscope`."""
    return GroupScheduling(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the stack, and sort the longest groups to the front."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.services)
    order = {group: rank for rank, group in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(group_of(item.path), len(order)))


def group_of(path: Path) -> str:
    """Return a test file's group: its folder if the folder's tests share a stack, else the file."""
    shares_stack = (path.parent / "conftest.py").exists() or path.parent.name == "course"
    return path.parent.name if shares_stack and path.parent != TESTS else path.stem


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Return the tests' settings: all ports moved, and a state folder below build/."""
    return settings_module.settings


@pytest.fixture(scope="session")
def stack(settings: Settings) -> Iterator[Settings]:
    """Start the course's real services, and stop them at the end of the run."""
    from eventlab.stack import environment, lifecycle
    from eventlab.stack.services import COURSE

    before = dict(os.environ)
    lifecycle.up(settings, COURSE)
    environment.apply(settings)
    try:
        yield settings
    finally:
        os.environ.clear()
        os.environ.update(before)
        lifecycle.down(settings)


@pytest.fixture
def topic(stack: Settings) -> Iterator[str]:
    """Create a topic with one partition, return its name, and delete it afterwards."""
    from kafka import KafkaAdminClient

    name = f"test-{uuid.uuid4().hex[:12]}"
    admin = KafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1}})
    try:
        yield name
    finally:
        admin.delete_topics([name])
        admin.close()
