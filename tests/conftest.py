"""Layered fixtures: settings, then a stack of the tests' own, then a fresh topic.

The tests' stack has ports and a state folder of its own, so a learner's running stack is never touched. A test
that asks for `stack` (or for what builds on it) needs the services and is left out of `make test-unit`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

TEST_OFFSET = int(os.environ.get("EVENTLAB_TEST_OFFSET", "1000"))
TEST_STATE = Path(__file__).resolve().parents[1] / "build" / f"test-stack-{TEST_OFFSET}"

# Before eventlab is imported: child processes (commands, kernels, services) must have the same settings, and none
# of them what a learner has set.
for name in [name for name in os.environ if name.startswith("EVENTLAB_") and name != "EVENTLAB_TEST_OFFSET"]:
    del os.environ[name]
os.environ["EVENTLAB_SETTINGS_FILE"] = ""
os.environ["EVENTLAB_PORT_OFFSET"] = str(TEST_OFFSET)
os.environ["EVENTLAB_STATE_DIR"] = str(TEST_STATE)

import pytest  # noqa: E402

from eventlab import settings as settings_module  # noqa: E402
from eventlab.settings import Settings  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.services)


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
