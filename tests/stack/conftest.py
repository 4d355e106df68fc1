"""Stacks of their own for the tests of the life cycle: they are killed, filled up and forged here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from eventlab.settings import Settings
from eventlab.stack import Stack
from tests.stacks import free_settings

EVENTLAB = Path(sys.executable).with_name("eventlab")
NewStack = Callable[[Path], Settings]
Command = Callable[..., subprocess.CompletedProcess[str]]


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment in which a command has these settings."""
    return os.environ | {
        "EVENTLAB_PORT_OFFSET": str(settings.port_offset),
        "EVENTLAB_STATE_DIR": str(settings.state_dir),
    }


@pytest.fixture(scope="module")
def new_stack() -> Iterator[NewStack]:
    """Makes settings of one more stack; all of them are down when the module is done, and nothing is left."""
    made: list[Settings] = []

    def make(state_dir: Path) -> Settings:
        made.append(free_settings(state_dir))
        return made[-1]

    yield make
    for settings in made:
        Stack(settings, grace_s=3).down()
        assert Stack(settings).open_ports() == []


@pytest.fixture(scope="module")
def own(new_stack: NewStack, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The module's own stack, nothing of it running yet."""
    return new_stack(tmp_path_factory.mktemp("stack") / "state")


@pytest.fixture
def eventlab() -> Command:
    """Runs an `eventlab` command for a stack, to its end."""

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
def begin() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Begins an `eventlab` command for a stack, in a process group of its own as a terminal would."""
    begun: list[subprocess.Popen[str]] = []

    def start(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [EVENTLAB, *arguments],
            env=child_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        with process:
            process.kill()


@pytest.fixture
def bystander() -> Iterator[psutil.Process]:
    """A process that no stack started."""
    sleeping = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"]
    with subprocess.Popen(sleeping, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield psutil.Process(process.pid)
        process.kill()
