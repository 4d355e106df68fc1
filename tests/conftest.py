"""Layered fixtures: settings, then a stack of the tests' own, then a fresh topic.

The tests' stack has ports and a state folder of its own, so a learner's running stack is never touched. A test
that asks for `stack` (or for what builds on it) needs the services and is left out of `make test-unit`.
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

# Before eventlab is imported: child processes (commands, kernels, services) must have the same settings, and none
# of them what a learner has set.
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

ORDER = (
    *("course", "explain", "stack", "test_readme", "browser", "test_stand", "widgets", "test_adversarial"),
    *("test_kafkacat", "test_worker", "test_game_api", "test_nbgrader", "test_ab", "test_porting"),
    *("test_tools", "test_jobs", "test_lab", "test_grade"),
)
"""The long groups first, and those that wait beside those that compute, so that no processor idles."""


def pytest_xdist_auto_num_workers() -> int:
    """Two stacks and what the tests start beside them need 6 GiB; with less room, one test at a time."""
    roomy = psutil.virtual_memory().total >= 12 * 2**30
    return 2 if roomy and (os.cpu_count() or 1) >= 2 else 1


class ByGroup(LoadScopeScheduling):
    """Tests that share a stack run on one worker.

    Not `--dist loadgroup`: with pytest 9.2 it groups nothing (https://github.com/pytest-dev/pytest-xdist/issues/1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(ROOT / nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup | None:
    return ByGroup(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.services)
    items.sort(key=lambda item: rank_of(group_of(item.path)))


def group_of(path: Path) -> str:
    """A folder, where its tests share a stack, else a file."""
    shares = (path.parent / "conftest.py").exists() or path.parent.name == "course"
    return path.parent.name if shares and path.parent != TESTS else path.stem


def rank_of(group: str) -> int:
    return ORDER.index(group) if group in ORDER else len(ORDER)


@pytest.fixture(scope="session")
def settings() -> Settings:
    """The tests' settings: every port moved, a state folder under build/."""
    return settings_module.settings


@pytest.fixture(scope="session")
def stack(settings: Settings) -> Iterator[Settings]:
    """The real services of the course, running; they are taken down at the end of the run."""
    from eventlab.stack import Stack

    with Stack(settings):
        yield settings
    Stack(settings).down()


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
