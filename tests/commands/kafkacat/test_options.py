"""The options of kafkacat: their meaning, their errors, and the help text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlab.commands.kafkacat import MODES, main
from eventlab.commands.kafkacat.options import FatalError, UsageError
from tests.commands.kafkacat.helpers import options


def test_the_flags_of_the_course_are_parsed() -> None:
    parsed = options("-C", "-b", "kafka:29092", "-t", "events", "-o", "beginning", "-e")
    assert (parsed.mode, parsed.brokers, parsed.topic, parsed.exit_at_end) == ("C", "kafka:29092", "events", True)


def test_short_flags_can_be_combined_with_their_values() -> None:
    assert options("-Ceqtevents", "-c5", "-K:") == options("-C", "-e", "-q", "-t", "events", "-c", "5", "-K", ":")


@given(
    count=st.integers(0, 10**12),
    partition=st.integers(0, 10**6),
    topic=st.text("abcXYZ019._-", min_size=1, max_size=40),
)
def test_attached_and_separate_values_mean_the_same(count: int, partition: int, topic: str) -> None:
    attached = options("-C", f"-c{count}", f"-p{partition}", f"-t{topic}")
    assert attached == options("-C", "-c", str(count), "-p", str(partition), "-t", topic)


@pytest.mark.parametrize(("tty", "mode"), [(True, "Consumer"), (False, "Producer")])
def test_without_a_mode_a_terminal_consumes_and_a_pipe_produces(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tty: bool, mode: str
) -> None:
    monkeypatch.setattr("os.isatty", lambda descriptor: tty)
    monkeypatch.setitem(MODES, mode[0], lambda options: 0)
    assert main(["-t", "events"]) == 0
    assert capsys.readouterr().err == f"% Auto-selecting {mode} mode (use -P or -C to override)\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-C"], "-t <topic> missing"),
        (["-C", "-t"], "unknown argument: option -t requires argument"),
        (["-y"], "unknown argument: option -y not recognized"),
        (["-C", "-t", "events", "-eJ"], "unknown argument: option -J not recognized"),
        (
            ["-C", "-t", "events", "-o", "begining"],
            "-o expects beginning, end, <offset> or -<count>, not 'begining'",
        ),
        (["-C", "-t", "events", "-c", "many"], "-c expects a number, not 'many'"),
        (["-P", "-t", "events", "file"], "unexpected argument: file"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(argv: list[str], message: str) -> None:
    with pytest.raises(UsageError, match="^" + message.replace("(", r"\(")):
        options(*argv)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-C", "-P"], "Do not mix modes: -P seen when -C already set"),
        (["-C", "-t", "events", "-K", r"\x"], "expects a hex number"),
    ],
)
def test_options_that_cannot_work_are_rejected_before_connecting(argv: list[str], message: str) -> None:
    with pytest.raises(FatalError, match=message):
        options(*argv)


@pytest.mark.parametrize(
    ("offset", "code"),
    [("beginning", -2), ("end", -1), ("-3", -2003), ("-1", -2001), ("20", 20), ("0", 0)],
)
def test_an_offset_has_the_code_of_librdkafka(offset: str, code: int) -> None:
    assert options("-C", "-t", "events", "-o", offset).offset == code


def test_help_goes_to_stdout_and_is_not_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr()
    assert "kafkacat -C -t events -o beginning -e" in printed.out
    assert printed.err == ""


@pytest.mark.parametrize(
    ("argv", "beginning"),
    [
        (["-C"], "Error: -t <topic> missing\n\nUsage: kafkacat "),
        (["-C", "-t", "events", "-J"], "Error: unknown argument: option -J not recognized\n\nUsage: kafkacat "),
        (["-C", "-t", "events", "-f", "%z"], "% ERROR: Unsupported formatter: %z\n"),
    ],
)
def test_errors_begin_as_those_of_kcat(
    capsys: pytest.CaptureFixture[str], argv: list[str], beginning: str
) -> None:
    assert main(argv) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(beginning)
    assert ("kafkacat -h" in printed) == printed.startswith("Error: ")
