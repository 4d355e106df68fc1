"""A learner's progress: what of a lesson ran, told on the start page."""

import json
from types import SimpleNamespace

import pytest

from eventlab.jupyter import progress, start_page
from eventlab.jupyter.progress import Progress
from eventlab.settings import ROOT, Settings
from eventlab.stack import config

LESSON = "notebooks/03_generate_load.ipynb"


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """A state folder of the test's own."""
    own = Settings(state_dir=tmp_path)
    monkeypatch.setattr(progress, "settings", own)
    return own


class Shell:
    """What the counting needs of IPython: an event, and cells that end."""

    def __init__(self):
        self.events = SimpleNamespace(register=lambda name, call: setattr(self, name, call))

    def ends(self, cell, success=True):
        self.post_run_cell(SimpleNamespace(info=SimpleNamespace(cell_id=cell), success=success))


@pytest.fixture
def cells():
    code = [cell for cell in json.loads((ROOT / LESSON).read_text())["cells"] if cell["cell_type"] == "code"]
    return [cell["id"] for cell in code]


@pytest.fixture
def shell(monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", str(ROOT / LESSON))
    shell = Shell()
    assert progress.follow(shell)
    return shell


def test_a_lesson_whose_cells_all_ran_has_run_through(shell, cells, own):
    for cell in cells[1:]:
        shell.ends(cell)

    entry = progress.read(own)[LESSON]
    assert (entry.done, entry.cells, bool(entry.finished)) == (len(cells), len(cells), True)


def test_a_cell_that_failed_does_not_count(shell, cells, own):
    for cell in cells[1:]:
        shell.ends(cell, success=cell != cells[-1])

    assert progress.read(own)[LESSON] == Progress(len(cells) - 1, len(cells))


def test_what_ran_through_stays_so(shell, cells, own):
    progress.record(LESSON, 5, 5)

    shell.ends(cells[1], success=False)
    progress.record(LESSON, 1, 5)

    assert progress.read(own)[LESSON].finished


def test_cells_that_are_not_in_the_notebook_and_damage_are_passed_over(shell, own):
    (own.state_dir / progress.FILE).write_text("{damaged")

    shell.ends("scratch")
    shell.ends(None)

    assert progress.read(own)[LESSON].done == 0


@pytest.mark.parametrize("named", ["", "/elsewhere/03_generate_load.ipynb", "console-1"])
def test_another_notebook_is_not_counted(monkeypatch, named):
    monkeypatch.setenv("JPY_SESSION_NAME", named)

    assert not progress.follow(Shell())


def test_the_page_lists_every_lesson_and_lab_with_minutes_and_progress():
    page = start_page.page(
        {LESSON: Progress(4, 9), "notebooks/02_track_events.ipynb": Progress(8, 8, "2026-11-24")}
    )

    assert "| [3. Generate load](../notebooks/03_generate_load.ipynb) | 15 | 4 of 9 cells |" in page
    assert "| [2. Track events](../notebooks/02_track_events.ipynb) | 20 | ✓ ran through on 2026-11-24 |" in page
    assert "| [Lab 4. Your own pipeline](../labs/lab04_project/student.ipynb) | 120 | not begun |" in page
    assert "**1 of 9 lessons ran through.**" in page


def test_stacks_with_other_state_folders_have_other_pages(tmp_path):
    default = Settings(state_dir=ROOT / ".eventlab")

    assert config.start_page(default) == "build/start.md"
    assert config.start_page(Settings(state_dir=tmp_path)) != config.start_page(default)
