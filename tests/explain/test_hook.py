"""When a cell gets a box and when it gets none; nothing else about the cell changes."""

import ast
import json
import threading
from types import SimpleNamespace

import nbformat
import pytest

from eventlab.clients import spark
from eventlab.course import run as course_run
from eventlab.explain import hook, registry
from eventlab.explain.explanation import MIME, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.labs import catalogue
from eventlab.settings import ROOT
from tests.explain.conftest import LONG_TIME_LIMIT
from tests.helpers import Stopwatch
from tests.stacks import free_offset, free_settings


@pytest.fixture(scope="module")
def plain(open_notebook, tmp_path_factory):
    """Return a notebook of a lesson, without running services and without Spark Connect."""
    settings = free_settings(tmp_path_factory.mktemp("plain") / "state")
    lesson = str(ROOT / "notebooks" / "01_start_the_stack.ipynb")
    return open_notebook(settings, EVENTLAB_EXTERNAL_SPARK_REMOTE="local[2]", JPY_SESSION_NAME=lesson)


@pytest.mark.services
@pytest.mark.parametrize(
    "cell",
    [
        "1 / 0",
        "raise KeyboardInterrupt",
        "this is no python",
        "raise ConnectionRefusedError(111, 'Connection refused')",
        "raise RuntimeError('StatusCode.UNAVAILABLE')\n",
        "open('/nowhere/at/all')",
        "import no_such_package",
        "!false",
        "%%bash\nexit 3",
        "raise SystemExit(1)",
    ],
)
def test_an_error_that_no_service_confirms_gets_no_box(plain, cell):
    assert plain.run(cell) is None


CALLBACKS = """
[f"{event}: {callback.__module__}" for event, callbacks in get_ipython().events.callbacks.items()
 for callback in callbacks if callback.__module__.startswith("eventlab")]"""


@pytest.mark.services
def test_unloading_removes_all_callbacks_and_loading_again_registers_each_once(plain):
    plain.assert_runs(CALLBACKS)
    registered = plain.value

    plain.assert_runs("%unload_ext eventlab")
    plain.assert_runs(CALLBACKS)
    remaining = plain.value
    plain.assert_runs("%load_ext eventlab\n%reload_ext eventlab")
    plain.assert_runs(CALLBACKS)

    assert sorted(ast.literal_eval(registered)) == [
        "post_run_cell: eventlab.explain.hook",
        "post_run_cell: eventlab.jupyter.progress",
        "pre_run_cell: eventlab.explain.hook",
    ]
    assert remaining == "[]"
    assert plain.value == registered


@pytest.mark.services
def test_a_run_by_papermill_keeps_the_box_below_the_error(tmp_path, monkeypatch):
    import papermill

    monkeypatch.setenv("EVENTLAB_PORT_OFFSET", str(free_offset()))
    monkeypatch.setenv("EVENTLAB_STATE_DIR", str(tmp_path / "state"))
    error = "from kafka.errors import KafkaTimeoutError\nraise KafkaTimeoutError('Unable to bootstrap')"
    cells = [nbformat.v4.new_code_cell(source) for source in ("%load_ext eventlab", LONG_TIME_LIMIT, error)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "in.ipynb")

    with pytest.raises(papermill.PapermillExecutionError, match="KafkaTimeoutError"):
        papermill.execute_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb", progress_bar=False)

    outputs = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-1].outputs
    assert [output.output_type for output in outputs] == ["error", "display_data"]
    assert outputs[1].data[MIME]["what"] == "Kafka's broker is not running."


def test_an_explanation_is_text_html_and_data():
    box = Explanation("It <ended>.", "process 1", "!eventlab up kafka")

    bundle = box.bundle()

    assert bundle["text/plain"] == (
        "What happened: It <ended>.\nProof: process 1\n"
        "To fix it, run this, then run the cell again: !eventlab up kafka"
    )
    cell = Explanation("It ended.", "process 1", "%%bash\nls").bundle()
    assert cell["text/plain"].endswith("then run the cell again:\n%%bash\nls")
    assert "<p><b>It &lt;ended&gt;.</b></p>" in bundle["text/html"]
    assert json.loads(json.dumps(bundle[MIME])) == {
        "what": "It <ended>.",
        "proof": "process 1",
        "remedy": "!eventlab up kafka",
        "instruction": "To fix it, run this, then run the cell again",
    }


def test_each_module_of_explanations_can_be_imported():
    """The hook shows no box when an import fails, so nothing else reports a missing module."""
    names = [function.__name__ for function in registry.explanations()]

    assert {"unusable_java", "broker_down", "path_missing", "command_failed"} <= set(names)


def test_an_explanation_function_that_raises_does_not_stop_the_others(settings):
    explanation = Explanation("a", "b", "c")

    def failing(failure, settings):
        raise LookupError

    functions = [failing, lambda failure, settings: explanation]
    assert registry.first_confirmed(functions, FailedCell(ValueError()), settings) is explanation


def test_a_cell_waits_for_its_explanation_no_longer_than_the_limit(monkeypatch):
    finished = threading.Event()
    monkeypatch.setattr(registry, "explain", lambda cell: finished.wait(20))
    monkeypatch.setattr(hook, "TIME_LIMIT_S", 0.2)
    taken = Stopwatch()

    assert hook.explain_in_time(FailedCell(ValueError())) is None
    assert taken.seconds < 2
    finished.set()


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_cell_that_uses_pyspark_prepares_its_client(monkeypatch, is_silent):
    calls: list[str] = []
    monkeypatch.setattr(spark, "prepare_client", lambda: calls.append("prepared"))

    hook.CellHook(None).before_cell(SimpleNamespace(raw_cell="import pyspark", silent=is_silent))

    assert calls == ([] if is_silent else ["prepared"])


@pytest.mark.services
def test_with_explanations_off_no_callback_is_registered(open_notebook, tmp_path):
    graded = open_notebook(free_settings(tmp_path), EVENTLAB_EXPLAIN="off")

    graded.assert_runs("assert not hasattr(get_ipython(), 'eventlab_cell_hook')")


def test_every_lesson_and_lab_loads_the_extension_in_its_first_code_cell():
    for path in course_run.find_lessons():
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        assert cells[0].source.startswith("%load_ext eventlab\n"), path
    for lab in catalogue.all_labs():
        for path in (lab.instructor, lab.student):
            cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
            opening = next(cell for cell in cells if "open_lab" in cell.source)  # after the parameters
            assert opening.source.startswith("%load_ext eventlab\n"), path


def test_a_failed_cell_lists_the_strings_that_it_uses():
    variables = {"broker": "a:1", "topic": "t", "x": "no"}
    exec("def read():\n    return broker", variables)
    cell = FailedCell(None, "read()\n!kafkacat -t {topic}", variables)

    assert dict(cell.strings()) == {"broker": "a:1", "topic": "t"}
    assert cell.shell_commands == "kafkacat -t {topic}"


def test_the_corrected_line_is_the_variables_assignment_or_a_line_of_the_cell():
    cell = FailedCell(None, "a = 1\nread('evens')")

    assert cell.corrected_line("evens", "events", "topic") == "topic = 'events'"
    assert cell.corrected_line("evens", "events") == "read('events')"
    assert cell.corrected_line("=", "==") == "a == 1"
    assert FailedCell(None, "evens\nevens").corrected_line("evens", "events") is None
