"""The page on which `eventlab lab` opens: lessons, labs, the learner's progress, and the menu of the stack."""

from __future__ import annotations

import asyncio
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from eventlab.course.run import NOTEBOOKS
from eventlab.jupyter import progress, start_page, working_copy
from eventlab.lessons import SOLUTION
from eventlab.stack.config import START_PAGE
from eventlab.stack.tokens import jupyter_token
from tests.browser.conftest import PICTURES, server
from tests.browser.helpers import NOTEBOOK, STARTUP_MS, panel, picture

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

LESSON = "02_track_events.ipynb"


@pytest.fixture(scope="module", autouse=True)
def no_progress(lab):
    """Forget what the tests of this folder have run before."""
    with progress.changing(lab.settings) as lessons:
        lessons.clear()
    start_page.write(lab.settings)


@pytest.fixture
def page(page, lab):
    """Open JupyterLab as `eventlab lab` does, without the tabs of other tests."""
    page.goto(f"{lab.address}&reset")
    return page


@pytest.fixture(scope="module")
def completed_lesson(lab):
    """Run lesson 2 in a kernel of JupyterLab, cell by cell, with solved exercises; the file does not change."""
    token = {"Authorization": f"token {jupyter_token(lab.settings)}"}
    with server(lab) as client:
        request = {"path": LESSON, "name": Path(LESSON).name, "type": "notebook", "kernel": {"name": "python3"}}
        session = client.post("/api/sessions", json=request).raise_for_status().json()
        cells = [cell for cell in solved(NOTEBOOKS / LESSON).cells if cell.cell_type == "code"]
        address = f"{lab.settings.jupyter_url}/api/kernels/{session['kernel']['id']}/channels"
        with ThreadPoolExecutor(1) as pool:  # Playwright uses the event loop of this thread
            pool.submit(asyncio.run, run_cells(address.replace("http", "ws", 1), token, cells)).result()
        client.delete(f"/api/sessions/{session['id']}")


def solved(lesson):
    """Return a lesson of the kit with its solutions in the cells of the exercises."""
    notebook = nbformat.read(lesson, as_version=4)
    for exercise, solution in pairwise(notebook.cells):
        if SOLUTION in solution.metadata.get("tags", ()):
            exercise.source, solution.cell_type = solution.source, "markdown"
    return notebook


async def run_cells(address, token, cells):
    """Execute cells with their ids, as the client in JupyterLab does."""
    channel = await websocket_connect(HTTPRequest(address, headers=token, request_timeout=120))
    for cell in cells:
        request_id = uuid.uuid4().hex
        header = {
            "msg_id": request_id,
            "msg_type": "execute_request",
            "session": "test",
            "username": "",
            "version": "5.3",
        }
        content = {"code": cell.source, "silent": False, "store_history": True, "allow_stdin": False}
        message = {"channel": "shell", "header": header, "parent_header": {}, "content": content}
        await channel.write_message(json.dumps(message | {"metadata": {"cellId": cell.id}}))
        while True:
            reply = json.loads(await channel.read_message() or "")
            if reply["msg_type"] == "execute_reply" and reply["parent_header"]["msg_id"] == request_id:
                assert reply["content"]["status"] == "ok", reply["content"]
                break
    channel.close()


def test_lab_opens_with_lessons_and_labs_their_minutes_and_progress(completed_lesson, page):
    shown = page.locator(".jp-MarkdownViewer:not(.lm-mod-hidden)")
    expect(shown).to_be_visible(timeout=STARTUP_MS)

    row = shown.get_by_role("row").filter(has_text="2. Track events")
    expect(row).to_contain_text("20")
    expect(row).to_contain_text("completed on")
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


def test_the_menu_opens_the_stack_panel(page, lab):
    expect(page.locator(".jp-MarkdownViewer:not(.lm-mod-hidden)")).to_be_visible(timeout=STARTUP_MS)
    page.get_by_role("menubar").get_by_text("Stack", exact=True).click()
    page.get_by_role("menuitem", name="Stack Panel").click()

    expect(panel(page, "The stack")).to_be_visible(timeout=STARTUP_MS)
    expect(panel(page, "The stack").get_by_role("status", name="kafka is running")).to_be_visible()
    assert f"/lab/tree/{START_PAGE}?" in lab.address
