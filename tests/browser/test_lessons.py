"""The lessons in JupyterLab: a learner goes through each, cell by cell, and sees the same results.

The learner predicts each result, tries each exercise without an answer, opens its folded solution, and writes the
solution into the empty cell. So the cells with solutions do not run, and the exercises have their outputs.

`make test` goes through lesson 1, which starts the services, lesson 4, and lesson 9, which stops them. nbval
compares the others in tests/course/test_lessons.py, and the other widgets have tests of their own. The variable
ALL_LESSONS=1 adds them here; then lesson 8 comes first, because no lesson needs the results of those before it.
"""

from __future__ import annotations

import copy
import os
import re
from itertools import pairwise

import nbformat
import pytest
from playwright.sync_api import expect

from eventlab.course import refresh
from eventlab.course.quiz import questions
from eventlab.course.run import NOTEBOOKS
from eventlab.jupyter import progress
from eventlab.lessons import LESSONS
from eventlab.stack.config import START_PAGE
from tests.browser.conftest import PICTURES
from tests.browser.helpers import CELL_MS, STARTUP_MS, Notebook, picture_of_all_cells
from tests.helpers import first_group

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

IN_A_BROWSER = (1, 9)
IN_ORDER = [lesson.name for lesson in LESSONS if lesson.number in IN_A_BROWSER or os.environ.get("ALL_LESSONS")]
NAMES = sorted(IN_ORDER, key=lambda name: ("08", name[:2]).index(name[:2]))
CODE_IN_A_TEXT = ".jp-RenderedMarkdown :not(pre) > code"
IN_TWO_LINES = "codes => codes.filter(code => code.getClientRects().length > 1).map(code => code.textContent)"
STREAM = "StreamView: rates, batches, offsets, lag, watermark and state of the streaming query"
CONSOLE = "GameConsole: a button for each route of the running API"
PANELS = {
    "01_start_the_stack": [
        "TraceEvent: one event from its HTTP request to topic, partition and offset, Parquet file and SQL row",
        "StackPanel: kafka, namenode, datanode, spark, api",
    ],
    "02_track_events": [CONSOLE],
    "03_generate_load": [CONSOLE],
    "04_consume_events": ["EventTail: the latest events of topic events"],
    "08_query_with_sql": ["SparkProgress: stages and tasks of this session's jobs"],
    "10_stream_events": [STREAM],
    "11_windows_and_late_events": [
        "WatermarkView: watermark, windows and late events of the streaming query per_minute"
    ],
    "13_survive_failure": [STREAM],
}


