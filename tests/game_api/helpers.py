"""Serve the game API in a process, call it, and read its events."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx

from eventlab.clients import kafka
from eventlab.settings import HOST, ROOT
from tests.helpers import wait_until
from tests.stacks import free_port

SERVED = [sys.executable, "-m", "eventlab.stack.serve_api", str(ROOT / "game_api.py"), "--port"]


FLASK_RUN = [sys.executable, "-m", "flask", "run", "--host", "0.0.0.0", "--port"]


@contextmanager
def serving(command, log: Path, **environment):
    """Serve the API in a process on a free port; yield its address and the process."""
    port = free_port()
    variables = os.environ | {"FLASK_APP": str(ROOT / "game_api.py"), **environment}
    with (
        log.open("wb") as output,
        subprocess.Popen([*command, str(port)], env=variables, stdout=output, stderr=output) as server,
    ):
        try:
            wait_until(lambda: server.poll() is not None or answers(port))
            assert server.poll() is None, log.read_text()
            yield f"http://{HOST}:{port}", server
        finally:
            server.terminate()


def answers(port):
    """Return whether a web server answers at the port."""
    try:
        # Without TLS, httpx need not read the certificates, which takes 30 ms.
        return httpx.options(f"http://{HOST}:{port}/", trust_env=False, verify=False).status_code == 200
    except httpx.TransportError:
        return False


def events(topic, servers):
    """Return all messages of the topic, parsed as JSON."""
    return [json.loads(record.value) for record in kafka.read_topic(servers, topic)]


def get(url, path="/", **headers):
    """Send a GET request."""
    return httpx.get(url + path, headers=headers, trust_env=False, verify=False, timeout=60)
