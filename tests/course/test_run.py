"""`eventlab run` executes the course or reports the failed cell, and stops its services."""

import functools
import io
import itertools
import os
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from rich.console import Console

from eventlab.cli.display import ProgressLines
from eventlab.commands import ab
from eventlab.course import run as course_run
from eventlab.course.execute import execute
from eventlab.errors import StackError
from eventlab.settings import OwnSettings, Settings
from eventlab.stack import Stack, environment, fresh_stack, stack
from tests.stacks import free_offset, free_settings


def notebook(path: Path, *sources: str) -> Path:
    """Write a notebook with these cells."""
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    return path


def commands_in(folder: Path) -> list[str]:
    """Return the commands of all processes that mention the folder."""
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline", "environ"])
        if str(folder) in str([process.info["cmdline"], process.info["environ"]])
    ]


@pytest.mark.services
def test_an_executed_notebook_has_its_outputs_and_reports_progress(tmp_path):
    reported = []

    result = execute(
        notebook(tmp_path / "sum.ipynb", "a = 1", "a + 1"),
        tmp_path / "out.ipynb",
        report_cells=lambda name, text, done, total: reported.append((name, text, done, total)),
    )

    assert result.failure is None
    assert result.node.cells[1].outputs[0].data["text/plain"] == "2"
    assert reported == [("sum", f"{done}/2 cells", done, 2) for done in (0, 1, 2)]


@pytest.mark.services
def test_a_failing_cell_is_named_with_its_error(tmp_path):
    result = execute(notebook(tmp_path / "bad.ipynb", "a = 1", "1 / 0", "a"), tmp_path / "out.ipynb")

    assert result.failure is not None
    assert result.failure.source == "1 / 0"
    assert "ZeroDivisionError" in result.failure.error


@pytest.mark.services
def test_a_kernel_that_ends_is_a_failure(tmp_path):
    dead = notebook(tmp_path / "dead.ipynb", "print('before')", "import os; os._exit(3)", "1")

    result = execute(dead, tmp_path / "out.ipynb")

    assert result.failure is not None
    assert (result.failure.cell, result.failure.source) == (2, "import os; os._exit(3)")
    assert "DeadKernelError" in result.failure.error
    assert result.node.cells[0].outputs[0].text == "before\n"


def test_lessons_are_selected_by_the_beginning_of_their_names():
    assert [path.stem for path in course_run.find_lessons(["05", "07_write"])] == [
        "05_filter_events",
        "07_write_to_hdfs",
    ]


@pytest.mark.parametrize(("number", "lesson"), [("4", "04_consume_events"), ("1", "01_start_the_stack")])
def test_a_lesson_is_selected_by_its_number(number, lesson):
    assert [path.stem for path in course_run.find_lessons([number])] == [lesson]


@pytest.mark.parametrize("name", ["42", "²", "4_"])
def test_an_unknown_lesson_is_refused_with_the_names_of_all_lessons(name):
    with pytest.raises(course_run.CourseRunError, match=f"no notebook begins with {name}; .*01_start_the_stack"):
        course_run.find_lessons([name])


@pytest.fixture
def no_services(monkeypatch):
    """Start no services; return the settings of the stacks that would start."""
    started = []
    monkeypatch.setattr(stack, "start_all", lambda settings, services, report: started.append(settings))
    return started


@pytest.mark.services
def test_the_stack_of_a_run_ignores_the_ports_and_addresses_of_the_learner(no_services, tmp_path, monkeypatch):
    offset = free_offset()
    with socket.create_server(("127.0.0.1", 0)) as other_program:
        learners_port = str(other_program.getsockname()[1])
        monkeypatch.setenv("EVENTLAB_API_PORT", learners_port)
        monkeypatch.setenv("EVENTLAB_EXTERNAL_BOOTSTRAP_SERVERS", "broker.example:9092")

        with fresh_stack(tmp_path / "own", [offset]):
            inside = dict(os.environ)

    assert no_services[0].api_port == 5000 + offset
    assert no_services[0].bootstrap_servers == f"127.0.0.1:{29092 + offset}"
    assert not {"EVENTLAB_API_PORT", "EVENTLAB_EXTERNAL_BOOTSTRAP_SERVERS"} & inside.keys()
    assert os.environ["EVENTLAB_API_PORT"] == learners_port


