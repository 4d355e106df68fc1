"""The usual mistakes of a student in JupyterLab: each gets a box that says what happened and how to fix it."""

from __future__ import annotations

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect

from eventlab.course.refresh import METADATA
from tests.browser.conftest import PICTURES, kernels, server
from tests.browser.helpers import CELL_MS, Notebook, picture_of_all_cells

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

ENDED = "The kernel of this notebook has ended"
BOX = "What this error means"
WHY = "Why the cell shows nothing"
PROCESS = "import os\n\nnumber = 41\nos.getpid()"
"""A cell that shows in which kernel it ran: the number before a cell is the same in the next kernel."""
FIRST = """%load_ext eventlab
from eventlab import course
from eventlab.explain import hook
from eventlab.settings import settings
from kafka import KafkaConsumer, KafkaProducer
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
import requests

hook.TIME_LIMIT_S = 30  # for a busy machine
topic = f"{settings.topic}-mistakes"
course.prepare(topic, events=True, needs=["namenode", "datanode", "spark", "api"])
broker = settings.bootstrap_servers
consumer = KafkaConsumer(topic, bootstrap_servers=broker, group_id="shop-analytics", auto_offset_reset="earliest")
while not consumer.poll(1000):
    pass
consumer.commit()
consumer.close()
spark = SparkSession.builder.getOrCreate()
frame = spark.range(3)
frame.createOrReplaceTempView("numbers")
names = spark.createDataFrame([("a",), (None,)], "name string")
pulse = spark.readStream.format("rate").load()
producer = KafkaProducer(bootstrap_servers=broker)

@F.udf("string")
def shout(text):
    return text.upper()

!hadoop fs -touchz /tmp/mistakes
!echo text > mistakes"""
MISTAKES = {
    "!echo '{\"event_type\": 5}' | kafkacat -P -b {broker} -t {topic}": "{broker}",
    "!kafkacat -C -b {broker} -t evnets-mistakes -e": "events-mistakes",
    "!kafka-topics --describe --topic event-mistakes": "events-mistakes",
    "!kafka-consumer-groups --bootstrap-server {broker} --group shop-analytic --describe": "shop-analytics",
    "!hadoop fs -ls /tmp/mistake": "/tmp/mistakes",
    "!hadoop fs -put mistakes /tmp/mistakes": "-put -f",
    "spark.sql('select idd from numbers').show()": "id",
    "requests.get(settings.api_url + '/purchase_sword').raise_for_status()": "/purchase_a_sword",
    "producer.send(topic, {'event_type': 5}).get(timeout=20)": "this value is a Python object",
    "pulse.show()": "is a stream. It has no end",
    "names.select(shout('name')).collect()": "if text is None",
    "spark.stop()\nframe.count()": "session",
}
SILENT = ("frame.where('id = 7').collect()", "%why", "")
"""A cell that shows nothing, the question why, and a cell for a remedy."""


@pytest.fixture
def notebook(page, lab):
    """Open a notebook with the mistakes."""
    cells = [new_code_cell(source) for source in (FIRST, *MISTAKES, *SILENT)]
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), lab.folder / "mistakes.ipynb")
    return Notebook(page, lab.page_of("mistakes.ipynb"), len(cells))


def run(notebook, number):
    """Run a cell that fails, and return it."""
    cell = notebook.cells.nth(number)
    cell.locator(".jp-InputPrompt").click()
    notebook.page.keyboard.press("Shift+Enter")
    return cell


def box_of(notebook, number, word):
    """Run a cell that fails, and return its box, which has the word."""
    cell = run(notebook, number)
    box = cell.get_by_role("note", name=BOX)
    expect(box).to_contain_text(word, timeout=CELL_MS)
    expect(cell.get_by_text("at org.apache").locator("visible=true")).to_have_count(0)
    return box


def test_every_mistake_has_a_box_with_the_right_word_and_no_stack_trace_of_java(notebook):
    notebook.run(0)
    *mistakes, (last, session) = enumerate(MISTAKES.values(), 1)
    for number, word in mistakes:
        box = box_of(notebook, number, word)
    notebook.write(last + 3, box.locator("pre").inner_text())
    notebook.run(last + 3)
    expect(notebook.run(last - 1).locator(".jp-OutputArea-output")).to_contain_text("Row(shout(name)='A')")
    notebook.run(last + 1)
    reason = notebook.run(last + 2).get_by_role("note", name=WHY)
    expect(reason).to_contain_text("No row has id = 7", timeout=CELL_MS)
    box_of(notebook, last, session)
    for theme in ("light", "dark"):
        notebook.page.emulate_media(color_scheme=theme)
        picture_of_all_cells(notebook, PICTURES / "lessons" / f"mistakes_{theme}.png")


def test_the_end_of_a_kernel_is_announced_with_a_button_that_runs_the_cells_above(page, lab):
    cells = [new_code_cell(source) for source in ("%load_ext eventlab", PROCESS, "number + 1")]
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), lab.folder / "culled.ipynb")
    notebook = Notebook(page, lab.page_of("culled.ipynb"), len(cells))
    for number in range(3):
        cell = notebook.run(number)
    process = notebook.cells.nth(1).locator(".jp-OutputArea-output")
    first_process = process.inner_text()
    announced = page.get_by_text(ENDED)
    expect(announced).to_have_count(0)
    (kernel,) = kernels(lab)

    with server(lab) as client:  # as JupyterLab does with a kernel that is idle for an hour
        client.delete(f"/api/kernels/{kernel['id']}").raise_for_status()

    expect(announced).to_be_visible(timeout=CELL_MS)
    cell.locator(".jp-InputPrompt").click()
    page.get_by_role("button", name="Run All Cells Above").click()
    expect(process).to_have_text(re.compile(rf"^(?!{first_process}$)\d+$"), timeout=CELL_MS)
    notebook.run(1)  # so that the last cell gets another number than before
    notebook.run(2)
    expect(cell.locator(".jp-InputPrompt")).to_have_text("[4]:")
    expect(cell.locator(".jp-OutputArea-output")).to_have_text("42")


def test_a_notebook_that_was_closed_and_is_opened_again_shows_its_widgets_and_says_that_its_kernel_has_ended(
    page, lab
):
    sources = (
        "from eventlab import course\nfrom eventlab.widgets import StackPanel",
        'course.predict("05-3")',
        "StackPanel()",
    )
    cells = [new_code_cell(source) for source in sources]
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), lab.folder / "again.ipynb")
    notebook = Notebook(page, lab.page_of("again.ipynb"), len(cells))
    notebook.run_all_by_menu("The stack")
    notebook.save()
    announced = page.get_by_text(ENDED)

    page.reload()
    expect(page.locator("#jp-main-statusbar")).to_contain_text("Idle", timeout=CELL_MS)
    expect(announced).to_have_count(0)
    page.goto("about:blank")
    with server(lab) as client:
        for kernel in kernels(lab):
            client.delete(f"/api/kernels/{kernel['id']}").raise_for_status()
    notebook = Notebook(page, lab.page_of("again.ipynb"), len(cells))

    expect(announced).to_be_visible(timeout=CELL_MS)
    expect(notebook.cells.nth(1).get_by_role("button", name="a row with NULL")).to_be_visible()
    expect(notebook.cells.nth(2).get_by_role("heading", name="The stack")).to_be_visible()
    expect(notebook.panel.get_by_text("Error displaying widget")).to_have_count(0)
