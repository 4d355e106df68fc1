"""Fixtures that open JupyterLab, started by `eventlab lab` on a stack of its own, in a real browser.

The fixtures end with this folder's tests, because Playwright keeps an event loop that disturbs other tests.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from eventlab.settings import ROOT, OwnSettings, Settings
from eventlab.stack import Stack, environment
from eventlab.stack.tokens import jupyter_token
from tests.helpers import wait_until
from tests.skips import tool_path
from tests.stacks import free_settings

PICTURES = ROOT / "build" / "screenshots"
THEME_OF_THE_SYSTEM = "@jupyterlab/apputils-extension/themes.jupyterlab-settings"
"""The file of JupyterLab's setting with which the theme is light or dark like the system's."""


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address with the token, and the settings of its stack."""

    address: str
    settings: Settings

    @property
    def folder(self) -> Path:
        """Return the folder with the learner's copies of the lessons, in which a test may write notebooks."""
        return self.settings.work_dir

    def page_of(self, notebook: str) -> str:
        """Return the address of a notebook for a browser that is logged in.

        Each notebook has its own workspace, so that Lab does not open tabs of another test.
        """
        workspace = f"workspaces/{notebook.partition('.')[0]}"
        return f"{self.settings.jupyter_url}/lab/{workspace}/tree/{notebook}"


@pytest.fixture(scope="package")
def chromium() -> str:
    """Return the path of the system's browser."""
    return tool_path("chromium")


@pytest.fixture(scope="package")
def lab(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Run `eventlab lab --no-browser` with its own Jupyter folders and an API file that tests may edit.

    Clients wait longer for a busy broker: a browser and the stacks of three pytest workers run on one machine.
    """
    folder = tmp_path_factory.mktemp("lab")
    app = folder / "game_api.py"
    shutil.copy(ROOT / "game_api.py", app)
    options = os.environ["EVENTLAB_SPARK_JAVA_OPTIONS"]
    settings = free_settings(folder / "state", OwnSettings, api_app=app, spark_java_options=options)
    variables = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")} | {
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "EVENTLAB_WAITS": "long",
    }
    theme = folder / "settings" / THEME_OF_THE_SYSTEM
    theme.parent.mkdir(parents=True)
    theme.write_text('{"adaptive-theme": true}')
    (folder / "config").mkdir()
    (folder / "config" / "jupyter_lab_config.json").write_text('{"LabApp": {"expose_app_in_browser": true}}')
    try:
        command = ["eventlab", "lab", "--no-browser"]
        done = subprocess.run(
            command, env=environment.full(settings) | variables, capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, done.stderr
        address = re.search(r"JupyterLab: (\S+)", done.stdout)
        assert address, done.stdout
        yield Lab(address[1], settings)
    finally:
        Stack(settings).down()


@pytest.fixture(scope="package")
def browser(chromium: str):
    """Start the browser."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)  # 5 s are short on a busy machine
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-software-rasterizer"]
        started = playwright.chromium.launch(executable_path=chromium, args=arguments, timeout=60_000)
        yield started
        started.close()


@pytest.fixture(scope="package")
def visitor(browser, lab):
    """Open one browser profile for all tests, so that JupyterLab loads its files once, and log in."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(20_000)
    context.set_default_navigation_timeout(60_000)  # the groups of all pytest workers start at the same time
    assert context.request.get(lab.address).ok
    yield context
    context.close()


@pytest.fixture(scope="package")
def window(visitor):
    """Open one page for all tests, with a list of the errors in the browser's console.

    Starting JupyterLab needs more time than most tests.
    """
    opened = visitor.new_page()
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(error.stack or str(error)))
    yield opened, errors
    opened.close()


KERNEL_ENDED = "Error: Canceled future for"
"""JupyterLab prints this when a kernel ends before its last answer, for example after the previous test."""
REMOVED_TWICE = "Failed to execute 'removeChild' on 'Node'"
"""JupyterLab sometimes removes a cell twice when a notebook is closed or drawn again (its issue 15415)."""
OF_EXTENSIONS = "/lab/extensions/"
"""The path of programs that are no part of JupyterLab itself, such as those of widgets."""


def is_known(error: str) -> bool:
    """Return whether an error in the browser's console is one of JupyterLab's own; no widget takes part in it."""
    return error.startswith(KERNEL_ENDED) or (REMOVED_TWICE in error and OF_EXTENSIONS not in error)


@pytest.fixture
def page(window, lab):
    """Return the page without open notebooks; an error in the browser's console fails the test.

    The page is empty until a test opens JupyterLab. In a JupyterLab that runs, `Notebook` opens further notebooks.
    """
    opened, errors = window
    errors.clear()
    yield opened
    found = [error for error in errors if not is_known(error)]
    close_all(opened, lab)
    assert found == []


def server(lab: Lab) -> httpx.Client:
    """Return a client of the Jupyter server's API."""
    token = {"Authorization": f"token {jupyter_token(lab.settings)}"}
    return httpx.Client(base_url=lab.settings.jupyter_url, headers=token, trust_env=False, timeout=60)


def kernels(lab: Lab) -> list[dict[str, Any]]:
    """Return the running kernels."""
    with server(lab) as client:
        return client.get("/api/kernels").json()


CLOSE_ALL = """() => {
    for (const widget of [...(window.jupyterapp?.shell.widgets("main") ?? [])]) {
        if (widget.context) widget.context.model.dirty = false;  // no question whether to save
        widget.close();
    }
}"""


def close_all(page: Any, lab: Lab) -> None:
    """Close what is open in JupyterLab, and wait until it has ended the kernels, which slow down the next test."""
    page.emulate_media(color_scheme="light")
    try:
        assert page.locator(".jp-Dialog").count() == 0, (
            "JupyterLab does nothing else until its question is answered"
        )
        page.evaluate(CLOSE_ALL)
        wait_until(lambda: not kernels(lab), timeout_s=10)
    except AssertionError:  # a failed test has left a question or another page
        page.goto("about:blank")
        with server(lab) as client:
            for session in client.get("/api/sessions").json():
                client.delete(f"/api/sessions/{session['id']}")
