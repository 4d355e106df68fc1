"""JupyterLab as `eventlab lab` opens it."""

import asyncio
import importlib.util
import json
import os
import re
import subprocess

import httpx
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from eventlab.jupyter.start_page import open_course
from eventlab.stack import Stack, config
from eventlab.stack.services import IDLE_KERNEL_S, lab_options, lab_page
from eventlab.stack.tokens import jupyter_token
from tests.helpers import first_group, wait_until
from tests.stacks import free_port, free_settings


@pytest.fixture(scope="module")
def started(stack):
    """Run `eventlab lab` on a machine without a browser, while the stack runs."""
    without = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    environment = {name: value for name, value in os.environ.items() if name not in without}
    done = subprocess.run(["eventlab", "lab"], capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    yield done
    Stack(stack).down(["jupyter"])


@pytest.fixture(scope="module")
def address(started):
    """Return the address that `eventlab lab` prints."""
    return first_group(r"JupyterLab: (\S+)", started.stdout)


@pytest.fixture
def browser(stack, address):
    """Return a client that has opened the address, like a browser."""
    with httpx.Client(base_url=stack.jupyter_url, follow_redirects=True, trust_env=False, verify=False) as client:
        assert client.get(address).status_code == 200
        yield client


def test_without_a_browser_one_line_has_the_address(started, address):
    lines = [line for line in started.stdout.splitlines() if address in line]

    assert lines == [f"JupyterLab: {address} (open this address in a browser)"]
    assert "not found" not in started.stdout + started.stderr


def test_the_address_is_that_of_the_start_page(stack, address, browser):
    assert address.startswith(f"{stack.jupyter_url}/lab/tree/{config.START_PAGE}?token=")
    assert "lessons completed.**" in browser.get(f"/api/contents/{config.START_PAGE}").json()["content"]


def test_the_file_browser_shows_copies_of_the_lessons_without_outputs_and_nothing_for_instructors(browser):
    names = [item["name"] for item in browser.get("/api/contents/").json()["content"]]
    assert {"01_start_the_stack.ipynb", "labs", config.START_PAGE} <= set(names)
    assert not {"lib", "tests", "stack", "notebooks"}.intersection(names)

    lesson = browser.get("/api/contents/05_filter_events.ipynb").json()["content"]
    assert not any(cell.get("outputs") for cell in lesson["cells"])
    labs = browser.get("/api/contents/labs/lab01_events").json()["content"]
    assert [item["name"] for item in labs] == ["student.ipynb"]


def test_nbgrader_is_not_in_a_learners_lab(browser):
    assert importlib.util.find_spec("nbgrader"), "the environment of the tests contains nbgrader"

    assert "@jupyter/nbgrader" in _page_config(browser)["disabledExtensions"]
    assert browser.get("/formgrader").status_code == 404
    assert browser.get("/assignments").status_code == 404


def test_the_kernel_of_a_closed_notebook_ends(browser):
    tracker = browser.get("/lab/api/settings/@jupyterlab/notebook-extension:tracker").json()

    assert tracker["schema"]["properties"]["kernelShutdown"]["default"] is True


@pytest.fixture
def impatient_lab(stack, started):
    """Start JupyterLab with the kit's options, except that kernels end after seconds, not after an hour.

    A kernel ends also when no notebook is connected to it yet, so one second would be too short.
    `started` has created the folder of the copies.
    """
    port, token = free_port(), "secret"
    options = [option.replace(str(IDLE_KERNEL_S), "5") for option in lab_options(stack)]
    options += ["--MappingKernelManager.cull_interval=1", f"--port={port}", f"--IdentityProvider.token={token}"]
    server = subprocess.Popen(["jupyter", "lab", "--no-browser", *options], stderr=subprocess.DEVNULL)
    address, headers = f"http://127.0.0.1:{port}", {"Authorization": f"token {token}"}
    with httpx.Client(base_url=address, headers=headers, trust_env=False, verify=False) as client:
        try:
            wait_until(lambda: _answers(client), timeout_s=60)
            yield client
        finally:
            server.terminate()
            server.wait(60)


def _answers(client):
    try:
        return client.get("/api/kernels").is_success
    except httpx.TransportError:
        return False


async def wait_for_the_end_while_connected(client, kernel):
    """Connect to a kernel as an open notebook does, and wait until the server has no kernel."""
    address = f"{client.base_url}/api/kernels/{kernel}/channels".replace("http", "ws", 1)
    channel = await websocket_connect(HTTPRequest(address, headers=dict(client.headers), request_timeout=60))
    async with asyncio.timeout(60):
        while client.get("/api/kernels").json():
            await asyncio.sleep(0.2)
    channel.close()


def test_a_kernel_that_does_nothing_ends_though_its_notebook_is_open(impatient_lab):
    kernel = impatient_lab.post("/api/kernels", json={"name": "python3"}).raise_for_status().json()

    asyncio.run(wait_for_the_end_while_connected(impatient_lab, kernel["id"]))

    assert impatient_lab.get("/api/kernels").json() == []


def test_the_kits_extension_of_jupyterlab_is_loaded(browser):
    (extension,) = [item for item in _page_config(browser)["federated_extensions"] if item["name"] == "eventlab"]

    assert "_JUPYTERLAB.eventlab" in browser.get(f"/lab/extensions/eventlab/{extension['load']}").text


def _page_config(browser):
    """Return the configuration that JupyterLab's page contains."""
    page = browser.get("/lab").text
    return json.loads(first_group(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL))


def test_without_the_token_the_server_refuses(stack, address):
    assert httpx.get(f"{stack.jupyter_url}/api/contents", trust_env=False, verify=False).status_code == 403


def test_jupyterlab_fetches_no_news(browser):
    answer = browser.get("/lab/api/settings/@jupyterlab/apputils-extension:notification").json()

    assert answer["schema"]["properties"]["fetchNews"]["default"] == "false"
    assert answer["schema"]["properties"]["checkForUpdates"]["default"] is False


async def type_in_terminal(address, token, line, until):
    """Type a line in a terminal and return what it shows up to a marker."""
    request = HTTPRequest(address, headers={"Authorization": f"token {token}"}, request_timeout=60)
    terminal = await websocket_connect(request)
    await terminal.write_message(json.dumps(["stdin", f"{line}\r"]))
    shown = ""
    while until not in shown:
        async with asyncio.timeout(60):  # a command of Java starts
            kind, *text = json.loads(await terminal.read_message() or "")
        shown += text[0] if kind == "stdout" else ""
    terminal.close()
    return shown


def test_a_terminal_finds_the_kits_commands_after_a_login_shell_has_reset_the_path(stack, address):
    token = {"Authorization": f"token {jupyter_token(stack)}"}
    created = httpx.post(f"{stack.jupyter_url}/api/terminals", headers=token, trust_env=False, verify=False)
    name = created.json()["name"]
    address = f"{stack.jupyter_url.replace('http', 'ws', 1)}/terminals/websocket/{name}"
    line = 'kafka-topics --version; printf "%s\\n" $SPARK_REMOTE; eventlab --version; echo e""nd'

    shown = asyncio.run(type_in_terminal(address, jupyter_token(stack), line, "end\r"))

    assert stack.spark_remote in shown
    assert "eventlab, version" in shown
    assert "not found" not in shown


def test_markdown_opens_as_a_page_and_the_menu_opens_start_page_and_stack(stack, browser):
    documents = browser.get("/lab/api/settings/@jupyterlab/docmanager-extension:plugin").json()
    menus = browser.get("/lab/api/settings/@jupyterlab/mainmenu-extension:plugin").json()

    assert documents["schema"]["properties"]["defaultViewers"]["default"] == {"markdown": "Markdown Preview"}
    (menu,) = menus["schema"]["properties"]["menus"]["default"]
    assert menu["label"] == "Stack"
    assert menu["items"][0]["args"]["path"] == config.START_PAGE
    assert (stack.work_dir / menu["items"][1]["args"]["path"]).exists()


def test_below_a_base_url_the_pages_are_at_the_printed_addresses(tmp_path, stack):
    moved = free_settings(tmp_path, jupyter_base_url="user/ada")
    open_course(moved)
    try:
        (status,) = Stack(moved).up(["jupyter"])
        assert (status.state, status.address) == ("running", lab_page(moved, "lab"))
        with httpx.Client(follow_redirects=True, trust_env=False, verify=False) as client:
            page = client.get(lab_page(moved, f"lab/tree/{config.START_PAGE}"))
            assert page.status_code == 200
            assert '"baseUrl": "/user/ada/"' in page.text
            files = f"http://127.0.0.1:{moved.jupyter_port}/user/ada/api/contents"
            assert "lessons completed" in client.get(f"{files}/{config.START_PAGE}").json()["content"]
    finally:
        Stack(moved).down()
