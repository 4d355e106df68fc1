"""The progress of a learner in each notebook, and the start page that shows it."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from eventlab import course, lessons
from eventlab.course import verdict
from eventlab.jupyter import progress, start_page, working_copy
from eventlab.jupyter.progress import NotebookProgress
from eventlab.lessons import LESSONS
from eventlab.settings import ROOT, OwnSettings, Settings

LESSON = "notebooks/03_generate_load.ipynb"
COPY = "03_generate_load.ipynb"


@pytest.fixture(scope="module")
def new_copies(tmp_path_factory):
    """Create a state folder with the learner's copies, as they are at first."""
    folder = tmp_path_factory.mktemp("state")
    working_copy.update(Settings(state_dir=folder))
    return folder


@pytest.fixture(autouse=True)
def settings(tmp_path, new_copies, monkeypatch):
    """Use a state folder of the test's own."""
    shutil.copytree(new_copies, tmp_path, dirs_exist_ok=True)
    settings = Settings(state_dir=tmp_path)
    monkeypatch.setattr(progress, "settings", settings)
    return settings


class Shell:
    """The part of IPython's shell that the counting uses: callbacks, and cells that end."""

    def __init__(self):
        self.callbacks: list[Callable] = []
        self.events = SimpleNamespace(
            register=lambda name, callback: self.callbacks.append(callback),
            unregister=lambda name, callback: self.callbacks.remove(callback),
        )

    def ends(self, cell, success=True, exercise=""):
        """Call the callbacks as after the end of a cell, which has solved an exercise or none."""
        lessons.solved.update({exercise} - {""})
        for callback in self.callbacks:
            callback(SimpleNamespace(info=SimpleNamespace(cell_id=cell), success=success))


@pytest.fixture
def cells():
    """Return the ids of the lesson's code cells, without the folded solutions."""
    found = json.loads((ROOT / LESSON).read_text())["cells"]
    tags = {cell["id"]: cell["metadata"].get("tags", []) for cell in found if cell["cell_type"] == "code"}
    assert any("solution" in tags_of_cell for tags_of_cell in tags.values())
    return [id for id, tags_of_cell in tags.items() if "solution" not in tags_of_cell]


@pytest.fixture
def exercises():
    """Return the ids of the lesson's exercises."""
    found = json.loads((ROOT / LESSON).read_text())["cells"]
    return [cell["id"] for cell in found if "exercise" in cell["metadata"].get("tags", [])]


@pytest.fixture
def shell(monkeypatch, settings):
    """Return a shell in which the progress of the learner's copy is recorded."""
    monkeypatch.setenv("JPY_SESSION_NAME", str(settings.work_dir / COPY))
    shell = Shell()
    assert progress.follow(shell)
    return shell


def test_a_lesson_is_completed_when_all_its_cells_ran_and_its_exercises_are_solved(
    shell, cells, exercises, settings
):
    for cell in cells[1:]:
        shell.ends(cell)

    entry = progress.read(settings)[LESSON]
    assert (entry.done, entry.cells, entry.finished) == (len(cells) - 2, len(cells), "")

    for number, cell in enumerate(exercises, 1):
        shell.ends(cell, exercise=f"03-{number}")

    entry = progress.read(settings)[LESSON]
    assert (entry.done, entry.cells, bool(entry.finished)) == (len(cells), len(cells), True)


def test_an_exercise_that_was_solved_in_another_cell_does_not_count(shell, cells, exercises, settings):
    shell.ends(cells[-2], exercise="03-2")
    shell.ends(exercises[1])

    assert progress.read(settings)[LESSON].done == len(cells) - 2


def test_the_check_of_an_exercise_says_that_it_is_solved(monkeypatch):
    monkeypatch.setattr(lessons, "solved", set())
    monkeypatch.setattr(verdict, "solved", lessons.solved)

    course.check("08-1", "sword")
    assert lessons.solved == set()
    course.check("08-1", "potion")
    assert lessons.solved == {"08-1"}


