"""A learner's server under JupyterHub: the kit's Lab, started by the Hub's own package."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eventlab.jupyter import hub
from eventlab.settings import ROOT, OwnSettings
from eventlab.stack import Stack, config
from tests.stacks import free_settings

SERVER = """#!/bin/sh
echo "$@"
command -v eventlab
command -v kafka-topics
curl --silent --fail "$API/purchase_a_sword"
"""


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A `jupyterhub-singleuser` on PATH that tells what it was given and finds around it."""
    program = tmp_path / "bin" / hub.SERVER
    program.parent.mkdir()
    program.write_text(SERVER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def test_a_page_is_below_the_hubs_base_url(monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    monkeypatch.setenv("JUPYTER_SERVER_ROOT", str(ROOT.parent))

    assert hub.page(ROOT / "build" / "start.md") == f"/user/ada/lab/tree/{ROOT.name}/build/start.md"


def test_without_a_hub_there_is_no_such_page(monkeypatch):
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)

    assert hub.page(ROOT / "build" / "start.md") is None


def test_a_kit_without_the_hubs_package_says_what_to_install(settings, monkeypatch):
    monkeypatch.setattr(hub, "SERVER", "no-such-server")

    with pytest.raises(hub.HubError, match=r"uv pip install --python \S+ jupyterhub"):
        hub.command(settings, [])


def test_lab_opens_on_the_start_page_unless_the_hub_names_another(settings, server, monkeypatch):
    opens = f"--ServerApp.default_url=/lab/tree/{config.start_page(settings)}"
    monkeypatch.delenv("JUPYTERHUB_DEFAULT_URL", raising=False)
    assert opens in hub.command(settings, [])

    monkeypatch.setenv("JUPYTERHUB_DEFAULT_URL", "/lab/tree/elsewhere.md")
    assert opens not in hub.command(settings, [])


@pytest.mark.services
def test_the_hub_gets_its_server_in_the_kits_environment_with_services_that_answer(server, tmp_path):
    own = free_settings(tmp_path / "state", OwnSettings)
    variables = {"EVENTLAB_PORT_OFFSET": str(own.port_offset), "EVENTLAB_STATE_DIR": str(own.state_dir)}
    try:
        done = subprocess.run(
            [Path(sys.executable).with_name("eventlab"), "hub", "--debug"],
            env=os.environ | variables | {"API": own.api_url},
            capture_output=True,
            text=True,
            timeout=120,
        )
    finally:
        Stack(own).down()

    given, *found, answer = done.stdout.splitlines()
    assert f"--LabApp.app_settings_dir={config.conf_dir(own, 'jupyter')}" in given
    assert given.endswith(" --debug")
    assert len(found) == 2
    assert answer == "Sword Purchased!"
