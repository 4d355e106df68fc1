"""The first lessons as a learner runs them: in JupyterLab, cell by cell, with Shift+Enter."""

import nbformat
import pytest

from tests.browser.helpers import NOTEBOOK, Notebook

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

CONSOLE = "GameConsole: a button for each route of the running API"
WIDGETS = {
    "01_start_the_stack": [
        "TraceEvent: one event from its HTTP request to topic, partition and offset, Parquet file and SQL row",
        "StackPanel: kafka, namenode, datanode, spark, api",
    ],
    "02_track_events": [CONSOLE],
    "03_generate_load": [CONSOLE],
    "04_consume_events": ["EventTail: the latest events of topic events"],
}


@pytest.mark.parametrize("name", WIDGETS)
def test_a_lesson_runs_cell_by_cell_and_saves_the_texts_of_its_widgets(page, lab, name):
    path = lab.folder / f"{name}.ipynb"
    notebook = Notebook(page, lab.page_of(path.name), len(nbformat.read(path, as_version=4).cells))

    notebook.run_all()

    assert page.locator(NOTEBOOK).locator(".eventlab-panel").count() == len(WIDGETS[name])
    notebook.save()
    shown = [
        output.data["text/plain"]
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", ())
        if "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    ]
    assert [text for text in shown if not text.startswith("Predict:")] == WIDGETS[name]
    assert len(shown) > len(WIDGETS[name])
