"""The `eventlab` command: its help, its log, its errors, and what each command imports."""

import json
import logging
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from eventlab.cli.app import MODULE_OF_COMMAND, main
from eventlab.errors import EventlabError
from eventlab.stack import Stack
from eventlab.stack.services import SERVICES, select
from tests.helpers import PipedProcess

COMMAND = [sys.executable, "-m", "eventlab.cli"]
IN_FORKS = """
import contextlib, io, json, os, sys
from eventlab.cli.app import main

for arguments in json.loads(sys.argv[1]):
    if os.fork() == 0:
        with contextlib.redirect_stdout(io.StringIO()) as output:
            try:
                main(arguments)
            except SystemExit as end:
                status = end.code
        assert output.getvalue()
        print(json.dumps({"exit": status, "imported": [*sys.modules]}), flush=True)
        os._exit(0)
    os.wait()
"""
"""Runs commands, each in a process that has imported only what all commands import."""


def run(*arguments):
    """Run a command in this process."""
    return CliRunner().invoke(main, arguments)


def failing_with(error):
    """Return a function that replaces `Stack.status` and raises the error."""

    def status(settings, names):
        raise error

    return status


@pytest.mark.parametrize(
    ("arguments", "is_shown"), [(["--verbose", "status"], True), (["status", "-v"], True), (["status"], False)]
)
def test_verbose_shows_the_log_before_and_after_the_subcommand(monkeypatch, caplog, arguments, is_shown):
    logger = logging.getLogger("eventlab")
    level = logger.level

    def status(stack, names):
        logger.info("the services are probed")
        return []

    monkeypatch.setattr(Stack, "status", status)

    done = run(*arguments)
    logger.setLevel(level)

    assert done.exit_code == 0
    assert ("the services are probed" in caplog.text) is is_shown


