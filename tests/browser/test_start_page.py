"""The page on which `eventlab lab` opens: lessons, labs, the learner's progress, and the menu of the stack."""

from __future__ import annotations

import nbformat
import pytest
from playwright.sync_api import expect

from eventlab.jupyter import progress, start_page, working_copy
from eventlab.jupyter.progress import NotebookProgress
from eventlab.stack.config import START_PAGE
from tests.browser.conftest import PICTURES, kernels
from tests.browser.helpers import NOTEBOOK, OPEN, STARTUP_MS, panel, picture
from tests.helpers import wait_until

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

LESSON = "02_track_events.ipynb"


@pytest.fixture(scope="module", autouse=True)
def one_completed_lesson(lab):
    """Record that the learner has completed lesson 2, and forget what the tests of this folder have run before.

    `test_lessons` shows that a lesson that has run in JupyterLab is recorded as completed.
    """
    with progress.changing(lab.settings) as lessons:
        lessons.clear()
        lessons[f"notebooks/{LESSON}"] = NotebookProgress(done=20, cells=20, finished="2026-11-24")
    start_page.write(lab.settings)


@pytest.fixture(scope="module")
def started_lab(window, lab):
    """Open JupyterLab as `eventlab lab` does, without the tabs of other tests: it shows the start page."""
    opened, _ = window
    opened.goto(f"{lab.address}&reset")
    expect(opened.locator(".jp-MarkdownViewer:not(.lm-mod-hidden)")).to_be_visible(timeout=STARTUP_MS)


@pytest.fixture
def page(started_lab, page, lab):
    """Show the start page, which the test before has closed."""
    if not page.evaluate(OPEN, START_PAGE):
        page.goto(f"{lab.address}&reset")
    return page


def test_lab_opens_with_lessons_and_labs_their_minutes_and_progress(page):
    shown = page.locator(".jp-MarkdownViewer:not(.lm-mod-hidden)")
    expect(shown).to_be_visible(timeout=STARTUP_MS)

    row = shown.get_by_role("row").filter(has_text="2. Track events")
    expect(row).to_contain_text("20")
    expect(row).to_contain_text("completed on 2026-11-24")
    expect(shown.get_by_role("row").filter(has_text="8. Query with SQL")).to_contain_text("not started")
    expect(shown.get_by_role("link", name="Lab 4. Your own pipeline")).to_be_visible()
    picture(shown, PICTURES / "start_page.png")


def test_the_open_page_shows_new_progress_and_where_to_continue(page, lab, monkeypatch):
    shown = page.locator(".jp-MarkdownViewer:not(.lm-mod-hidden)")
    expect(shown).to_be_visible(timeout=STARTUP_MS)
    monkeypatch.setattr(progress, "settings", lab.settings)

    progress.record("notebooks/04_consume_events.ipynb", 3, 20)
    start_page.write(lab.settings)

    expect(shown.get_by_role("row").filter(has_text="4. Consume events")).to_contain_text("3 of 20 cells")
    expect(shown).to_contain_text("Continue: 4. Consume events (3 of 20 cells have run)")


def test_continue_opens_the_lesson_at_the_cell_that_ran_last(page, lab, monkeypatch):
    monkeypatch.setattr(progress, "settings", lab.settings)
    cells = nbformat.read(lab.folder / "07_write_to_hdfs.ipynb", as_version=4).cells
    progress.record("notebooks/07_write_to_hdfs.ipynb", 9, 20, cells[-5].id)
    start_page.write(lab.settings)
    page.goto(f"{lab.address}&reset")
    shown = page.locator(".jp-MarkdownViewer:not(.lm-mod-hidden)")

    shown.get_by_text("Continue:").get_by_role("link", name="7. Write to HDFS").click(timeout=STARTUP_MS)

    last = page.locator(NOTEBOOK).locator(".jp-Cell").nth(len(cells) - 5)
    expect(last).to_be_in_viewport(timeout=STARTUP_MS)
    expect(page.locator(NOTEBOOK).locator(".jp-Cell").first).not_to_be_in_viewport()


def test_a_lab_for_learners_has_no_menu_of_nbgrader(page):
    expect(page.locator(".jp-MarkdownViewer:not(.lm-mod-hidden)")).to_be_visible(timeout=STARTUP_MS)
    expect(page.get_by_role("menubar").first).to_contain_text("Stack")  # the menus come from the settings, later

    menus = page.get_by_role("menubar").first.get_by_role("menuitem").all_inner_texts()

    assert "Stack" in menus
    assert "Nbgrader" not in menus


def test_a_click_on_a_lesson_opens_a_new_copy_that_has_nothing_to_save(page, lab):
    working_copy.reset("03_generate_load", lab.settings)  # other tests saved outputs and widgets in it
    shown = page.locator(".jp-MarkdownViewer:not(.lm-mod-hidden)")
    shown.get_by_role("link", name="3. Generate load").click(timeout=STARTUP_MS)

    expect(page.locator(NOTEBOOK)).to_contain_text("3. Generate load", timeout=STARTUP_MS)
    expect(page.locator("#jp-main-statusbar")).to_contain_text("Idle", timeout=STARTUP_MS)
    expect(page.locator(".lm-TabBar-tab.lm-mod-current.jp-mod-dirty"), "nothing to save").to_have_count(0)


def test_the_menu_opens_the_stack_panel_which_closes_without_a_question_and_its_kernel_ends(page, lab):
    expect(page.locator(".jp-MarkdownViewer:not(.lm-mod-hidden)")).to_be_visible(timeout=STARTUP_MS)
    page.get_by_role("menubar").get_by_text("Stack", exact=True).click()
    page.get_by_role("menuitem", name="Stack Panel").click()

    expect(panel(page, "The stack")).to_be_visible(timeout=STARTUP_MS)
    expect(panel(page, "The stack").get_by_role("status", name="kafka is running")).to_be_visible()
    assert f"/lab/tree/{START_PAGE}?" in lab.address
    assert len(kernels(lab)) == 1

    page.locator(".lm-TabBar-tab.lm-mod-current .lm-TabBar-tabCloseIcon").last.click()

    wait_until(lambda: not kernels(lab))
