"""The explanation of an error in JupyterLab: the box below the traceback, and its remedy."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect

from eventlab.course.refresh import METADATA
from tests.browser.conftest import PICTURES
from tests.browser.helpers import CELL_MS, Notebook, picture
from tests.helpers import process_of

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

CELLS = (
    "%load_ext eventlab\nfrom eventlab import course\nfrom eventlab.explain import hook\n\ncourse.connect()\n"
    "hook.TIME_LIMIT_S = 30  # for a busy machine",
    "from kafka import KafkaAdminClient\nfrom eventlab.settings import settings\n\n"
    "admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers, bootstrap_timeout_ms=3000)\n"
    "admin.close()",
    "!eventlab up kafka",
)


def test_a_killed_broker_is_explained_below_the_traceback_and_runs_again_after_the_remedy(page, lab):
    cells = [new_code_cell(source) for source in CELLS]
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), lab.folder / "errors.ipynb")
    notebook = Notebook(page, lab.page_of("errors.ipynb"), len(CELLS))
    notebook.run(0)
    broker = process_of(lab.settings, "kafka")
    broker.kill()

    cell = notebook.cells.nth(1)
    cell.locator(".jp-InputPrompt").click()
    page.keyboard.press("Shift+Enter")

    box = cell.get_by_role("note", name="What this error means")
    expect(box).to_contain_text("Kafka's broker has ended", timeout=CELL_MS)
    expect(box).to_contain_text(f"process {broker.pid} has ended")
    expect(box).to_contain_text("!eventlab up kafka")
    assert [len(errors) for errors in notebook.errors()] == [0, 1, 0]
    picture(box, PICTURES / "error_box.png")
    notebook.run(2)
    notebook.run(1)
    expect(box).to_have_count(0)
