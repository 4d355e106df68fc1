"""The development container and Binder: they use the Makefile's commands and the lock files, and Lab opens."""

import contextlib
import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from eventlab.settings import HOST, ROOT, OwnSettings, Settings
from eventlab.stack import Stack, config, java
from eventlab.stack.services import COURSE
from tests.helpers import wait_until
from tests.stacks import free_settings

BINDER = ROOT / ".binder"
BINDERHUB_COMMAND = ["python3", "-c", "import os, sys; os.execvp('jupyter-lab', sys.argv)"]
"""What BinderHub starts (`singleuser.cmd` in its Helm chart), without its fallback to the classic notebook."""
TOKEN = "token-of-binder"


def devcontainer() -> dict:
    """Return the development container's configuration without its comments."""
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text()
    return json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))


def commands(script: Path) -> list[str]:
    """Return the lines of a shell script that are neither comments nor `set`."""
    return [line for line in script.read_text().splitlines() if line and not line.startswith(("#", "set "))]


def makefile_targets() -> set[str]:
    """Return the names of the Makefile's targets."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_both_install_with_make_setup():
    assert devcontainer()["postCreateCommand"] == "make setup"
    assert commands(BINDER / "postBuild") == ["make setup"]
    assert "setup" in makefile_targets()


def test_both_have_no_list_of_packages_except_the_lock_files():
    assert {path.name for path in BINDER.iterdir()} == {"apt.txt", "postBuild", "runtime.txt", "start"}
    assert {path.name for path in (ROOT / ".devcontainer").iterdir()} == {"devcontainer.json"}
    assert set((BINDER / "apt.txt").read_text().split()) == {"make", "openjdk-17-jre-headless"}


def test_binder_can_execute_its_scripts():
    assert all(os.access(BINDER / script, os.X_OK) for script in ("postBuild", "start"))


def test_both_have_a_python_and_a_java_that_the_kit_supports():
    image = devcontainer()["image"]
    feature = devcontainer()["features"]["ghcr.io/devcontainers/features/java:1"]
    python = (BINDER / "runtime.txt").read_text().strip().removeprefix("python-")
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]

    assert f"/python:{python}-" in image
    assert tuple(map(int, python.split("."))) >= tuple(map(int, required.removeprefix(">=").split(".")))
    assert java.OLDEST <= int(feature["version"]) <= java.NEWEST
    assert f"openjdk-{feature['version']}-jre-headless" in (BINDER / "apt.txt").read_text()


def test_the_development_container_opens_the_lessons_and_forwards_the_pages():
    pages = ("jupyter_port", "api_port", "namenode_web_port", "spark_ui_port")
    defaults = [getattr(OwnSettings(), name) for name in pages]

    assert devcontainer()["postAttachCommand"] == "make lab"
    assert "lab" in makefile_targets()
    assert devcontainer()["forwardPorts"] == defaults
    assert list(devcontainer()["portsAttributes"]) == list(map(str, defaults))


@pytest.fixture
def binder(tmp_path: Path) -> Iterator[tuple[Settings, httpx.Client, psutil.Process]]:
    """Run `.binder/start` as a Binder container does, with a base URL and a token from BinderHub."""
    settings = free_settings(tmp_path / "state", OwnSettings)
    arguments = [f"--ip={HOST}", f"--port={settings.jupyter_port}", "--ServerApp.open_browser=False"]
    arguments += ["--ServerApp.base_url=/user/ada/", f"--ServerApp.token={TOKEN}"]
    environment = os.environ | {
        "EVENTLAB_PORT_OFFSET": str(settings.port_offset),
        "EVENTLAB_STATE_DIR": str(settings.state_dir),
    }
    with subprocess.Popen([BINDER / "start", *BINDERHUB_COMMAND, *arguments], env=environment) as process:
        url = f"http://{HOST}:{settings.jupyter_port}/user/ada"
        headers = {"Authorization": f"token {TOKEN}"}
        try:
            with httpx.Client(base_url=url, headers=headers, trust_env=False, verify=False, timeout=20) as client:
                yield settings, client, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)
            Stack(settings, grace_s=5).down()


def answers(client: httpx.Client) -> bool:
    """Return whether JupyterLab answers."""
    try:
        return client.get("/api/status").status_code == 200
    except httpx.TransportError:
        return False


def is_up(process: psutil.Process) -> bool:
    """Return whether a process is `eventlab up` and runs."""
    with contextlib.suppress(psutil.NoSuchProcess):  # also of a process that has ended and was not waited for
        return "up" in process.cmdline()
    return False


@pytest.mark.services
def test_binder_opens_lab_on_the_start_page_and_starts_the_services(binder):
    settings, client, process = binder
    wait_until(lambda: answers(client) or not process.is_running(), 90)

    page = config.START_PAGE
    assert client.get("/").headers["location"].rstrip("?") == f"/user/ada/lab/tree/{page}"
    assert "lessons" in client.get(f"/api/contents/{page}").json()["content"]
    assert str(ROOT / ".venv") in " ".join(process.cmdline())
    wait_until(lambda: not any(map(is_up, process.children())), 90)
    assert [status.state for status in Stack(settings).status(COURSE)] == ["running"] * 5