@pytest.fixture
def committed(name):
    """Return the lesson as it is committed, with its outputs; JupyterLab ends a terminal's lines without \\r."""
    text = (NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8")
    return nbformat.reads(text.replace(r"\r\n", r"\n"), as_version=4)


@pytest.fixture
def lesson(page, lab, name, committed):
    """Open the learner's copy of the lesson."""
    return Notebook(page, lab.page_of(f"{name}.ipynb"), len(committed.cells))


WITH_SHIFT_ENTER = "02_track_events"
"""The lesson whose cells the learner runs with Shift+Enter only: no solution runs. The exercises follow then."""


def number_with_tag(notebook, tag):
    """Return how many cells of a notebook have a tag."""
    return sum(tag in cell.metadata.get("tags", ()) for cell in notebook.cells)


@pytest.mark.parametrize("name", NAMES)
def test_a_learner_goes_through_a_lesson_and_sees_its_committed_outputs_in_both_themes(
    page, lab, lesson, name, committed
):
    expect(lesson.panel.locator(".jp-RenderedMermaid img, .jp-RenderedMermaid svg").first).to_be_visible(
        timeout=STARTUP_MS
    )
    solutions = lesson.panel.locator("summary")
    expect(solutions).to_have_count(number_with_tag(committed, refresh.SOLUTION), timeout=STARTUP_MS)
    assert {(solution.text_content() or "")[:-1] for solution in solutions.all()} == {
        f"Solution of exercise {int(name[:2])}."
    }

    if name == WITH_SHIFT_ENTER:
        lesson.run_all()
    go_through(lesson, committed, have_run=name == WITH_SHIFT_ENTER)
    lesson.save()

    saved = nbformat.read(lab.folder / f"{name}.ipynb", as_version=4)
    assert texts_of_widgets(saved, "Predict:") == PANELS.get(name, [])
    assert outputs(refresh.clean(saved, committed)) == outputs(solved(committed))
    if name == WITH_SHIFT_ENTER:
        assert progress.read(lab.settings)[f"notebooks/{name}.ipynb"].finished
        assert re.search(rf"\({name}\.ipynb\).* completed on ", (lab.folder / START_PAGE).read_text())
    expect(lesson.panel.locator(".eventlab-panel")).to_have_count(len(PANELS.get(name, [])))
    assert lesson.panel.locator(CODE_IN_A_TEXT).evaluate_all(IN_TWO_LINES) == []
    for theme in ("light", "dark"):  # a diagram keeps the colours of the theme in which it was drawn
        page.emulate_media(color_scheme=theme)
        expect(page.locator("body")).to_have_attribute(
            "data-jp-theme-light", "true" if theme == "light" else "false", timeout=STARTUP_MS
        )
        picture_of_all_cells(lesson, PICTURES / "lessons" / f"{name[:2]}_{theme}.png")


def go_through(lesson, committed, have_run):
    """Run the cells unless they have run, press two answers of each question, and solve the exercises."""
    for number, cell in enumerate(committed.cells):
        tags = cell.metadata.get("tags", ())
        if cell.cell_type != "code" or refresh.SOLUTION in tags:
            continue
        shown = lesson.scroll_to(number) if have_run else lesson.run(number)
        if refresh.EXERCISE in tags:
            assert sanitized(verdict_of(shown)) == sanitized(cell.outputs[0].text)
            solution = lesson.unfold(number + 1)
            assert solution == committed.cells[number + 1].source
            lesson.run_selected(lesson.write(number, solution))
            expect(shown).to_contain_text(": correct.", timeout=CELL_MS)
        elif cell.source.startswith("course.predict("):
            predict(shown.locator(".eventlab-prediction"), questions()[first_group(r'"(.+)"', cell.source)])


def verdict_of(exercise):
    """Return what a cell with an exercise shows below it."""
    return exercise.locator(".jp-OutputArea-output").inner_text()


def solved(notebook):
    """Return a notebook as a learner has it: exercises have the outputs of their solutions, which are texts."""
    notebook = copy.deepcopy(notebook)
    for exercise, solution in pairwise(notebook.cells):
        if refresh.EXERCISE in exercise.metadata.get("tags", ()):
            exercise.outputs, solution.cell_type = solution.outputs, "markdown"
    return notebook


def outputs(notebook):
    """Return the outputs of the code cells by the cells' ids, for a comparison."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source]
    return {cell.id: [comparable(output) for output in cell.outputs] for cell in cells}


def comparable(output):
    """Return an output without its cell's number, a plot's pixels, and empty lines at the end of a text."""
    data = {
        kind: text.rstrip("\n") if isinstance(text, str) else text for kind, text in output.get("data", {}).items()
    }
    data |= {"image/png": "a plot"} if "image/png" in data else {}
    return {key: value for key, value in output.items() if key != "execution_count"} | {"data": data}


def texts_of_widgets(notebook, but_not):
    """Return the texts of the widgets in a saved notebook, except those that begin with a word."""
    shown = [
        output.data["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if refresh.WIDGET in output.get("data", {})
    ]
    return [text for text in shown if not text.startswith(but_not)]


def sanitized(text):
    """Return a text without what differs between two correct runs."""
    for pattern, replacement in refresh.read_sanitizers():
        text = pattern.sub(replacement, text)
    return text.strip()


def predict(prediction, question):
    """Press a wrong answer of a question and then the right one; each is explained."""
    wrong = next(choice for choice in question.choices if choice != question.answer)
    for choice in (wrong, question.answer):
        prediction.get_by_role("button", name=choice, exact=True).click()
        expect(prediction).to_contain_text(question.verdict(choice), timeout=CELL_MS)
