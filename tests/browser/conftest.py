"""A real browser on JupyterLab, as `eventlab lab` opens it, on a stack of these tests' own.

The fixtures last as long as this folder's tests: Playwright keeps an event loop, which other tests could not bear.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import nbformat
import pytest

from eventlab.settings import ROOT, OwnSettings, Settings
from eventlab.stack import Stack, environment
from eventlab.stack.tokens import jupyter_token
from tests.stacks import free_settings

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = "no browser to test in; install one: sudo apt-get install chromium (or Google Chrome)"
HERE = ROOT / "build" / "browser"
"""Copies of the notebooks, inside Jupyter's root, so that saving in Lab never touches the lessons."""
PICTURES = ROOT / "build" / "screenshots"


@dataclass(frozen=True)
class Lab:
    """JupyterLab that runs: its address with the token, and the settings of its stack."""

    address: str
    settings: Settings

    def page_of(self, notebook: str) -> str:
        """The address of a notebook, for a browser that has come in already; a workspace each, so that none
        opens what another had open."""
        workspace = f"workspaces/{notebook.partition('.')[0]}"
        return f"{self.settings.jupyter_url}/lab/{workspace}/tree/{HERE.relative_to(ROOT)}/{notebook}"


@pytest.fixture(scope="package")
def chromium() -> str:
    """The machine's own browser."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None and os.environ.get("EVENTLAB_REQUIRE_BROWSER"):
        pytest.fail(INSTALL)
    if found is None:
        pytest.skip(INSTALL)
    return found


@pytest.fixture(scope="package")
def lab(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """`eventlab lab --no-browser` with an API file that the tests may edit, and Jupyter folders of its own."""
    folder = tmp_path_factory.mktemp("lab")
    app = folder / "game_api.py"
    shutil.copy(ROOT / "game_api.py", app)
    settings = free_settings(folder / "state", OwnSettings, api_app=app)
    own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")} | {
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    copy_lessons()
    try:
        command = ["eventlab", "lab", "--no-browser"]
        done = subprocess.run(
            command, env=environment.full(settings) | own, capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, done.stderr
        address = re.search(r"JupyterLab: (\S+)", done.stdout)
        assert address, done.stdout
        yield Lab(address[1], settings)
    finally:
        Stack(settings).down()
        shutil.rmtree(HERE, ignore_errors=True)


def copy_lessons() -> None:
    """The lessons without their outputs, so that nothing which was there before is taken for what happens now."""
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir(parents=True)
    for path in (ROOT / "notebooks").glob("0*.ipynb"):
        lesson = nbformat.read(path, as_version=4)
        for cell in lesson.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(lesson, HERE / path.name)


@pytest.fixture(scope="package")
def browser(chromium: str):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        started = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="package")
def visitor(browser):
    """A browser's profile, one for all tests: what JupyterLab consists of is loaded once."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def page(visitor, lab):
    """A page that has come in with the token; what the console calls an error fails the test."""
    opened = visitor.new_page()
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(lab.address)
    yield opened
    opened.close()
    end_kernels(lab)
    assert errors == []


def end_kernels(lab: Lab) -> None:
    """A page that is closed leaves its kernel, and the next test would share the processor with it."""
    token = {"Authorization": f"token {jupyter_token(lab.settings)}"}
    with httpx.Client(base_url=lab.settings.jupyter_url, headers=token, trust_env=False, timeout=20) as client:
        for session in client.get("/api/sessions").json():
            client.delete(f"/api/sessions/{session['id']}")
