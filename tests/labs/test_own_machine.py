"""A trial in a student's notebook needs services that this stack has started."""

import subprocess
import sys

import pytest

from eventlab.labs.own_machine import ERROR, OwnMachine, TrialError
from eventlab.settings import OwnSettings

TRACEBACK = """WARN: retrying
Traceback (most recent call last):
  File "my_job.py", line 3, in <module>
    query.awaitTermination()
pyspark.errors.exceptions.base.StreamingQueryException: [STREAM_FAILED] Query terminated: no quota
\tat org.apache.hadoop.SomeException: of Java
"""


def test_without_services_no_job_is_started_and_the_command_that_starts_them_is_named(tmp_path):
    settings = OwnSettings(state_dir=tmp_path, port_offset=7000)

    with pytest.raises(TrialError, match="kills and starts services, but kafka is not running") as raised:
        OwnMachine(settings)

    assert raised.value.next_command == "eventlab up kafka"


def test_the_error_of_a_job_is_the_last_line_of_its_traceback():
    (error,) = ERROR.findall(TRACEBACK)

    assert error.startswith("pyspark.errors.exceptions.base.StreamingQueryException: [STREAM_FAILED]")


def test_an_error_without_a_message_is_one_too():
    assert ERROR.findall('  File "my_job.py", line 1\nNotImplementedError\n') == ["NotImplementedError"]


@pytest.mark.programs
@pytest.mark.parametrize(("program", "has_succeeded"), [("", True), ("exit(1)", False), ("input()", False)])
def test_a_job_has_succeeded_when_it_has_ended_without_an_error(program, has_succeeded):
    machine = OwnMachine.__new__(OwnMachine)
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as job:
        machine.processes = {"q1": job}
        if program != "input()":
            job.wait()

        assert machine.has_succeeded("q1") == has_succeeded
