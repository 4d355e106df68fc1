"""JupyterLab as `eventlab lab` opens it."""

import re
import subprocess

import httpx
import pytest

from eventlab.stack import life


@pytest.fixture(scope="module")
def address(stack):
    """The address that `eventlab lab` prints, beside the running stack."""
    done = subprocess.run(["eventlab", "lab", "--no-browser"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    yield re.search(r"JupyterLab: (\S+)", done.stdout)[1]
    life.down(stack, ["jupyter"])


@pytest.fixture
def browser(stack, address):
    """A client that came in by the address, as a browser would."""
    with httpx.Client(base_url=stack.jupyter_url, follow_redirects=True, trust_env=False) as client:
        assert client.get(address).status_code == 200
        yield client


def test_the_address_leads_to_the_lessons(stack, address, browser):
    assert address.startswith(f"{stack.jupyter_url}/lab/tree/notebooks?token=")
    names = [item["name"] for item in browser.get("/api/contents/notebooks").json()["content"]]
    assert "01_start_the_stack.ipynb" in names


def test_nobody_comes_in_without_the_token(stack, address):
    assert httpx.get(f"{stack.jupyter_url}/api/contents", trust_env=False).status_code == 403


def test_no_news_are_fetched_and_none_are_asked_about(browser):
    found = browser.get("/lab/api/settings/@jupyterlab/apputils-extension:notification").json()

    assert found["schema"]["properties"]["fetchNews"]["default"] == "false"
    assert found["schema"]["properties"]["checkForUpdates"]["default"] is False
