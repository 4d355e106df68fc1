"""A healthy service that answers slowly, as on a busy machine, is not reported as one that is down."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from eventlab.clients.hdfs_web import jmx_bean
from eventlab.explain import api as api_explanations
from eventlab.explain import hook, kafka, stream
from eventlab.settings import HOST, OwnSettings
from eventlab.stack import probes
from eventlab.widgets.routes import Route, list_routes

GIVE_UP_S = 15
"""Every client gives up within this time when nobody answers."""


class SlowHandler(BaseHTTPRequestHandler):
    """Answers with a route and a bean after 3.5 seconds."""

    def do_GET(self) -> None:
        """Wait and answer."""
        time.sleep(3.5)
        found = {"beans": [{"name": "slow"}]} if "jmx" in self.path else [{"path": "/", "methods": ["GET"]}]
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def slow() -> Iterator[int]:
    """Return the port of a slow web server."""
    with ThreadingHTTPServer((HOST, 0), SlowHandler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_slow_web_server_is_running_and_its_answers_are_read(slow: int) -> None:
    settings = OwnSettings(api_port=slow, namenode_web_port=slow)

    with ThreadPoolExecutor() as pool:
        probed = [pool.submit(probe, settings) for probe in (probes.api, probes.namenode)]
        routes = pool.submit(list_routes, settings.api_url)
        bean = pool.submit(jmx_bean, settings.webhdfs_url, "Hadoop:*")

    assert [probe.result() for probe in probed] == [None, None]
    assert routes.result() == [Route("GET", "/")]
    assert bean.result() == {"name": "slow"}


def test_a_probe_waits_longer_than_a_cell_for_its_box_so_that_no_slow_service_is_called_one_that_is_down() -> None:
    assert hook.TIME_LIMIT_S < probes.TIMEOUT_S
    assert 2 * probes.TIMEOUT_S < GIVE_UP_S  # Kafka's client connects, then asks


@pytest.mark.parametrize("module", [kafka, stream, api_explanations])
def test_an_explanation_can_ask_a_silent_service_and_after_it_one_that_answers(module: object) -> None:
    assert 1 < module.TIMEOUT_S < hook.TIME_LIMIT_S - 1  # type: ignore[attr-defined]