@pytest.mark.services
def test_a_second_simultaneous_run_is_refused_and_the_first_continues(no_services, tmp_path):
    offsets = [free_offset(), free_offset()]
    with (
        fresh_stack(tmp_path / "own", offsets),
        pytest.raises(StackError, match="another process is using"),
        fresh_stack(tmp_path / "own", offsets),
    ):
        pass

    assert len(no_services) == 1
    with fresh_stack(tmp_path / "own", offsets):
        assert len(no_services) == 2


@pytest.mark.services
def test_a_failing_lesson_ends_the_run_and_stops_the_stack(tmp_path, monkeypatch):
    offset = free_offset()
    monkeypatch.setattr(course_run, "OFFSETS", [offset])
    monkeypatch.setattr(course_run, "fresh_stack", functools.partial(fresh_stack, services=["kafka"]))
    screen = io.StringIO()
    progress = ProgressLines(Console(file=screen, width=120))
    lessons = [
        notebook(tmp_path / "01_fine.ipynb", "1"),
        notebook(tmp_path / "02_bad.ipynb", "raise ValueError('no such event')"),
        notebook(tmp_path / "03_never.ipynb", "1"),
    ]

    with pytest.raises(course_run.CourseRunError, match="02_bad, cell 1: ValueError: no such event") as caught:
        course_run.run_course(lessons, tmp_path / "out", report_cells=progress.update)

    assert "logs" in str(caught.value)
    assert (tmp_path / "out" / "logs" / "kafka.log").exists()
    assert "no such event" in (tmp_path / "out" / "report.html").read_text()
    assert not (tmp_path / "out" / "03_never.ipynb").exists()
    assert "01_fine 1/1 cells" in screen.getvalue()
    assert "02_bad 1/1 cells" not in screen.getvalue()
    assert not Stack(Settings(port_offset=offset)).open_ports()


@pytest.mark.services
@pytest.mark.timeout(600)
def test_a_lesson_runs_against_external_services(tmp_path, stack):
    external, own = stack, dict(os.environ)
    try:
        for host, route in itertools.product(("user1.comcast.com", "user2.att.com"), ("/", "/purchase_a_sword")):
            ab.bench(external.api_url + route, requests=10, concurrency=1, headers={"Host": host})
        guest = free_settings(
            tmp_path / "guest",
            OwnSettings,
            topic="external",  # lessons refuse topics of an external Kafka that they have not created
            external_bootstrap_servers=external.bootstrap_servers,
            external_spark_remote=external.spark_remote,
            external_default_fs=external.default_fs,
            external_webhdfs_url=external.webhdfs_url,
            external_api_url=external.api_url,
        )
        environment.apply(guest)

        assert {status.state for status in Stack(guest).up()} == {"running"}
        (lesson,) = course_run.find_lessons(["08"])
        assert execute(lesson, tmp_path / lesson.name).failure is None
    finally:
        environment.replace(own)

    assert not (tmp_path / "guest" / "run").exists()


@pytest.mark.services
@pytest.mark.timeout(600)
def test_the_command_runs_lessons_headlessly_and_stops_all_processes(tmp_path):
    """Only one lesson: test_lessons executes all of them."""
    lessons = course_run.find_lessons(["02"])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EVENTLAB_")}
    command = [sys.executable, "-m", "eventlab.cli", "run", "--output", str(tmp_path)]
    command += [lesson.stem for lesson in lessons]

    done = subprocess.run(command, capture_output=True, text=True, env=environment)

    assert done.returncode == 0, done.stderr[-4000:]
    for lesson in lessons:
        executed = nbformat.read(tmp_path / lesson.name, as_version=4)
        cells = sum(cell.cell_type == "code" for cell in executed.cells)
        assert f"{cells}/{cells} cells" in next(
            line for line in reversed(done.stderr.splitlines()) if lesson.stem in line
        )
    assert "02_track_events" in (tmp_path / "report.html").read_text()
    assert commands_in(course_run.STACK_FOLDER) == []
