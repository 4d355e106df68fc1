"""Layered fixtures: settings, then a stack of the tests' own, then a fresh topic.

The tests' stack has ports and a state folder of its own, so a learner's running stack is never touched. A test
that asks for `stack` (or for what builds on it) needs the services and is left out of `make test-unit`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
TEST_OFFSET = int(os.environ.get("EVENTLAB_TEST_OFFSET", "1000")) + 500 * WORKER
TEST_STATE = Path(__file__).resolve().parents[1] / "build" / f"test-stack-{TEST_OFFSET}"

# Before eventlab is imported: child processes (commands, kernels, services) must have the same settings, and none
# of them what a learner has set.
for name in [name for name in os.environ if name.startswith("EVENTLAB_") and name != "EVENTLAB_TEST_OFFSET"]:
    del os.environ[name]
os.environ["EVENTLAB_SETTINGS_FILE"] = ""
os.environ["EVENTLAB_PORT_OFFSET"] = str(TEST_OFFSET)
os.environ["EVENTLAB_STATE_DIR"] = str(TEST_STATE)

import psutil  # noqa: E402
import pytest  # noqa: E402

from eventlab import settings as settings_module  # noqa: E402
from eventlab.settings import Settings  # noqa: E402

LONGEST_FIRST = (
    *("notebooks", "explain", "stack", "browser", "test_readme", "test_adversarial", "test_stand", "test_worker"),
    *("widgets", "test_porting", "test_nbgrader", "test_jobs", "test_game_api", "test_grade_cli"),
)
"""Groups of tests that are begun first, so that no worker is left alone with a long one at the end."""


def pytest_xdist_auto_num_workers() -> int:
    """Two stacks and what the tests start beside them need 6 GiB; with less room, one test at a time."""
    roomy = psutil.virtual_memory().total >= 12 * 2**30
    return 2 if roomy and (os.cpu_count() or 1) >= 2 else 1


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.services)
        item.add_marker(pytest.mark.xdist_group(group_of(item)))
    items.sort(key=lambda item: rank_of(group_of(item)))


def group_of(item: pytest.Item) -> str:
    """The tests that one worker runs: a folder's, where they share a stack, else a file's."""
    shares = {file.parent.name for file in Path(__file__).parent.glob("*/conftest.py")} | {"notebooks"}
    return item.path.parent.name if item.path.parent.name in shares else item.path.stem


def rank_of(group: str) -> int:
    return LONGEST_FIRST.index(group) if group in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.fixture(scope="session")
def settings() -> Settings:
    """The tests' settings: every port moved, a state folder under build/."""
    return settings_module.settings


@pytest.fixture(scope="session")
def stack(settings: Settings) -> Iterator[Settings]:
    """The real services of the course, running; they are taken down at the end of the run."""
    from eventlab.stack import environment, life
    from eventlab.stack.services import COURSE

    before = dict(os.environ)
    life.up(settings, COURSE)
    environment.apply(settings)
    try:
        yield settings
    finally:
        os.environ.clear()
        os.environ.update(before)
        life.down(settings)


@pytest.fixture
def topic(stack: Settings) -> Iterator[str]:
    """The name of a new topic with one partition, deleted afterwards."""
    from kafka import KafkaAdminClient

    name = f"test-{uuid.uuid4().hex[:12]}"
    admin = KafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1}})
    try:
        yield name
    finally:
        admin.delete_topics([name])
        admin.close()
