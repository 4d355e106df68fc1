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
from tests.stacks import free_settings
from tests.widgets.helpers import until

EVENTLAB = str(Path(sys.executable).with_name("eventlab"))
SERVER = """#!/bin/sh
echo "$@"
command -v eventlab
command -v kafka-topics
echo $SPARK_CONNECT_AUTHENTICATE_TOKEN
python -c 'from pyspark.sql import SparkSession; print(SparkSession.builder.getOrCreate().range(3).count())'
curl --silent --fail "$API/purchase_a_sword"
"""
STAND_IN = """
import os
from eventlab.jupyter import watchdog
from eventlab.settings import settings
watchdog.start(settings)
os.execvp("sleep", ["sleep", "600"])
"""


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A program `jupyterhub-singleuser` on PATH that prints its arguments and uses the services."""
    program = tmp_path / "bin" / hub.SERVER
    program.parent.mkdir()
    program.write_text(SERVER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def learner(tmp_path):
    """Settings of a learner's stack; what is still running after the test is stopped."""
    learner = free_settings(tmp_path / "state", OwnSettings)
    yield learner
    Stack(learner, grace_s=2).down()


def test_a_page_is_below_the_hubs_base_url(monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    monkeypatch.setenv("JUPYTER_SERVER_ROOT", str(ROOT.parent))

    assert hub.page(ROOT / "build" / "start.md") == f"/user/ada/lab/tree/{ROOT.name}/build/start.md"


def test_without_a_hub_there_is_no_such_page(monkeypatch):
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)

    assert hub.page(ROOT / "build" / "start.md") is None


def test_without_the_hubs_package_the_error_names_the_command_that_installs_it(settings, monkeypatch):
    monkeypatch.setattr(hub, "SERVER", "no-such-server")

    with pytest.raises(hub.HubError, match=r"Next: uv pip install --python \S+ jupyterhub"):
        hub.command(settings, [])


def test_lab_opens_on_the_start_page_unless_the_hub_names_another(settings, server, monkeypatch):
    opens = f"--ServerApp.default_url=/lab/tree/{config.start_page(settings)}"
    monkeypatch.delenv("JUPYTERHUB_DEFAULT_URL", raising=False)
    assert opens in hub.command(settings, [])

    monkeypatch.setenv("JUPYTERHUB_DEFAULT_URL", "/lab/tree/elsewhere.md")
    assert opens not in hub.command(settings, [])


@pytest.mark.services
def test_the_hub_starts_its_server_with_services_that_answer_and_end_with_it(server, learner):
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
    until(lambda: not Stack(learner).open_ports(), 60)


class StandIn:
    """A process that starts a watchdog and then becomes another program, as `eventlab hub` does."""

    def __init__(self, learner):
        self.process = subprocess.Popen([sys.executable, "-c", STAND_IN], env=environment.full(learner))
        log = learner.state_dir / "logs" / "hub-watchdog.log"
        pattern = rf"process (\d+) stops the services when process {self.process.pid} has ended"
        until(lambda: log.exists() and re.search(pattern, log.read_text()), 60)
        until(lambda: psutil.Process(self.process.pid).name() == "sleep", 60)
        self.watchdog = psutil.Process(int(re.search(pattern, log.read_text())[1]))

    def kill(self):
        """End it as the kernel does when memory is exhausted: no code of its own runs."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def is_watched(self):
        return process.alive(self.watchdog)


@pytest.mark.services
def test_the_services_of_a_killed_server_are_stopped_by_its_watchdog_which_then_ends(learner):
    Stack(learner).up(["api"])
    server = StandIn(learner)

    server.kill()

    until(lambda: not Stack(learner).open_ports(), 30)
    until(lambda: not server.is_watched, 30)


@pytest.mark.services
def test_the_watchdog_of_an_old_server_leaves_the_services_to_the_new_one(learner):
    Stack(learner).up(["api"])
    old, new = StandIn(learner), StandIn(learner)

    old.kill()
    until(lambda: not old.is_watched, 30)

    assert [status.state for status in Stack(learner).status(["api"])] == ["running"]
    assert new.is_watched
    new.kill()
    until(lambda: not Stack(learner).open_ports(), 30)


@pytest.mark.services
def test_the_hook_of_the_help_text_stops_the_services(learner):
    Stack(learner).up(["api"])
    text = CliRunner().invoke(main, ["hub", "--help"]).output
    lines = re.search(r"^ +import asyncio\n.*post_stop_hook = \w+\n", text, re.DOTALL | re.MULTILINE)[0]
    config_file = textwrap.dedent(lines).replace("/path/to/eventlab/.venv/bin/eventlab", EVENTLAB)
    c = SimpleNamespace(Spawner=SimpleNamespace())
    exec(config_file, {"c": c})

    asyncio.run(c.Spawner.post_stop_hook(SimpleNamespace(get_env=lambda: environment.full(learner))))

    assert c.Spawner.cmd == [EVENTLAB, "hub"]
    assert not Stack(learner).open_ports()
