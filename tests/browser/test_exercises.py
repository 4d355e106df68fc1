"""A learner in JupyterLab predicts a result, tries an exercise, and opens its folded solution."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect

from eventlab.course.refresh import FOLDED, METADATA
from tests.browser.conftest import PICTURES
from tests.browser.helpers import CELL_MS, Notebook, picture

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]


@pytest.fixture
def lesson(page, lab):
    """Open a small lesson."""
    cells = [
        new_code_cell("from eventlab import course"),
        new_code_cell('course.predict("05-3")'),
        new_code_cell('swords = ...\n\ncourse.check("04-1", swords)'),
        new_code_cell('swords = 10\ncourse.check("04-1", swords)', metadata={"jupyter": FOLDED}),
    ]
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), lab.folder / "exercise.ipynb")
    return Notebook(page, lab.page_of("exercise.ipynb"), len(cells))


def test_a_wrong_prediction_is_explained_and_the_right_one_too(lesson):
    lesson.run_all()
    prediction = lesson.panel.locator(".eventlab-prediction")

    prediction.get_by_role("button", name="it fails").click()
    expect(prediction).to_contain_text("✗ No. By default from_json is permissive")
    picture(prediction, PICTURES / "prediction.png")
    prediction.get_by_role("button", name="a row with NULL").click()
    expect(prediction).to_contain_text("✓ Right. There is a row")


def test_the_solution_is_folded_until_it_is_opened_and_runs(lesson):
    exercise, solution = lesson.cells.nth(2), lesson.cells.nth(3)
    expect(solution).not_to_contain_text("swords = 10", use_inner_text=True)

    lesson.run_all()

    expect(exercise).to_contain_text("Exercise 4.1: no answer yet.", timeout=CELL_MS)
    expect(solution).to_contain_text("Exercise 4.1: correct.", timeout=CELL_MS)
    expect(solution).to_contain_text("swords = 10")
