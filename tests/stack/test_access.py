"""The Spark Connect server requires the token, and another program at the API's port is not the API."""

import http.server
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest

from eventlab.clients import spark
from eventlab.errors import ServiceUnavailable, StackError
from eventlab.settings import OwnSettings, Settings
from eventlab.stack import Stack, probes, process, requirements, serve_api
from eventlab.stack.services import SERVICES
from eventlab.stack.tokens import spark_token
from tests.stacks import free_settings

ONE = "from pyspark.sql import SparkSession; print(SparkSession.builder.getOrCreate().range(3).count())"


def python(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a pyspark program in this environment."""
    return subprocess.run([sys.executable, "-c", ONE], env=variables, capture_output=True, text=True, timeout=180)


@pytest.mark.services
def test_a_program_in_the_stacks_environment_has_the_token(complete: Settings):
    done = python(Stack(complete).environment())

    assert done.stdout.strip() == "3", done.stderr


@pytest.mark.services
@pytest.mark.parametrize("token", [None, "wrong"])
def test_without_the_right_token_the_server_refuses(complete: Settings, token: str | None):
    variables = Stack(complete).environment()
    del variables[spark.TOKEN_VARIABLE]

    refused = python(variables | ({spark.TOKEN_VARIABLE: token} if token else {}))

    assert refused.returncode != 0
    assert "UNAUTHENTICATED" in refused.stderr
    with pytest.raises(spark.SparkUnavailable, match="UNAUTHENTICATED"):
        spark.server_version(complete.spark_remote, token)
    assert spark.server_version(complete.spark_remote, spark_token(complete)).startswith("4.")


@pytest.mark.services
def test_the_token_is_in_no_command_line_and_in_no_file_that_others_can_read(complete: Settings):
    token = str(spark_token(complete))
    commands = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    # In the folder "data", services delete files.
    folders = [path for path in complete.state_dir.iterdir() if path.name != "data"]
    files = [path for folder in folders for path in (folder, *folder.rglob("*")) if path.is_file()]
    readable = [path for path in files if path.stat().st_mode & 0o077]

    assert not [command for command in commands if token in command]
    assert not [path for path in readable if token.encode() in path.read_bytes()]
    assert (complete.state_dir / "spark-token").stat().st_mode & 0o077 == 0


@pytest.mark.services
def test_eventlab_env_exports_the_token(complete: Settings):
    command = [sys.executable, "-m", "eventlab.cli", "env"]
    exported = subprocess.run(command, env=Stack(complete).environment(), capture_output=True, text=True).stdout

    assert f"export {spark.TOKEN_VARIABLE}={spark_token(complete)}" in exported.splitlines()


def test_an_external_server_gets_the_token_of_the_environment_or_none(monkeypatch: pytest.MonkeyPatch):
    external = Settings(external_spark_remote="sc://spark.example:15002")
    monkeypatch.delenv(spark.TOKEN_VARIABLE, raising=False)
    assert spark_token(external) is None

    monkeypatch.setenv(spark.TOKEN_VARIABLE, "given")
    assert spark_token(external) == "given"


@pytest.fixture
def other_program(tmp_path) -> Iterator[Settings]:
    """Return settings at whose API port another web server answers with status 200."""

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = not self.path.startswith("/.eventlab")
            self.send_response(200 if known else 404)
            self.end_headers()

        do_OPTIONS = do_GET

        def log_message(self, *_: object) -> None:
            pass

    settings = free_settings(tmp_path / "state")
    with http.server.ThreadingHTTPServer(("127.0.0.1", settings.api_port), Other) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield settings
        server.shutdown()


@pytest.mark.programs
def test_another_web_server_at_the_port_is_not_the_api(other_program: Settings, eventlab):
    with pytest.raises(ServiceUnavailable, match="answers with status 404"):
        probes.api(other_program)

    refused = eventlab(other_program, "up", "api")

    assert refused.returncode == 1
    assert (
        f"api needs port {other_program.api_port} (EVENTLAB_API_PORT), which process {os.getpid()}"
        in refused.stderr
    )
    assert re.search(r"export EVENTLAB_(PORT_OFFSET|API_PORT)=\d+", refused.stderr)


@pytest.mark.services
def test_the_probes_of_the_api_are_not_in_its_log(complete: Settings):
    for _ in range(3):
        probes.api(complete)

    assert serve_api.ROUTES_PATH not in process.log_tail(complete, "api", 1000)


def test_the_addresses_that_status_shows_are_on_the_loopback_address(eventlab, tmp_path):
    settings = Settings(state_dir=tmp_path, port_offset=300)

    shown = {status.name: status.address for status in Stack(settings).status()}

    assert {name for name, address in shown.items() if "127.0.0.1" in address} == set(shown) - {"spark"}
    assert shown["spark"] == "sc://localhost:15302"  # Spark's client sends the token only to this name


def test_on_macos_the_error_about_port_5000_names_airplay(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setattr(requirements.sys, "platform", "darwin")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(requirements, "AIRPLAY_PORT", port)
        settings = OwnSettings(state_dir=tmp_path, api_port=port)

        with pytest.raises(StackError, match="AirPlay Receiver") as caught:
            requirements.require_free_ports(settings, [SERVICES["api"]])

    assert caught.value.next_command == f"export EVENTLAB_API_PORT={port + 1}"