def test_a_cell_that_failed_does_not_count(shell, cells, settings):
    for cell in cells[1:]:
        shell.ends(cell, success=cell != cells[-2])

    entry = progress.read(settings)[LESSON]
    assert (entry.done, entry.cells, entry.finished) == (len(cells) - 3, len(cells), "")


def test_a_cell_that_the_learner_has_added_does_not_count(shell, cells, settings):
    copy = settings.work_dir / COPY
    notebook = json.loads(copy.read_text())
    notebook["cells"].insert(5, {"id": "mine", "cell_type": "code", "source": "1 / 0", "metadata": {}})
    copy.write_text(json.dumps(notebook))

    shell.ends(cells[1])
    shell.ends("mine", success=False)

    assert progress.read(settings)[LESSON].done == 2
    assert progress.read(settings)[LESSON].cells == len(cells)


def test_all_cells_of_a_copy_of_an_earlier_version_count_because_its_cells_have_other_ids(
    monkeypatch, cells, exercises, settings
):
    copy = settings.work_dir / COPY
    text = copy.read_text()
    for name in cells:
        text = text.replace(f'"{name}"', f'"old-{name}"')
    copy.write_text(text)
    monkeypatch.setenv("JPY_SESSION_NAME", str(copy))
    shell = Shell()
    progress.follow(shell)

    for name in cells:
        shell.ends(f"old-{name}")

    entry = progress.read(settings)[LESSON]
    assert (entry.done, entry.cells, entry.finished) == (len(cells) - len(exercises), len(cells), "")


def test_a_cell_that_is_expected_to_fail_counts(monkeypatch, settings):
    cell = {"id": "cell-003", "cell_type": "code", "source": "1 / 0", "metadata": {"tags": [progress.MAY_FAIL]}}
    notebook = settings.work_dir / COPY
    notebook.write_text(json.dumps({"cells": [cell]}))
    monkeypatch.setenv("JPY_SESSION_NAME", str(notebook))
    shell = Shell()
    progress.follow(shell)

    shell.ends("cell-003", success=False)

    assert progress.read(settings)[LESSON].done == 1


def test_a_completed_lesson_stays_completed(shell, cells, settings):
    progress.record(LESSON, 5, 5)

    shell.ends(cells[1], success=False)
    progress.record(LESSON, 1, 5)

    assert progress.read(settings)[LESSON].finished


@pytest.mark.parametrize("content", ["{damaged", "", "[]", f'{{"{LESSON}": {{"done": "many"}}}}'])
def test_a_damaged_file_counts_as_empty_and_cells_of_no_notebook_do_not_count(shell, settings, content):
    (settings.state_dir / progress.FILE).write_text(content)

    shell.ends("scratch")
    shell.ends(None)

    assert progress.read(settings)[LESSON].done == 0


def test_a_file_that_cannot_be_written_is_logged(shell, cells, settings, caplog):
    (settings.state_dir / progress.FILE).mkdir()

    shell.ends(cells[1])

    assert f"the progress of {LESSON} is not saved" in caplog.text


def test_counting_can_be_stopped_and_started_again(shell, cells, settings):
    progress.unfollow(shell)
    shell.ends(cells[0])
    assert progress.read(settings) == {}

    assert progress.follow(shell)
    assert progress.follow(shell)
    shell.ends(cells[0])

    assert len(shell.callbacks) == 1
    assert progress.read(settings)[LESSON].done == 1


@pytest.mark.parametrize("name", ["", "/elsewhere/03_generate_load.ipynb", "console-1"])
def test_other_notebooks_are_not_counted(monkeypatch, name):
    monkeypatch.setenv("JPY_SESSION_NAME", name)

    assert not progress.follow(Shell())


