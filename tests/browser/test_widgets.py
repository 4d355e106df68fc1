"""Lessons 01 to 04 in JupyterLab, and every widget's every button."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect

from eventlab.settings import ROOT
from eventlab.stack import process
from tests.browser.conftest import HERE, PICTURES
from tests.browser.helpers import Notebook, panel, picture

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

SOON_MS = 2_000
LATER_MS = 30_000


def open_cells(page, lab, name, *sources):
    """A notebook of these cells, opened in Lab."""
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), HERE / f"{name}.ipynb")
    return Notebook(page, lab.page_of(f"{name}.ipynb"), len(sources))


def button(widget, name):
    return widget.get_by_role("button", name=name, exact=True)


def test_the_stack_panel_shows_a_broker_that_is_killed_and_brings_it_back(page, lab):
    notebook = open_cells(page, lab, "stack", "from eventlab.widgets import StackPanel\n\nStackPanel()")
    notebook.run_all()
    widget = panel(page, "The stack")
    for name in ("kafka", "namenode", "datanode", "spark", "api"):
        expect(widget.get_by_role("status", name=f"{name} is running")).to_be_visible()
    assert [link.get_attribute("href") for link in widget.get_by_role("link").all()] == [
        lab.settings.webhdfs_url,
        lab.settings.spark_ui_url,
        lab.settings.api_url,
    ]
    widget.get_by_label("Log of").select_option("kafka")
    expect(widget.get_by_role("log", name="the last lines of the log of kafka")).to_contain_text("INFO")
    picture(widget, PICTURES / "stack_panel.png")

    process.find(lab.settings, "kafka").kill()

    expect(widget.get_by_role("status", name="kafka is crashed")).to_be_visible(timeout=SOON_MS)
    picture(widget, PICTURES / "stack_panel_crashed.png")
    button(widget, "Start kafka").click()
    expect(widget.get_by_role("status", name="kafka is running")).to_be_visible(timeout=LATER_MS)
