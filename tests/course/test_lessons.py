"""Every lesson has the course's form, and running it gives the outputs that are committed with it."""

import ast
import os
import re
import subprocess
import sys
from itertools import pairwise

import nbformat
import pytest

from eventlab.course import quiz
from eventlab.course import run as course_run
from eventlab.course.exercises import checks
from eventlab.course.program import show_program
from eventlab.lessons import LESSONS as CATALOGUE
from eventlab.settings import ROOT, Settings
from eventlab.stack import fresh_stack
from tests.browser.test_lessons import NAMES as NAMES_IN_A_BROWSER
from tests.stacks import free_offset
from tests.system_tools import TOOLS

LESSONS = course_run.find_lessons()
TAGS = {"parameters", "nbval-ignore-output", "exercise", "solution"}
FOR_EACH_LESSON = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def read(path):
    """Return the notebook."""
    return nbformat.read(path, as_version=4)


def code_cells(path, tag):
    """Return the code cells with a tag."""
    return [cell for cell in read(path).cells if tag in cell.metadata.get("tags", [])]


LABS = sorted((ROOT / "labs").glob("*/instructor.ipynb"))
VISIBLE = 104
"""The characters of a line that JupyterLab shows in a window that is 1280 pixels wide."""


@pytest.mark.parametrize("path", [*LESSONS, *LABS], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_line_of_a_cell_and_of_a_table_is_cut(path):
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    outputs = "\n".join(output.get("text", "") for cell in cells for output in cell.outputs)

    assert [line for cell in cells for line in cell.source.splitlines() if len(line) > VISIBLE] == []
    assert [line for line in outputs.splitlines() if line[:1] in ("+", "|") and len(line) > VISIBLE] == []


def test_the_lessons_are_those_of_the_catalogue():
    assert [path.stem for path in LESSONS] == [lesson.name for lesson in CATALOGUE]
    assert [lesson.number for lesson in CATALOGUE] == list(range(1, 14))
    assert [lesson.part for lesson in CATALOGUE] == [1] * 9 + [2] * 4


@pytest.mark.parametrize("part", [1, 2])
def test_the_readme_contains_the_table_of_each_part(part):
    lessons = [lesson for lesson in CATALOGUE if lesson.part == part]
    rows = [f"| `{lesson.name}` | {lesson.minutes} | {lesson.summary} |" for lesson in lessons]
    table = ["| lesson | minutes | what you do |", "|---|---:|---|", *rows]

    assert "\n".join(table) in (ROOT / "README.md").read_text()


@FOR_EACH_LESSON
def test_a_lesson_opens_as_the_catalogue_says_with_questions_objectives_and_its_place_on_the_path(path):
    opening, diagram, *_ = (cell.source for cell in read(path).cells)
    lesson = next(lesson for lesson in CATALOGUE if lesson.name == path.stem)

    assert opening.startswith(
        f"# {lesson.number}. {lesson.title}\n\n**{lesson.minutes} minutes.** Before this lesson: {lesson.after}.\n"
    )
    assert "**Questions**" in opening
    assert "**Objectives**" in opening
    assert diagram.startswith(lesson.diagram)


@FOR_EACH_LESSON
def test_a_lesson_closes_with_key_points_and_links_to_the_next_lesson_and_the_start_page(path):
    closing = read(path).cells[-1].source
    lesson = next(lesson for lesson in CATALOGUE if lesson.name == path.stem)

    assert "## Key points" in closing
    assert closing.endswith("\n" + lesson.links)


@FOR_EACH_LESSON
def test_a_lesson_has_two_exercises_each_with_a_check_and_a_folded_solution(path):
    names = [f"{path.stem[:2]}-{number}" for number in (1, 2)]

    exercises, solutions = code_cells(path, "exercise"), code_cells(path, "solution")

    for cells in (exercises, solutions):
        called = [name for cell in cells for name in re.findall(r'course\.check\("(.+?)"', cell.source)]
        assert called == names
    assert all(cell.metadata.jupyter == {"source_hidden": True} for cell in solutions)
    assert all("Exercise" in cell.outputs[0].text and "correct" not in cell.outputs[0].text for cell in exercises)
    for cell in solutions:
        assert "correct." in "".join(output.get("text", "") for output in cell.outputs)


@FOR_EACH_LESSON
def test_a_lesson_asks_for_two_or_three_predictions_before_the_result(path):
    sources = [cell.source for cell in read(path).cells]
    asked = [name for source in sources for name in re.findall(r'course\.predict\("(.+?)"\)', source)]

    assert 2 <= len(asked) <= 3
    assert asked == [name for name in quiz.questions() if name.startswith(path.stem[:2])]


def test_each_check_belongs_to_an_exercise():
    assert sorted(checks) == [f"{path.stem[:2]}-{number}" for path in LESSONS for number in (1, 2)]


@FOR_EACH_LESSON
def test_a_lesson_does_not_stop_its_spark_session(path):
    assert not any("spark.stop()" in cell.source for cell in read(path).cells)


@FOR_EACH_LESSON
def test_a_shell_line_contains_no_json(path):
    """IPython replaces no `{name}` in a line with the braces of JSON, so JSON goes into a `%%bash` cell."""
    lines = [line for cell in read(path).cells if cell.cell_type == "code" for line in cell.source.splitlines()]

    assert [line for line in lines if line.startswith("!") and '{"' in line] == []


OPTION = re.compile(r"(?<=\s)--?[a-zA-Z][\w-]*")


def test_each_option_of_a_command_is_named_in_a_text_before_its_first_use():
    named, unexplained = set(), []
    for path in LESSONS:
        for cell in read(path).cells:
            text, commands = text_and_commands(cell)
            named.update(OPTION.findall(f" {text}"))
            unexplained += [(path.stem, option) for option in OPTION.findall(commands) if option not in named]

    assert unexplained == []


def text_and_commands(cell):
    """Return a cell's text or comments without marks, and its shell commands without texts in quotes."""
    if cell.cell_type == "markdown":
        return re.sub(r"[`(]", " ", cell.source), ""
    lines = cell.source.replace("\\\n", " ").splitlines()
    is_shell = cell.source.startswith("%%bash")
    commands = [line for line in lines if is_shell or re.match(r"(\w+ = )?!", line)]
    comments = [line for line in lines if line.startswith("#")]
    return "\n".join(comments), re.sub(r"'[^']*'|\"[^\"]*\"", "TEXT", "\n".join(commands))


def test_no_lesson_uses_a_topic_that_another_one_replaces():
    replaced = {}
    for path in LESSONS:
        parameters = code_cells(path, "parameters")[0].source
        replaced[path.stem] = set(re.findall(r'topic = f"\{settings\.topic\}(-\d\d)"', parameters))
        uses_api_topic = "topic = settings.topic" in parameters
        assert uses_api_topic != bool(replaced[path.stem]), path.stem
    names = [name for topics in replaced.values() for name in topics]
    assert len(names) == len(set(names))


@FOR_EACH_LESSON
def test_a_lesson_has_one_cell_with_parameters(path):
    tags = [cell.metadata.get("tags", []) for cell in read(path).cells]

    assert sum("parameters" in tags_of_cell for tags_of_cell in tags) == 1
    assert {tag for tags_of_cell in tags for tag in tags_of_cell} <= TAGS


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


LESSONS_WITHOUT_BROWSER = [
    path for path in LESSONS if not (TOOLS["chromium"].path and path.stem in NAMES_IN_A_BROWSER)
]


@pytest.fixture(scope="module")
def course_stack(request):
    """Return the tests' stack, or start one of its own if the lesson that stops the services is executed."""
    if LESSONS_WITHOUT_BROWSER != LESSONS:
        yield request.getfixturevalue("stack")
        return
    with fresh_stack(ROOT / "build" / "nbval-stack", [free_offset()], settings_class=Settings) as stack:
        yield stack.settings


def test_a_program_that_a_lesson_shows_is_the_current_one():
    printed = 0
    for path in LESSONS:
        for cell in read(path).cells:
            if cell.source.startswith("course.show_program("):
                printed += 1
                program = show_program(
                    *(ast.literal_eval(name) for name in ast.parse(cell.source).body[0].value.args)
                )
                shown = cell.outputs[0].data["text/markdown"]
                assert shown == program._repr_markdown_(), f"run: eventlab run --in-place {path.stem}"

    assert printed == 9


@pytest.mark.parametrize("name", quiz.questions())
def test_a_lesson_is_committed_with_the_current_text_of_its_predictions(name):
    path = next(path for path in LESSONS if path.stem.startswith(name[:2]))
    cell = next(cell for cell in read(path).cells if cell.source == f'course.predict("{name}")')

    assert cell.outputs[0].data["text/plain"] == repr(quiz.predict(name))


@FOR_EACH_LESSON
def test_text_follows_each_heading(path):
    lines = [line for cell in read(path).cells for line in [*cell.source.splitlines(), cell.cell_type] if line]
    headings = [(line, following) for line, following in pairwise(lines) if re.match("##+ ", line)]

    assert [line for line, following in headings if following == "markdown" or following.startswith("#")] == []


@pytest.mark.services
@pytest.mark.timeout(900)
@pytest.mark.skipif(not LESSONS_WITHOUT_BROWSER, reason="a browser runs all lessons")
def test_the_lessons_that_no_browser_runs_give_the_committed_outputs(course_stack):
    """nbval compares the outputs; those of the other lessons are compared in JupyterLab."""
    arguments = f"-q -p no:cacheprovider -c /dev/null --rootdir {ROOT} --nbval --nbval-cell-timeout 120".split()
    sanitize = ["--nbval-sanitize-with", str(course_run.NOTEBOOKS / "sanitize.cfg")]
    command = [sys.executable, "-m", "pytest", *arguments, *sanitize, *map(str, LESSONS_WITHOUT_BROWSER)]

    patient = os.environ | {"EVENTLAB_WAITS": "long"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=patient)

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
