"""The panel shows the real state of each service, and its buttons start, stop and restart it."""

import re

import pytest

from eventlab.stack import Stack, process
from eventlab.widgets import StackPanel
from tests.helpers import Stopwatch, first_group, process_of, wait_until

LIMIT_S = 2.0

pytestmark = pytest.mark.services


@pytest.fixture
def panel(api_alone, show):
    """Return a panel of a stack in which nothing runs yet."""
    shown = show(StackPanel(["api"], api_alone))
    wait_until(lambda: state(shown) == "stopped")
    return shown


def state(panel):
    """Return the state that the panel shows."""
    return first_group(r'aria-label="api is ([^"]*)"', panel.rows["api"].facts.value)


def test_a_start_or_crash_of_a_service_is_shown_within_two_seconds(panel, api_alone):
    Stack(api_alone).up(["api"])
    taken = Stopwatch()
    wait_until(lambda: state(panel) == "running")
    assert taken.seconds < LIMIT_S
    assert re.search(r"\d+ MiB", panel.rows["api"].facts.value)

    process_of(api_alone, "api").kill()

    taken = Stopwatch()
    wait_until(lambda: state(panel) == "crashed")
    assert taken.seconds < LIMIT_S
    wait_until(lambda: panel.log_of.value == "api" and "Serving" in panel.log_view.value)


def test_the_buttons_start_restart_and_stop_a_service(panel, api_alone):
    row = panel.rows["api"]
    assert row.power.description == "Start api"
    row.power.click()
    wait_until(lambda: state(panel) == "running")
    first = process_of(api_alone, "api")
    wait_until(lambda: not row.restart.disabled)
    assert row.power.description == "Stop api"

    row.restart.click()
    wait_until(lambda: process.find(api_alone, "api") not in (None, first))
    wait_until(lambda: state(panel) == "running" and not row.power.disabled)
    row.power.click()
    wait_until(lambda: state(panel) == "stopped" and not row.power.disabled)

    assert process.find(api_alone, "api") is None
    assert row.restart.disabled


def test_a_start_that_fails_shows_the_error_in_the_panel(tmp_path, api_alone, show):
    panel = show(StackPanel(["api"], api_alone.model_copy(update={"api_app": tmp_path / "none.py"})))
    wait_until(lambda: not panel.rows["api"].power.disabled)

    panel.rows["api"].power.click()

    wait_until(lambda: "EVENTLAB_API_APP" in panel.message.value)


def test_an_external_service_cannot_be_started_or_stopped(stack, api_alone, show):
    panel = show(StackPanel(["api"], api_alone.model_copy(update={"external_api_url": stack.api_url})))

    wait_until(lambda: state(panel) == "running")

    assert panel.rows["api"].power.disabled
    assert panel.rows["api"].restart.disabled


def test_a_service_with_a_web_page_has_a_link_to_it(stack, show):
    panel = show(StackPanel(settings=stack))

    links = {name: re.search(r'href="([^"]+)"', row.facts.value) for name, row in panel.rows.items()}

    assert {name: found[1] for name, found in links.items() if found} == {
        "namenode": stack.webhdfs_url,
        "spark": stack.spark_ui_url,
        "api": stack.api_url,
    }
