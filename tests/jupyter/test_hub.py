"""A learner's server under JupyterHub: JupyterLab of the kit, and services that end with the server."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from click.testing import CliRunner

from eventlab.cli.app import main
from eventlab.jupyter import hub
from eventlab.settings import ROOT, OwnSettings
from eventlab.stack import Stack, config, environment, process, tokens
from tests.helpers import first_group, wait_until
from tests.stacks import free_settings

EVENTLAB = str(Path(sys.executable).with_name("eventlab"))
SERVER = """#!/bin/sh
echo "$@"
command -v eventlab
command -v kafka-topics
echo $SPARK_CONNECT_AUTHENTICATE_TOKEN
python -c 'from pyspark.sql import SparkSession; print(SparkSession.builder.getOrCreate().range(3).count())'
curl --silent --fail "$API/purchase_a_sword"
"""
HUB_SERVER = """
import os
from eventlab.jupyter import watchdog
from eventlab.settings import settings
watchdog.start(settings)
os.execvp("sleep", ["sleep", "600"])
"""


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Create a program `jupyterhub-singleuser` on PATH that prints its arguments and uses the services."""
    program = tmp_path / "bin" / hub.SERVER
    program.parent.mkdir()
    program.write_text(SERVER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def learner(tmp_path):
    """Return settings of a learner's stack; it is stopped after the test."""
    learner = free_settings(tmp_path / "state", OwnSettings)
    yield learner
    Stack(learner, grace_s=2).down()


def test_the_address_of_a_page_begins_with_the_hubs_base_url(monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    monkeypatch.setenv("JUPYTER_SERVER_ROOT", str(ROOT.parent))

    assert hub.page(ROOT / "build" / "start.md") == f"/user/ada/lab/tree/{ROOT.name}/build/start.md"


def test_without_a_hub_a_page_has_no_address(monkeypatch):
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)

    assert hub.page(ROOT / "build" / "start.md") is None


def test_without_the_hubs_package_the_error_names_the_command_that_installs_it(settings, monkeypatch):
    monkeypatch.setattr(hub, "SERVER", "no-such-server")

    with pytest.raises(hub.HubError, match=r"Next: uv pip install --python \S+ jupyterhub"):
        hub.command(settings, [])


def test_lab_opens_on_the_start_page_unless_the_hub_names_another(settings, server, monkeypatch):
    opens = f"--ServerApp.default_url=/lab/tree/{config.START_PAGE}"
    monkeypatch.delenv("JUPYTERHUB_DEFAULT_URL", raising=False)
    assert opens in hub.command(settings, [])

    monkeypatch.setenv("JUPYTERHUB_DEFAULT_URL", "/lab/tree/elsewhere.md")
    assert opens not in hub.command(settings, [])


@pytest.mark.services
def test_the_services_of_a_hubs_server_answer_and_end_with_it(server, learner):
    variables = {"EVENTLAB_PORT_OFFSET": str(learner.port_offset), "EVENTLAB_STATE_DIR": str(learner.state_dir)}

    done = subprocess.run(
        [EVENTLAB, "hub", "--debug"],
        env=os.environ | variables | {"API": learner.api_url},
        capture_output=True,
        text=True,
        timeout=240,
    )

    arguments, *commands, token, count, response = done.stdout.splitlines()
    assert f"--LabApp.app_settings_dir={config.conf_dir(learner, 'jupyter')}" in arguments
    assert arguments.endswith(" --debug")
    assert len(commands) == 2
    assert token == tokens.spark_token(learner)
    assert (count, response) == ("3", "Sword Purchased!")
    wait_until(lambda: not Stack(learner).open_ports(), 60)


class HubServer:
    """A process that starts a watchdog and then becomes another program, as `eventlab hub` does."""

    def __init__(self, learner):
        self.process = subprocess.Popen([sys.executable, "-c", HUB_SERVER], env=environment.full(learner))
        log = learner.state_dir / "logs" / "hub-watchdog.log"
        pattern = rf"process (\d+) stops the services when process {self.process.pid} has ended"
        wait_until(lambda: log.exists() and re.search(pattern, log.read_text()), 60)
        wait_until(lambda: psutil.Process(self.process.pid).name() == "sleep", 60)
        self.watchdog = psutil.Process(int(first_group(pattern, log.read_text())))

    def kill(self):
        """Kill it, as the kernel does when memory is exhausted."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def is_watched(self):
        """Return whether the watchdog runs."""
        return process.alive(self.watchdog)


@pytest.mark.services
def test_the_watchdog_stops_the_services_of_a_killed_server_and_ends(learner):
    Stack(learner).up(["api"])
    server = HubServer(learner)

    server.kill()

    wait_until(lambda: not Stack(learner).open_ports(), 30)
    wait_until(lambda: not server.is_watched, 30)


@pytest.mark.services
def test_the_watchdog_of_an_old_server_leaves_the_services_to_the_new_one(learner):
    Stack(learner).up(["api"])
    old, new = HubServer(learner), HubServer(learner)

    old.kill()
    wait_until(lambda: not old.is_watched, 30)

    assert [status.state for status in Stack(learner).status(["api"])] == ["running"]
    assert new.is_watched
    new.kill()
    wait_until(lambda: not Stack(learner).open_ports(), 30)


@pytest.mark.services
def test_the_hook_of_the_help_text_stops_the_services(learner):
    Stack(learner).up(["api"])
    text = CliRunner().invoke(main, ["hub", "--help"]).output
    lines = first_group(r"^( +import asyncio\n.*post_stop_hook = \w+\n)", text, re.DOTALL | re.MULTILINE)
    config_file = textwrap.dedent(lines).replace("/path/to/eventlab/.venv/bin/eventlab", EVENTLAB)
    c = SimpleNamespace(Spawner=SimpleNamespace())
    exec(config_file, {"c": c})

    asyncio.run(c.Spawner.post_stop_hook(SimpleNamespace(get_env=lambda: environment.full(learner))))

    assert c.Spawner.cmd == [EVENTLAB, "hub"]
    assert not Stack(learner).open_ports()
