"""A name that is not defined because its cell has not run in this kernel."""

import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from eventlab.explain import notebook
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import settings

CELLS = (
    "%load_ext eventlab\nimport pandas as pd, os.path",
    'spark = SparkSession.builder.getOrCreate()\nevents = read(\n    "events"\n)',
    "swords = !kafkacat -C | wc -l\nfor hour, visits in table: pass",
    "def read(topic):\n    inner = 1\n    return inner",
    "events.count()",
    "events.stop()\nevents = read()",
    "later = 1",
)


@pytest.fixture(autouse=True)
def lesson(tmp_path, monkeypatch):
    """Save a notebook, and let this process be its kernel."""
    path = tmp_path / "05_filter_events.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in CELLS]), path)
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    return path


def explained(name, source="events.count()", ran=()):
    """Explain a NameError in a cell of a kernel in which some cells ran before."""
    error = NameError(f"name {name!r} is not defined")
    return notebook.cell_has_not_run(FailedCell(error, source, {"In": ["", *ran, source]}), settings)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("events", "events = read("),
        ("spark", "spark = SparkSession.builder.getOrCreate()"),
        ("pd", "import pandas as pd, os.path"),
        ("os", "import pandas as pd, os.path"),
        ("swords", "swords = !kafkacat -C | wc -l"),
        ("hour", "for hour, visits in table: pass"),
        ("read", "def read(topic):"),
    ],
)
def test_a_name_of_a_cell_above_that_has_not_run_is_explained_with_its_line(name, line):
    box = explained(name, ran=CELLS[:1] if name not in ("pd", "os") else ())

    assert box
    assert f"`{name}` is not defined, because the cell that defines it has not run in this kernel" in box.what
    assert f"05_filter_events.ipynb contains the line {line!r}" in box.proof
    assert box.remedy == "Run > Run All Above Selected Cell"


@pytest.mark.parametrize("name", ["evnets", "inner", "later"])
def test_a_misspelt_name_and_one_that_no_cell_above_defines_are_not_explained(name):
    assert explained(name) is None


def test_a_name_whose_cell_has_run_and_failed_is_explained_with_its_line():
    box = explained("events", ran=CELLS[:2])

    assert box
    assert "`events` is not defined, because the cell that defines it has ended with an error" in box.what
    assert "a cell that ran in this kernel contains the line 'events = read('" in box.proof
    assert explained("swords", ran=["swords = get_ipython().getoutput('kafkacat -C | wc -l')"])


def test_a_name_is_not_explained_when_it_was_deleted_or_its_line_may_be_left_out():
    assert explained("events", ran=[*CELLS[:2], "del spark, events"]) is None
    assert explained("events", ran=[*CELLS[:2], "%reset -f"]) is None
    assert explained("hour", ran=CELLS[:3]) is None


def test_the_variable_of_a_comprehension_is_no_name_of_the_notebook(lesson):
    hosts = "hosts = [row.Host for row in rows]\nnames = {a: b for a, (b, c) in pairs if (last := c)}"
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in (hosts, "print(row)")]), lesson)

    for name in ("row", "a", "b"):
        assert explained(name, f"print({name})", ran=[hosts]) is None
        assert explained(name, f"print({name})") is None
    assert explained("last", "print(last)")


def test_a_name_that_only_a_worker_of_spark_does_not_know_is_not_explained():
    error = RuntimeError("Job aborted\nNameError: name 'events' is not defined")
    cell = FailedCell(error, "frame.show()", {"events": 1, "In": ["", CELLS[1], "frame.show()"]})

    assert notebook.cell_has_not_run(cell, settings) is None


def test_a_cell_that_uses_a_name_and_then_replaces_it_is_explained_by_the_cell_above():
    stops = CELLS[5]

    for box in (explained("events", stops), explained("events", ran=[stops])):
        assert box
        assert "contains the line 'events = read('" in box.proof


@pytest.mark.parametrize("is_saved", [True, False])
def test_a_cell_with_a_command_does_not_blame_its_own_earlier_run(lesson, is_saved):
    stops = "!kafkacat -L\nevents.stop()\nevents = read()"
    cells = [*CELLS[:4], *[stops] * is_saved]
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in cells]), lesson)

    box = explained("events", stops, ran=["get_ipython().system('kafkacat -L')\nevents.stop()\nevents = read()"])

    assert box
    assert "contains the line 'events = read('" in box.proof
    assert "has not run in this kernel" in box.what


def test_a_cell_with_a_magic_that_has_failed_is_not_said_to_have_never_run(lesson):
    timed = "%%time\nevents = read()"
    nbformat.write(new_notebook(cells=[new_code_cell(timed), new_code_cell("events.count()")]), lesson)

    box = explained("events", ran=["get_ipython().run_cell_magic('time', '', 'events = read()\\n')"])

    assert box
    assert "has ended with an error before that" in box.what


def test_a_cell_that_is_not_saved_yet_is_explained_from_all_saved_cells():
    assert explained("later", "later + 1")


@pytest.mark.parametrize("name", ["", "console-1", "/nowhere/else.txt"])
def test_outside_of_a_notebook_nothing_is_explained(monkeypatch, name):
    monkeypatch.setenv("JPY_SESSION_NAME", name)

    assert explained("events") is None


def test_another_error_is_not_explained():
    assert notebook.cell_has_not_run(FailedCell(KeyError("events"), "events.count()", {}), settings) is None


PROGRAM = "import sys\n\nspark = 1\n"


@pytest.mark.parametrize(
    "line",
    [
        "topic, folder = sys.argv[1:]",
        "topic = sys.argv[1]",
        "_, topic, folder = sys.argv",
        "print(sys.argv[2])",
    ],
)
def test_a_program_that_reads_its_arguments_in_a_cell_lacks_its_line_writefile(line, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py"])
    with pytest.raises((IndexError, ValueError)) as raised:
        exec(line, {"sys": sys})

    box = notebook.arguments_in_cell(FailedCell(raised.value, PROGRAM + line, {}), settings)

    assert box
    assert box.what == "This cell is a program that reads the arguments of its command. A cell has none."
    assert line.removeprefix("print(").removesuffix(")") in box.proof
    assert "sys.argv is ['ipykernel_launcher.py']" in box.proof
    assert box.remedy == "%%writefile my_job.py"


def test_a_list_that_is_too_short_says_nothing_about_arguments(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py"])
    error = IndexError("list index out of range")

    assert notebook.arguments_in_cell(FailedCell(error, "rows = []\nrows[0]", {}), settings) is None
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "kernel.json"])
    assert notebook.arguments_in_cell(FailedCell(error, "sys.argv[7]", {}), settings) is None
