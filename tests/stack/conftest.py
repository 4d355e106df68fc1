"""Stacks and commands for the tests of the life cycle."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from eventlab.settings import Settings
from eventlab.stack import Stack, java
from tests.helpers import PipedProcess
from tests.stacks import free_settings

EVENTLAB = Path(sys.executable).with_name("eventlab")
NewStack = Callable[[Path], Settings]
Command = Callable[..., subprocess.CompletedProcess[str]]


def make_java_home(home: Path, version: str = "17.0.1", modules: str = f"java.base {java.NEEDED_MODULE}") -> Path:
    """Create a Java home with a `release` file, whose program is never started."""
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").touch(mode=0o755)
    (home / "release").write_text(f'JAVA_VERSION="{version}"\nMODULES="{modules}"\n')
    return home


@pytest.fixture
def java_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set JAVA_HOME to a suitable Java, for machines that have none."""
    home = make_java_home(tmp_path / "jdk")
    monkeypatch.setenv("JAVA_HOME", str(home))
    return home


def child_environment(settings: Settings) -> dict[str, str]:
    """Return the environment in which a command has these settings."""
    return os.environ | {
        "EVENTLAB_PORT_OFFSET": str(settings.port_offset),
        "EVENTLAB_STATE_DIR": str(settings.state_dir),
    }


@pytest.fixture
def new_stack() -> Iterator[NewStack]:
    """Return a function that creates settings of a stack; all of them are stopped after the test."""
    created: list[Settings] = []

    def create(state_dir: Path) -> Settings:
        created.append(free_settings(state_dir))
        return created[-1]

    yield create
    for settings in created:
        Stack(settings, grace_s=2).down()
        assert Stack(settings).open_ports() == []


@pytest.fixture
def unused(new_stack: NewStack, tmp_path: Path) -> Settings:
    """Return settings of a stack that was never started."""
    return new_stack(tmp_path / "state")


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Return settings of a stack that the tests of this folder start, damage and stop."""
    settings = free_settings(tmp_path_factory.mktemp("stack") / "state")
    yield settings
    Stack(settings, grace_s=3).down()
    assert Stack(settings).open_ports() == []


@pytest.fixture
def formatters_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use Java under another path, for which `eventlab setup` has kept no formatted folders."""
    (tmp_path / "java").symlink_to(java.find().home)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))


@pytest.fixture
def running(shared: Settings) -> Settings:
    """Start Kafka and the API of the shared stack."""
    Stack(shared).up(["kafka", "api"])
    return shared


@pytest.fixture
def complete(shared: Settings) -> Settings:
    """Start all services of the course in the shared stack."""
    Stack(shared).up()
    return shared


@pytest.fixture
def stopped(shared: Settings) -> Settings:
    """Stop the shared stack."""
    Stack(shared).down()
    return shared


@pytest.fixture
def eventlab() -> Command:
    """Return a function that runs an `eventlab` command for a stack."""

    def run(settings: Settings, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [EVENTLAB, *arguments],
            env=child_environment(settings) | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture
def start_eventlab() -> Iterator[Callable[..., PipedProcess[str]]]:
    """Return a function that starts an `eventlab` command for a stack, in a process group as a terminal does."""
    started: list[PipedProcess[str]] = []

    def start(settings: Settings, *arguments: str) -> PipedProcess[str]:
        process: PipedProcess[str] = PipedProcess(
            [EVENTLAB, *arguments],
            env=child_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


@pytest.fixture
def other_process() -> Iterator[psutil.Process]:
    """Start a process that belongs to no stack."""
    command = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"]
    with PipedProcess(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        yield psutil.Process(process.pid)
        process.kill()
