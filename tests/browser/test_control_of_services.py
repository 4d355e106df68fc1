"""The stack panel in JupyterLab: it shows that a service has ended, and its buttons start and stop services.

This module comes before those that use Spark: a Spark that has just started is slow.
"""

import pytest
from playwright.sync_api import expect

from eventlab.commands import ab
from tests.browser.conftest import PICTURES
from tests.browser.helpers import button, panel, picture, wait_until_shown
from tests.helpers import Stopwatch, process_of

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

LIMIT_S = 2.0
LONG_MS = 60_000
SERVICES = ("kafka", "namenode", "datanode", "spark", "api")


@pytest.fixture
def stack_panel(page, lab):
    """Open the page of the stack panel, which needs no click to show the panel."""
    page.goto(lab.page_of("stack_panel.ipynb"))
    expect(panel(page, "The stack")).to_be_visible(timeout=LONG_MS)
    return panel(page, "The stack")


def expect_state(widget, state, *names):
    """Wait until services have a state."""
    for name in names:
        expect(widget.get_by_role("status", name=f"{name} is {state}")).to_be_visible(timeout=LONG_MS)


def test_the_stack_panel_shows_a_killed_broker_and_its_buttons_work(stack_panel, lab):
    expect_state(stack_panel, "running", *SERVICES)
    assert [link.get_attribute("href") for link in stack_panel.get_by_role("link").all()] == [
        lab.settings.webhdfs_url,
        lab.settings.spark_ui_url,
        lab.settings.api_url,
    ]
    ab.bench(lab.settings.api_url + "/purchase_a_sword", requests=12)
    stack_panel.get_by_label("Log of").select_option("api")
    expect(stack_panel.get_by_role("log", name="the last lines of the log of api")).to_contain_text("sword")
    picture(stack_panel, PICTURES / "stack_panel.png")

    process_of(lab.settings, "kafka").kill()

    taken = Stopwatch()
    wait_until_shown(stack_panel.page, '[aria-label="kafka is crashed"]', "crashed")
    assert taken.seconds < LIMIT_S
    expect_state(stack_panel, "crashed", "kafka")
    picture(stack_panel, PICTURES / "stack_panel_crashed.png")

    press_all_buttons(stack_panel)


def press_all_buttons(stack_panel):
    """Start the killed service, stop and start two others, and restart one of them."""
    button(stack_panel, "Start kafka").click()
    expect_state(stack_panel, "running", "kafka")
    for name in ("datanode", "api"):
        button(stack_panel, f"Stop {name}").click()
    expect_state(stack_panel, "stopped", "datanode", "api")
    for name in ("datanode", "api"):
        expect(button(stack_panel, f"Restart {name}")).to_be_disabled()
        button(stack_panel, f"Start {name}").click()
    expect_state(stack_panel, "running", *SERVICES)
    expect(button(stack_panel, "Restart api")).to_be_enabled(timeout=LONG_MS)
    button(stack_panel, "Restart api").click()
    for name in SERVICES:
        expect(button(stack_panel, f"Restart {name}")).to_be_enabled(timeout=LONG_MS)
    expect_state(stack_panel, "running", *SERVICES)