@pytest.mark.programs
def test_very_verbose_shows_where_an_error_was_raised():
    done = subprocess.run([*COMMAND, "-vv", "labs", "release", "lab99"], capture_output=True, text=True)

    assert done.returncode == 1
    assert "DEBUG   eventlab.cli.app: The command failed" in done.stderr
    assert done.stdout == ""
    assert "in find" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        *((["staus"], "status"), (["lab", "--no-browsr"], "--no-browser"), (["lesson", "rest", "05"], "reset")),
        *((["labs", "relase", "lab01"], "release"), (["docter"], "doctor")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_a_misspelt_command_or_option_gets_the_nearest_one(arguments, near):
    done = run(*arguments)

    assert done.exit_code == 2
    assert near in done.stderr.partition("Did you mean")[2]


def test_an_error_of_the_kit_is_a_message_and_the_next_command(monkeypatch):
    monkeypatch.setattr(Stack, "status", failing_with(EventlabError("Kafka is full", "eventlab doctor")))

    done = run("status")

    assert done.exit_code == 1
    assert done.stderr == "Error: Kafka is full\nNext: eventlab doctor\n"


def test_an_error_with_the_name_of_a_students_file_does_not_control_the_terminal(monkeypatch):
    monkeypatch.setattr(Stack, "status", failing_with(EventlabError("\x1b]0;title\x07 \x9b2J \r\tand\nmore")))

    assert run("status").stderr == "Error: �]0;title� �2J �\tand\nmore\n"


@pytest.mark.parametrize("error", [ValueError("a bug"), TimeoutError("a bug")])
def test_an_unexpected_exception_keeps_its_traceback(monkeypatch, error):
    monkeypatch.setattr(Stack, "status", failing_with(error))

    assert run("status").exception is error


def test_ctrl_c_ends_a_command_with_130(monkeypatch):
    monkeypatch.setattr(Stack, "status", failing_with(KeyboardInterrupt()))

    done = run("status")

    assert done.exit_code == 130
    assert "Interrupted" in done.stderr


def test_the_log_of_an_unknown_service_is_refused_with_the_names_of_all_services():
    done = run("logs", "zookeeper")

    assert done.exit_code == 1
    assert "there is no service 'zookeeper'; there are: kafka, namenode, datanode, spark, api" in done.stderr


@pytest.mark.parametrize(("name", "nearest"), [("kafak", "kafka"), ("data-node", "datanode"), ("Spark", "spark")])
def test_a_misspelt_service_is_refused_with_the_nearest_name(name, nearest):
    done = run("up", name)

    assert done.exit_code == 1
    assert f"did you mean {nearest!r}?" in done.stderr


def test_services_may_be_named_in_one_string():
    assert [service.name for service in select("kafka, api kafka")] == ["kafka", "api"]


@pytest.mark.parametrize("name", ["up", "down", "status", "restart", "logs"])
def test_the_help_of_a_command_lists_the_services(name):
    listed = run(name, "--help").output.partition("Services:\n")[2]

    assert [line.split()[0] for line in listed.splitlines()] == list(SERVICES)


@pytest.mark.programs
def test_a_followed_log_continues_in_the_file_that_replaces_it(tmp_path):
    log = tmp_path / "logs" / "kafka.log"
    log.parent.mkdir()
    log.write_text("one\ntwo\n")
    command = [*COMMAND, "logs", "kafka", "-f", "-n", "1"]
    environment = os.environ | {"EVENTLAB_STATE_DIR": str(tmp_path)}

    with PipedProcess(command, env=environment, stdout=subprocess.PIPE, text=True) as follower:
        first = follower.stdout.readline()
        (tmp_path / "new").write_text("three\n")
        (tmp_path / "new").replace(log)
        second = follower.stdout.readline()
        follower.terminate()

    assert [first, second] == ["two\n", "three\n"]


@pytest.mark.parametrize("name", sorted(set(MODULE_OF_COMMAND) - {"load", "kafkacat"}))
def test_every_command_has_a_help_text_with_its_line_breaks(name):
    first, again = run(name, "--help"), run(name, "--help")

    assert first.exit_code == 0
    assert first.output == again.output
    assert "\b" not in first.output


@pytest.mark.programs
def test_help_works_with_an_invalid_setting():
    invalid = os.environ | {"EVENTLAB_KAFKA_PORT": "seventy"}
    commands = [["--help"], ["--version"], ["up", "--help"], ["run", "--help"]]
    done = subprocess.run(
        [sys.executable, "-c", IN_FORKS, json.dumps(commands)], env=invalid, capture_output=True, text=True
    )

    assert [status["exit"] for status in map(json.loads, done.stdout.splitlines())] == [0] * len(commands)
    assert done.stderr == ""


@pytest.mark.programs
def test_doctor_reports_an_invalid_setting_and_the_remedy():
    invalid = os.environ | {"EVENTLAB_KAFKA_PORT": "seventy"}
    done = subprocess.run([*COMMAND, "doctor", "--json"], env=invalid, capture_output=True, text=True)

    failed = [check for check in json.loads(done.stdout) if check["name"] == "settings"]
    assert done.returncode == 1
    assert [(check["ok"], check["remedy"]) for check in failed] == [(False, "unset EVENTLAB_KAFKA_PORT")]


def test_examples_keep_one_line_each():
    lines = run("up", "--help").output.splitlines()

    assert "    eventlab up kafka api                     start only Kafka and the game API" in lines


@pytest.mark.programs
def test_a_command_imports_no_other_commands_and_no_feature_for_its_help():
    not_imported = {
        "up": ("eventlab.grading", "eventlab.labs", "eventlab.course", "eventlab.cli.grade", "pyspark"),
        "grade": ("eventlab.stack", "eventlab.cli.stack", "pyspark"),
        "labs": ("eventlab.grading", "eventlab.cli.stack", "eventlab.cli.course"),
        "run": ("eventlab.cli.stack", "eventlab.cli.grade", "papermill"),
    }
    commands = json.dumps([[command, "--help"] for command in not_imported])
    lines = subprocess.check_output([sys.executable, "-c", IN_FORKS, commands], text=True).splitlines()

    for (command, others), line in zip(not_imported.items(), lines, strict=True):
        imported = json.loads(line)["imported"]
        assert f"eventlab.cli.{MODULE_OF_COMMAND[command]}" in imported
        assert [name for name in imported if name.startswith(others)] == [], command
