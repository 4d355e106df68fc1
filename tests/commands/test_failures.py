"""The kit's commands record their failures for a notebook, and pass signals on to the program that they run."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from eventlab.commands import __main__ as commands
from eventlab.commands import failures
from eventlab.stack.environment import BIN_FOLDER


@pytest.fixture
def recorded(monkeypatch, tmp_path):
    """Record failures in a file, and return its path."""
    path = tmp_path / "failed.jsonl"
    path.touch()
    monkeypatch.setenv(failures.VARIABLE, str(path))
    return path


@pytest.mark.programs
def test_a_failed_command_is_recorded_with_its_words(recorded):
    subprocess.run([BIN_FOLDER / "hadoop", "jar", "x.jar"], capture_output=True)
    subprocess.run([BIN_FOLDER / "kafkacat", "-X", "no such"], capture_output=True)
    subprocess.run([BIN_FOLDER / "kafkacat", "-h"], capture_output=True)

    assert failures.read() == [["hadoop", "jar", "x.jar"], ["kafkacat", "-X", "no such"]]
    failures.clear()
    assert failures.read() == []


@pytest.mark.programs
def test_a_failure_behind_a_pipe_is_recorded(recorded):
    done = subprocess.run(f"{BIN_FOLDER}/hadoop jar x.jar | true", shell=True, capture_output=True)

    assert done.returncode == 0
    assert failures.read() == [["hadoop", "jar", "x.jar"]]


def test_nothing_is_recorded_outside_of_a_notebook(monkeypatch):
    monkeypatch.delenv(failures.VARIABLE, raising=False)
    failures.record(["kafkacat"], 1)

    assert failures.read() is None


def test_each_kernel_has_a_file_of_its_own(recorded):
    failures.start()
    own = os.environ[failures.VARIABLE]
    failures.start()
    failures.record(["hadoop"], 1)

    assert os.environ[failures.VARIABLE] == own != str(recorded)
    assert failures.read() == [["hadoop"]]
    failures.stop()
    assert not os.path.exists(own)
    assert recorded.read_text() == ""


def run_in_child(program):
    """Return a command that runs a program as the commands of Java are run."""
    call = "import os, sys; from eventlab.commands.__main__ import run_in_child; "
    call += f"sys.exit(run_in_child({program}, os.environ))"
    return [sys.executable, "-c", call]


def child(code):
    return json.dumps([sys.executable, "-c", code])


@pytest.mark.programs
def test_a_stack_trace_is_hidden_and_an_error_of_java_is_shown():
    lines = [
        "java.lang.OutOfMemoryError: Java heap space",
        "\tat a.B.c(D.java:1)",
        "org.a.SomeException: x",
        "caf\\xe9",
    ]
    code = f"import sys; sys.stderr.buffer.write(b'''{chr(10).join(lines)}'''); sys.exit(3)"

    done = subprocess.run(run_in_child(child(code)), capture_output=True)

    assert done.returncode == 3
    assert done.stderr == b"java.lang.OutOfMemoryError: Java heap space\ncaf\xe9"


@pytest.mark.programs
def test_lines_of_standard_output_and_standard_error_keep_their_order_where_one_terminal_shows_both():
    code = "import sys; [print(n, file=(sys.stdout, sys.stderr)[n % 2], flush=True) for n in range(50)]"

    done = subprocess.run(run_in_child(child(code)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    assert done.stdout.split() == [str(n) for n in range(50)]


@pytest.mark.programs
def test_standard_output_and_standard_error_stay_apart_where_they_go_to_two_places():
    code = "import sys; print('out'); print('error', file=sys.stderr)"

    done = subprocess.run(run_in_child(child(code)), capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("out\n", "error\n")


@pytest.mark.programs
def test_bytes_are_not_changed_where_one_pipe_carries_both_outputs(tmp_path):
    file = tmp_path / "written"
    file.write_bytes(b"10%\r20%\r\ncaf\xe9\x00" + b"x" * 200_000 + b"\n\nno end of a line")
    code = f"import sys; sys.stdout.buffer.write(open({str(file)!r}, 'rb').read())"

    done = subprocess.run(run_in_child(child(code)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    assert done.stdout == file.read_bytes()


@pytest.mark.programs
def test_the_exit_code_is_that_of_the_program_when_the_reader_closes_the_pipe():
    code = "import sys; [print(n) for n in range(100_000)]; sys.exit(3)"

    with subprocess.Popen(
        run_in_child(child(code)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "0\n"  # as `2>&1 | head -1` does
        process.stdout.close()

        assert process.wait(timeout=20) == 3


@pytest.mark.programs
def test_standard_output_does_not_get_the_lines_of_a_closed_standard_error():
    code = "import os; os.write(1, b'out'); os.write(2, b'error')"
    closed = ["sh", "-c", 'exec "$@" 2>&-', "sh", *run_in_child(child(code))]

    assert subprocess.run(closed, stdout=subprocess.PIPE).stdout == b"out"


@pytest.mark.programs
def test_a_signal_ends_the_program_that_the_command_runs(tmp_path):
    pid_file = tmp_path / "pid"
    code = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with subprocess.Popen(run_in_child(child(code))) as process:
        deadline = time.monotonic() + 20
        while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 128 + signal.SIGTERM

    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_a_name_in_braces_is_refused_with_what_to_write_in_each_kind_of_cell(capsys):
    assert commands.run("kafkacat", ["-b", "{broker}"]) == 2

    message = capsys.readouterr().err
    assert "write JSON's braces twice" in message
    assert "In a %%bash cell, write $NAME" in message


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("spark-submit", [], "which program?"),
        ("spark-submit", ["nowhere.py"], "there is no file nowhere.py"),
        ("hadoop", ["fs", "mkdir", "/tmp/x"], "hadoop fs -mkdir"),
    ],
)
def test_a_wrong_word_is_reported_before_java_starts(name, arguments, message, capfd):
    assert commands.run(name, arguments) == 2
    assert message in capfd.readouterr().err
