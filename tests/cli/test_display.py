"""What the commands print while services start: the log of a service that ended is printed once."""

import pytest
from rich.console import Console

from eventlab.cli import display
from eventlab.errors import StackError
from tests.stacks import free_settings


def test_an_error_that_was_printed_when_a_service_ended_is_not_printed_again(tmp_path, capsys):
    died = StackError("api died while starting. The end of its log, /a.log:\nno such luck", "eventlab logs api")

    def start(stack):
        stack.report("api", str(died))
        raise died

    with pytest.raises(StackError) as caught, display.open_stack(free_settings(tmp_path)) as stack:
        start(stack)

    assert capsys.readouterr().err.count("no such luck") == 1
    assert str(caught.value) == "api died while starting; the end of its log is above\nNext: eventlab logs api"


def test_an_error_that_was_not_printed_keeps_its_log(tmp_path):
    late = StackError("api did not answer within 3 s. The end of its log, /a.log:\nsleeping")

    with pytest.raises(StackError, match="sleeping"), display.open_stack(free_settings(tmp_path)):
        raise late


def test_the_phases_of_a_service_are_no_errors():
    lines = display.ProgressLines(Console(quiet=True))

    lines.report_service("api", "starting")

    assert lines.errors == set()
