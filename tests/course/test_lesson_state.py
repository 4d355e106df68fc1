"""Prepare the state of a lesson: `eventlab up --at 07`."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from eventlab.cli.app import main
from eventlab.course import day, execute, topics
from eventlab.course import preparation as course
from eventlab.course import run as course_run
from eventlab.settings import settings
from eventlab.stack import Stack, filesystem

EVENTLAB = Path(sys.executable).with_name("eventlab")


def up(*arguments):
    """Run `eventlab up`."""
    return subprocess.run(
        [EVENTLAB, "up", *arguments], capture_output=True, text=True, timeout=200, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize(
    ("name", "exit_code", "message"),
    [
        ("77", 1, "no notebook begins with 77"),
        ("0", 2, "'0' is the beginning of 01_start_the_stack, 02_track_events"),
    ],
)
def test_a_name_that_is_not_that_of_one_lesson_is_refused(monkeypatch, name, exit_code, message):
    monkeypatch.setattr(Stack, "up", None)  # nothing may start

    done = CliRunner().invoke(main, ["up", "--at", name])

    assert done.exit_code == exit_code
    assert message in done.output
    assert "02_track_events" in done.output


def test_a_lesson_that_starts_the_stack_needs_no_preparation():
    (first,) = course_run.find_lessons(["01"])

    assert execute.prepare_lesson(first) == "It starts the stack itself and needs nothing else."


@pytest.mark.parametrize("lesson", course_run.find_lessons()[1:], ids=lambda path: path.stem)
def test_all_other_lessons_prepare_their_state(lesson):
    assert execute.PREPARE_CALL in lesson.read_text()


def test_up_prepares_the_topic_and_the_files_of_lesson_08(stack):
    before = topics.end_offset(settings.topic)
    filesystem.delete("/tmp/lesson-08/purchases")

    done = up("kafka", "namenode", "datanode", "spark", "api", "--at", "08")

    assert done.returncode == 0, done.stderr
    assert "Ready for lesson 08_query_with_sql:" in done.stdout
    assert "Topic 'events-08' contains 40 events." in done.stdout
    assert "/tmp/lesson-08/purchases contains 20 rows." in done.stdout
    assert topics.read_values("events-08-day") == list(day.messages())
    assert topics.end_offset(settings.topic) == before


def test_a_lesson_whose_service_does_not_run_names_the_command_that_starts_it(stack, monkeypatch):
    monkeypatch.setenv("EVENTLAB_API_PORT", "1")

    with pytest.raises(course.LessonError, match="02_track_events: not running: api\nNext: eventlab up api"):
        execute.prepare_lesson(course_run.find_lessons(["02"])[0])


def test_up_starts_the_other_services_when_the_folder_of_the_notebooks_cannot_be_written(
    stack, monkeypatch, tmp_path
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("EVENTLAB_WORK_DIR", str(tmp_path / "file" / "work"))

    done = up()

    assert done.returncode == 0, done.stderr
    assert "JupyterLab is not started: the folder of your notebooks" in done.stderr
    assert "api" in done.stdout
    assert "jupyter" not in done.stdout
    assert up("jupyter").returncode == 1
