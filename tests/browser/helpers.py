"""JupyterLab as its user sees it: notebooks, cells, and what is on the page by role and name."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator, Page, expect

from eventlab.course.refresh import METADATA

NOTEBOOK = ".jp-NotebookPanel:not(.lm-mod-hidden)"
STARTUP_MS = 60_000
CELL_MS = 90_000
LESSON_MS = 150_000
HAS_NEW_NUMBER = r"([prompt, before]) => prompt.textContent != before && /^\[\d+\]:$/.test(prompt.textContent)"
OPEN = """path => {
    if (!window.jupyterapp) return false;
    return window.jupyterapp.commands.execute("docmanager:open", {path}).then(() => true);
}"""
"""Opens a notebook with the command of JupyterLab's links; returns false if the page shows no JupyterLab."""
ERRORS = r"""() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map(cell =>
    (cell.outputs ?? []).filter(output => output.output_type == "error").map(error => error.traceback.join("\n"))
)"""
"""Returns the tracebacks of each cell. On the page they look like other texts on stderr."""
HAS_TEXT = (
    "([selector, text]) => [...document.querySelectorAll(selector)].some(one => one.textContent.trim() == text)"
)
"""Returns whether an element that matches a selector has exactly this text."""
HIGHEST = 16_000
"""The number of pixels that a picture of Chromium can be high."""
ABOVE_CELLS = 200
"""More pixels than menu, tabs, toolbar and status bar need."""
HEIGHT_OF_CELLS = """node => {
    const cells = node.querySelectorAll('.jp-Cell');
    const [first, last] = [cells[0], cells[cells.length - 1]].map(cell => cell.getBoundingClientRect());
    return Math.ceil(last.bottom - first.top);
}"""


class Notebook:
    """An open notebook."""

    def __init__(self, page: Page, url: str, cells: int) -> None:
        """Open a notebook by its address, or in JupyterLab if the page shows it already."""
        self.page = page
        if not page.evaluate(OPEN, url.partition("/tree/")[2]):
            page.goto(url)
        self.panel = page.locator(NOTEBOOK)
        expect(self.panel).to_be_visible(timeout=STARTUP_MS)
        expect(self.cells).to_have_count(cells, timeout=STARTUP_MS)
        expect(page.locator("#jp-main-statusbar")).to_contain_text("Idle", timeout=STARTUP_MS)

    @property
    def cells(self) -> Locator:
        """Return the cells."""
        return self.panel.locator(".jp-WindowedPanel-viewport > .jp-Cell, .jp-Notebook > .jp-Cell")

    def run(self, number: int) -> Locator:
        """Run one cell (the first is 0) and wait until it has run."""
        cell = self.cells.nth(number)
        cell.locator(".jp-InputPrompt").click()
        self.run_selected(cell)
        assert self.errors()[number] == []
        return cell

    def scroll_to(self, number: int) -> Locator:
        """Scroll to a cell: one that is not in the window has no text."""
        cell = self.cells.nth(number)
        cell.scroll_into_view_if_needed()
        return cell

    def errors(self) -> list[list[str]]:
        """Return the tracebacks of each cell."""
        return self.page.evaluate(ERRORS)

    def run_selected(self, cell: Locator) -> None:
        """Press Shift+Enter in a cell that is selected or edited, and wait until it has run.

        A cell that has run shows a new number. The browser looks every 50 ms: `expect` looks once a second,
        which is long for hundreds of cells.
        """
        prompt = cell.locator(".jp-InputPrompt").element_handle()
        before = prompt.text_content()
        self.page.keyboard.press("Shift+Enter")
        self.page.wait_for_function(HAS_NEW_NUMBER, arg=[prompt, before], timeout=CELL_MS, polling=50)

    def write(self, number: int, source: str) -> Locator:
        """Replace the source of a cell, whose editor then has the cursor."""
        cell = self.cells.nth(number)
        cell.locator(".cm-content").fill(source)
        return cell

    def unfold(self, number: int) -> str:
        """Open a folded solution with a click on its title, and return the program that it shows with colours."""
        cell = self.cells.nth(number)
        program = cell.locator("details pre")
        expect(program).to_be_hidden()
        cell.locator("summary").click()
        expect(program).to_be_visible()
        expect(program.locator("span[class]").first).to_be_visible()
        return (program.text_content() or "").rstrip("\n")

    def run_all(self) -> None:
        """Run the cells as a learner does: Shift+Enter, wait for the end, Shift+Enter."""
        cells = self.cells.all()
        cells[0].locator(".jp-InputPrompt, .jp-MarkdownOutput").first.click()
        for cell in cells:
            if "jp-CodeCell" in (cell.get_attribute("class") or ""):
                self.run_selected(cell)
            else:
                self.page.keyboard.press("Shift+Enter")
        assert not any(self.errors())

    def run_all_by_menu(self, last_output: str) -> None:
        """Run all cells with JupyterLab's menu, and wait until none is running or waiting.

        Args:
            last_output: A text that the last folded cell prints: such a cell does not show that it runs.
        """
        choose(self.page, "Run", "Run All Cells")
        prompts = self.panel.locator(".jp-CodeCell .jp-InputPrompt")
        expect(prompts.filter(has_text=re.compile(r"\[(\*|\d+)\]:")).first).to_be_attached(timeout=STARTUP_MS)
        expect(prompts.filter(has_text="[*]:")).to_have_count(0, timeout=LESSON_MS)
        expect(self.panel).to_contain_text(last_output, timeout=CELL_MS)
        expect(self.page.locator("#jp-main-statusbar")).to_contain_text("Idle", timeout=CELL_MS)

    def save(self) -> None:
        """Save it as Ctrl+S does, and wait until it is saved."""
        self.page.keyboard.press("Escape")
        with self.page.expect_response(
            lambda answer: answer.request.method == "PUT" and "/contents/" in answer.url
        ):
            self.page.keyboard.press("Control+s")


