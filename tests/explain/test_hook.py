"""When there is a box and when there is none; nothing else about a cell changes."""

import json

import nbformat
import papermill
import pytest

from eventlab.course import run as course_run
from eventlab.explain import hook, registry
from eventlab.explain.explanation import MIME, Explanation
from eventlab.explain.failure import Failure
from eventlab.labs import catalogue
from eventlab.settings import Settings


@pytest.fixture(scope="module")
def plain(open_notebook, tmp_path_factory):
    """A notebook with nothing running."""
    return open_notebook(Settings(port_offset=6200, state_dir=tmp_path_factory.mktemp("plain") / "state"))


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
def test_an_error_that_no_probe_confirms_gets_no_box(plain, cell):
    plain.runs("%unload_ext eventlab\n%load_ext eventlab")
    plain.runs("import os; os.environ['EVENTLAB_SPARK_REMOTE_URL'] = 'local[2]'")

    assert plain.run(cell) is None


def test_a_run_by_papermill_keeps_the_box_below_the_error(tmp_path, monkeypatch):
    monkeypatch.setenv("EVENTLAB_PORT_OFFSET", "6200")
    monkeypatch.setenv("EVENTLAB_STATE_DIR", str(tmp_path / "state"))
    error = "from kafka.errors import KafkaTimeoutError\nraise KafkaTimeoutError('Unable to bootstrap')"
    calm = "from eventlab.explain import hook; hook.LIMIT_S = 30"
    cells = [nbformat.v4.new_code_cell(source) for source in ("%load_ext eventlab", calm, error)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "in.ipynb")

    with pytest.raises(papermill.PapermillExecutionError, match="KafkaTimeoutError"):
        papermill.execute_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb", progress_bar=False)

    outputs = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-1].outputs
    assert [output.output_type for output in outputs] == ["error", "display_data"]
    assert outputs[1].data[MIME]["what"] == "Kafka's broker is not running."


def test_a_box_is_read_as_three_lines_or_as_html_and_is_data_too():
    box = Explanation("It <ended>.", "process 1", "!eventlab up kafka")

    bundle = box.bundle()

    assert bundle["text/plain"] == (
        "What happened: It <ended>.\nProof: process 1\n"
        "To mend it, run this, then the cell again: !eventlab up kafka"
    )
    assert "It &lt;ended&gt;." in bundle["text/html"]
    assert json.loads(json.dumps(bundle[MIME]))["remedy"] == "!eventlab up kafka"


def test_an_explanation_that_breaks_is_passed_over(settings):
    right = Explanation("a", "b", "c")

    def broken(failure, settings):
        raise LookupError

    assert registry.confirmed([broken, lambda failure, settings: right], Failure(ValueError()), settings) is right


def test_a_probe_that_hangs_is_not_waited_for(monkeypatch):
    import threading
    import time

    forever = threading.Event()
    monkeypatch.setattr(registry, "first", lambda failure: forever.wait(20))
    started = time.monotonic()

    assert hook.within(0.2, Failure(ValueError())) is None
    assert time.monotonic() - started < 2
    forever.set()


def test_where_work_is_graded_nothing_is_watched(open_notebook, tmp_path):
    graded = open_notebook(Settings(port_offset=6200, state_dir=tmp_path), EVENTLAB_EXPLAIN="off")

    graded.runs("assert not hasattr(get_ipython(), 'eventlab_watch')")


def test_every_lesson_and_lab_turns_it_on_in_its_first_cell_of_code():
    for path in course_run.find_lessons():
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        assert cells[0].source.startswith("%load_ext eventlab\n"), path
    for lab in catalogue.all_labs():
        for path in (lab.instructor, lab.student):
            cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
            opening = next(cell for cell in cells if "open_lab" in cell.source)  # after the parameters
            assert opening.source.startswith("%load_ext eventlab\n"), path


def test_a_failure_knows_the_texts_that_a_cell_works_with():
    def read():
        return broker  # noqa: F821

    failure = Failure(
        None, "read()\n!kafkacat -t {topic}", {"read": read, "broker": "a:1", "topic": "t", "x": "no"}
    )

    assert dict(failure.texts()) == {"broker": "a:1", "topic": "t"}
    assert failure.commands == "kafkacat -t {topic}"


def test_the_line_that_mends_is_the_variables_or_the_cells_own():
    failure = Failure(None, "a = 1\nread('evens')")

    assert failure.mended("evens", "events", "topic") == "topic = 'events'"
    assert failure.mended("evens", "events") == "read('events')"
    assert failure.mended("=", "==") == "a == 1"
    assert Failure(None, "evens\nevens").mended("evens", "events") is None