def test_a_new_version_next_to_the_copy_counts_as_the_lesson(monkeypatch, settings):
    (settings.work_dir / "03_generate_load.new.ipynb").write_text((settings.work_dir / COPY).read_text())
    monkeypatch.setenv("JPY_SESSION_NAME", str(settings.work_dir / "03_generate_load.new.ipynb"))
    shell = Shell()

    assert progress.follow(shell)
    shell.ends("cell-003")
    assert LESSON in progress.read(settings)


def test_the_page_lists_all_lessons_and_labs_with_minutes_and_progress(tmp_path):
    page = start_page.page(
        {
            LESSON: NotebookProgress(done=4, cells=9),
            "notebooks/02_track_events.ipynb": NotebookProgress(done=8, cells=8, finished="2026-11-24"),
        },
        tmp_path,
    )

    assert "| [3. Generate load](03_generate_load.ipynb) | 20 | 4 of 9 cells |" in page
    assert "| [2. Track events](02_track_events.ipynb) | 25 | ✓ completed on 2026-11-24 |" in page
    assert "| [Lab 4. Your own pipeline](labs/lab04_project/student.ipynb) | 120 | not started |" in page
    assert "**1 of 13 lessons completed.**" in page


def test_titles_and_minutes_of_lessons_are_those_of_the_catalogue(tmp_path, monkeypatch):
    (lesson,) = [lesson for lesson in LESSONS if lesson.number == 3]
    monkeypatch.setitem(start_page.CATALOGUE, lesson.name, replace(lesson, title="Another title", minutes=99))

    assert "| [3. Another title](03_generate_load.ipynb) | 99 |" in start_page.page({}, tmp_path)


def test_continue_leads_to_the_cell_that_ran_last(shell, cells, settings):
    shell.ends(cells[4])
    shell.ends(cells[2], success=False)

    page = start_page.page(progress.read(settings), settings.work_dir)
    assert f"Continue: [3. Generate load](03_generate_load.ipynb#cell-id={cells[2]})**" in page


def where_to_continue(tmp_path, *lessons):
    """Return the lesson that the page names when cells of these lessons ran in this order (True: completed)."""
    course_progress = {
        f"notebooks/{name}.ipynb": NotebookProgress(done=3, cells=9, finished="2026-11-24" * done, last_run=time)
        for time, (name, done) in enumerate(lessons, 1)
    }
    line = re.search(r"(Start|Continue): \[(\d+)", start_page.page(course_progress, tmp_path))
    return line and " ".join(line.groups())


def test_the_page_names_the_lesson_where_the_learner_stopped(tmp_path):
    assert where_to_continue(tmp_path) == "Start 1"
    assert where_to_continue(tmp_path, ("05_filter_events", False), ("03_generate_load", False)) == "Continue 3"
    assert where_to_continue(tmp_path, ("03_generate_load", False), ("05_filter_events", True)) == "Continue 6"
    assert where_to_continue(tmp_path, ("09_tear_down", True)) == "Continue 10"
    assert where_to_continue(tmp_path, ("13_survive_failure", True)) == "Continue 1"
    every = [(original.name, True) for original in working_copy.lessons()]
    assert where_to_continue(tmp_path, *every) is None


def test_a_run_of_an_earlier_cell_is_the_latest_one(settings):
    progress.record(LESSON, 4, 9)
    before = progress.read(settings)[LESSON]

    progress.record(LESSON, 1, 9)

    after = progress.read(settings)[LESSON]
    assert (after.done, after.cells) == (4, 9)
    assert after.last_run > before.last_run


def test_the_copies_and_the_page_are_in_the_kit_or_in_another_state_folder(tmp_path):
    assert OwnSettings().work_dir == ROOT / "work"
    assert OwnSettings(state_dir=tmp_path).work_dir == tmp_path / "work"
    assert OwnSettings(state_dir=tmp_path, work_dir=tmp_path / "mine").work_dir == tmp_path / "mine"
