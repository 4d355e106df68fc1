"""Every lesson has the course's form, and running it gives the outputs that are committed with it."""

import re
import subprocess
import sys

import nbformat
import pytest

from eventlab.course import run as course_run
from eventlab.settings import ROOT
from eventlab.stack import Stack, fresh_stack
from tests.stacks import free_offset

LESSONS = course_run.find_lessons()
FOR_EACH_LESSON = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def read(path):
    """Return the notebook."""
    return nbformat.read(path, as_version=4)


def test_there_are_nine_lessons_in_order():
    assert [path.stem for path in LESSONS] == [
        "01_start_the_stack",
        "02_track_events",
        "03_generate_load",
        "04_consume_events",
        "05_filter_events",
        "06_evolve_the_schema",
        "07_write_to_hdfs",
        "08_query_with_sql",
        "09_tear_down",
    ]


@FOR_EACH_LESSON
def test_a_lesson_opens_with_minutes_questions_and_objectives(path):
    opening = read(path).cells[0].source

    assert re.search(r"\*\*\d+ minutes\.\*\*", opening)
    assert "**Questions**" in opening
    assert "**Objectives**" in opening


@FOR_EACH_LESSON
def test_a_lesson_closes_with_key_points_and_two_exercises(path):
    closing = read(path).cells[-1].source

    assert "## Key points" in closing
    assert re.findall(r"^(\d)\. ", closing, re.MULTILINE) == ["1", "2"]


@FOR_EACH_LESSON
def test_a_lesson_has_one_cell_with_parameters(path):
    tags = [cell.metadata.get("tags", []) for cell in read(path).cells]

    assert sum("parameters" in tags_of_cell for tags_of_cell in tags) == 1
    assert {tag for tags_of_cell in tags for tag in tags_of_cell} <= {"parameters", "nbval-ignore-output"}


@FOR_EACH_LESSON
def test_a_lesson_is_committed_with_the_outputs_of_one_run(path):
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]

    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert sum(bool(cell.outputs) for cell in cells) >= len(cells) // 2
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs)


@FOR_EACH_LESSON
def test_a_lesson_contains_no_path_of_a_machine(path):
    notebook = read(path)

    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert str(ROOT) not in path.read_text()
    assert "/home/" not in path.read_text()


@pytest.fixture(scope="module")
def course_stack():
    """Start a stack that only these tests use, because the last lesson stops it."""
    with fresh_stack(ROOT / "build" / "nbval-stack", [free_offset()]) as stack:
        yield stack.settings


def test_a_program_that_a_lesson_prints_is_the_current_one():
    printed = 0
    for path in LESSONS:
        for cell in read(path).cells:
            source = re.fullmatch(r'print\(\(course\.ROOT / "(.+)"\)\.read_text\(\)\)', cell.source)
            if source:
                printed += 1
                program = (ROOT / source[1]).read_text()
                assert cell.outputs[0].text == program + "\n", f"run: eventlab run --in-place {path.stem}"

    assert printed >= 3


@pytest.mark.services
@pytest.mark.timeout(600)
def test_the_lessons_from_last_to_first_give_the_committed_outputs(course_stack):
    """No lesson needs the results of those before it; `make run` runs them in order."""
    tear_down, *others = reversed(LESSONS)

    assert_same_outputs(tear_down)
    Stack(course_stack).up()
    assert_same_outputs(*others)


def assert_same_outputs(*lessons):
    """Run the lessons with nbval, which compares their outputs with the committed ones."""
    arguments = f"-q -p no:cacheprovider -c /dev/null --rootdir {ROOT} --nbval --nbval-cell-timeout 120".split()
    sanitize = ["--nbval-sanitize-with", str(course_run.NOTEBOOKS / "sanitize.cfg")]
    command = [sys.executable, "-m", "pytest", *arguments, *sanitize, *map(str, lessons)]

    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