def picture(widget: Locator, path: Path) -> None:
    """Save a picture of a widget or of a part of a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    widget.scroll_into_view_if_needed()
    widget.screenshot(path=path, animations="disabled")


def picture_of_all_cells(notebook: Notebook, path: Path) -> None:
    """Save a picture of a whole notebook for people to look at, if the variable PICTURES_OF_LESSONS is set.

    The window becomes as high as the notebook, which takes seconds.
    """
    if not os.environ.get("PICTURES_OF_LESSONS"):
        return
    page, size = notebook.page, notebook.page.viewport_size
    assert size
    window = notebook.panel.locator(".jp-WindowedPanel-outer")
    height = 0
    while (needed := window.evaluate(HEIGHT_OF_CELLS)) > height:  # hidden cells have a guessed height
        height = needed
        page.set_viewport_size({"width": size["width"], "height": min(HIGHEST, height + ABOVE_CELLS)})
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    window.evaluate("node => node.scrollTo(0, 0)")
    picture(notebook.panel, path)
    page.set_viewport_size(size)


def choose(page: Page, menu: str, entry: str) -> None:
    """Choose an entry of one of JupyterLab's menus."""
    page.get_by_role("menubar").first.get_by_text(menu, exact=True).click()
    page.get_by_role("menuitem", name=entry, exact=True).click()


def panel(page: Page, heading: str) -> Locator:
    """Return the widget with the heading in the open notebook."""
    title = page.get_by_role("heading", name=heading, exact=True)
    return page.locator(NOTEBOOK).locator(".eventlab-panel").filter(has=title).last


def open_cells(page: Page, lab: Any, name: str, *sources: str) -> Notebook:
    """Open a notebook with these cells in JupyterLab, and run them."""
    cells = [new_code_cell(source) for source in sources]
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), lab.folder / f"{name}.ipynb")
    notebook = Notebook(page, lab.page_of(f"{name}.ipynb"), len(sources))
    notebook.run_all()
    return notebook


def button(widget: Locator, name: str) -> Locator:
    """Return the button with the name."""
    return widget.get_by_role("button", name=name, exact=True)


def wait_until_shown(page: Page, selector: str, text: str) -> None:
    """Wait until the page has an element with a text. The browser looks every 50 ms, `expect` once a second."""
    page.wait_for_function(HAS_TEXT, arg=[selector, text], timeout=STARTUP_MS, polling=50)
