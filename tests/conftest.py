"""Fixtures for all tests: settings, a stack, and a topic.

Hooks of pytest are in `tests/groups.py`, `tests/programs.py` and `tests/skips.py`.

The tests' stack has its own ports and state folder, so a learner's running stack is never touched. A test that
uses the fixture `stack`, directly or through another fixture, gets the mark `services`; `make test-unit` skips it.
"""

from __future__ import annotations

import importlib
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from tests.port_offsets import OFFSETS

TEST_STATE = Path(__file__).resolve().parents[1] / "build" / f"test-stack-{OFFSETS[0]}"

# Set the environment before eventlab is imported: child processes (commands, kernels, services) inherit these
# settings, and no setting of the learner's.
for name in [name for name in os.environ if name.startswith("EVENTLAB_")]:
    del os.environ[name]
os.environ["EVENTLAB_SETTINGS_FILE"] = ""
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job; child processes inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["EVENTLAB_PORT_OFFSET"] = str(OFFSETS[0])
os.environ["EVENTLAB_STATE_DIR"] = str(TEST_STATE)
# The tests' data are small: compiling the queries would take longer than executing them.
os.environ["EVENTLAB_SPARK_JAVA_OPTIONS"] = (
    "-XX:TieredStopAtLevel=1 -Dspark.sql.codegen.wholeStage=false -Dspark.sql.codegen.factoryMode=NO_CODEGEN"
)

import hypothesis  # noqa: E402
import pytest  # noqa: E402

from eventlab import settings as settings_module  # noqa: E402
from eventlab.settings import Settings  # noqa: E402
from tests.groups import (  # noqa: E402, F401
    pytest_collection,
    pytest_collection_modifyitems,
    pytest_ignore_collect,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)
from tests.programs import pytest_configure  # noqa: E402, F401
from tests.skips import pytest_sessionfinish, pytest_terminal_summary  # noqa: E402, F401

# On a busy machine, an example may take any time.
hypothesis.settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy machine")


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Return the tests' settings: all ports moved, and a state folder below build/."""
    return settings_module.settings


@pytest.fixture(scope="session")
def stack(settings: Settings) -> Iterator[Settings]:
    """Start the course's real services, and stop them at the end of the run."""
    from eventlab.stack import Stack

    with Stack(settings):
        yield settings
    Stack(settings).down()


@pytest.fixture
def topic(stack: Settings) -> Iterator[str]:
    """Create a topic with one partition, return its name, and delete it afterwards."""
    from kafka import KafkaAdminClient

    name = f"test-{uuid.uuid4().hex[:12]}"
    admin = KafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
    try:
        yield name
    finally:
        admin.delete_topics([name])
        admin.close()


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import modules of the grader that run inside the sandbox, where they import each other by name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "lib" / "eventlab" / "grading" / "inside"))
    return importlib.import_module
