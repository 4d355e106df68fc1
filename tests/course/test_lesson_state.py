"""Prepare the state of a lesson: `eventlab up --at 07`."""

import subprocess
import sys
from pathlib import Path

import pytest

from eventlab.course import execute
from eventlab.course import preparation as course
from eventlab.course import run as course_run
from eventlab.settings import settings
from eventlab.stack import filesystem

EVENTLAB = Path(sys.executable).with_name("eventlab")


def up(*arguments):
    """Run `eventlab up`."""
    return subprocess.run(
        [EVENTLAB, "up", *arguments], capture_output=True, text=True, timeout=200, stdin=subprocess.DEVNULL
    )


def test_an_unknown_lesson_is_refused_with_the_names_of_all_lessons():
    done = up("--at", "77")

    assert done.returncode == 1
    assert "no notebook begins with 77" in done.stderr
    assert "07_write_to_hdfs" in done.stderr


def test_the_beginning_of_several_lessons_is_refused():
    done = up("--at", "0")

    assert done.returncode == 2
    assert "'0' is the beginning of 01_start_the_stack, 02_track_events" in done.stderr


def test_a_lesson_that_starts_the_stack_needs_no_preparation():
    (first,) = course_run.find_lessons(["01"])

    assert execute.prepare_lesson(first) == "It starts the stack itself and needs nothing else."


@pytest.mark.parametrize("lesson", course_run.find_lessons()[1:], ids=lambda path: path.stem)
def test_all_other_lessons_prepare_their_state(lesson):
    assert execute.PREPARE_CALL in lesson.read_text()


def test_up_prepares_the_topic_and_the_files_of_lesson_08(stack):
    course.fresh_topic(settings.topic)
    filesystem.delete("/tmp/purchases")

    done = up("kafka", "namenode", "datanode", "spark", "api", "--at", "08")

    assert done.returncode == 0, done.stderr
    assert "Ready for lesson 08_query_with_sql:" in done.stdout
    assert "Topic 'events' holds 40 events." in done.stdout
    assert "/tmp/purchases holds 20 rows." in done.stdout
    assert len(course.read_values(settings.topic)) == 40


def test_a_lesson_whose_service_does_not_run_names_the_command_that_starts_it(stack, monkeypatch):
    monkeypatch.setenv("EVENTLAB_API_PORT", "1")

    with pytest.raises(course.LessonError, match="02_track_events: not running: api\nNext: eventlab up"):
        execute.prepare_lesson(course_run.find_lessons(["02"])[0])
