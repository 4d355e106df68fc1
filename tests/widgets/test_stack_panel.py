"""The panel follows what really happens to a service, and its buttons make it happen."""

import re

import pytest

from eventlab.stack import Stack, process
from eventlab.widgets import StackPanel
from tests.widgets.helpers import until

SOON_S = 2.0

pytestmark = pytest.mark.services


@pytest.fixture
def panel(api_alone, show):
    """A panel for a stack of which nothing runs yet."""
    shown = show(StackPanel(["api"], api_alone))
    until(lambda: light(shown) == "stopped")
    return shown


def light(panel):
    return re.search(r"aria-label='api is ([^']*)'", panel.rows["api"].facts.value)[1]


def test_a_service_that_somebody_starts_and_somebody_kills_is_seen_within_two_seconds(panel, api_alone):
    Stack(api_alone).up(["api"])
    assert until(lambda: light(panel) == "running") < SOON_S
    assert re.search(r"\d+ MiB", panel.rows["api"].facts.value)

    process.find(api_alone, "api").kill()

    assert until(lambda: light(panel) == "crashed") < SOON_S
    until(lambda: panel.log_of.value == "api" and "Serving" in panel.tail.value)


def test_the_buttons_start_restart_and_stop_it(panel, api_alone):
    row = panel.rows["api"]
    assert row.power.description == "Start api"
    row.power.click()
    until(lambda: light(panel) == "running")
    first = process.find(api_alone, "api").pid
    until(lambda: not row.again.disabled)
    assert row.power.description == "Stop api"

    row.again.click()
    until(lambda: process.find(api_alone, "api") and process.find(api_alone, "api").pid != first)
    until(lambda: light(panel) == "running" and not row.power.disabled)
    row.power.click()
    until(lambda: light(panel) == "stopped" and not row.power.disabled)

    assert process.find(api_alone, "api") is None
    assert row.again.disabled


def test_a_start_that_fails_says_why_where_the_button_is(tmp_path, api_alone, show):
    panel = show(StackPanel(["api"], api_alone.model_copy(update={"api_app": tmp_path / "none.py"})))
    until(lambda: not panel.rows["api"].power.disabled)

    panel.rows["api"].power.click()

    until(lambda: "EVENTLAB_API_APP" in panel.message.value)


def test_what_somebody_else_runs_has_no_buttons(stack, api_alone, show):
    panel = show(StackPanel(["api"], api_alone.model_copy(update={"api_address": stack.api_url})))

    until(lambda: light(panel) == "running")

    assert panel.rows["api"].power.disabled
    assert panel.rows["api"].again.disabled


def test_what_has_a_web_page_is_linked_to_it(stack, show):
    panel = show(StackPanel(settings=stack))

    links = {name: re.search(r"href='([^']+)'", row.facts.value) for name, row in panel.rows.items()}

    assert {name: found[1] for name, found in links.items() if found} == {
        "namenode": stack.webhdfs_url,
        "spark": stack.spark_ui_url,
        "api": stack.api_url,
    }
