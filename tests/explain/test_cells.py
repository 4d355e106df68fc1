"""What an explanation reads from a cell: its commands, their values, and the words that a correction changes."""

from types import SimpleNamespace

import pytest

from eventlab.explain import braces, shell, shell_words
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.source_text import corrected_line
from eventlab.explain.why import explain as explain_silence
from eventlab.settings import settings


def words(source, **more):
    return [" ".join(command) for command in shell_words.commands(FailedCell(None, source, **more))]


def test_a_cell_has_the_commands_of_its_lines_pipes_and_lists():
    source = "!A=1 kafkacat -L | head -1 && echo done\nlines = !hadoop fs -ls /tmp\n!ls \\\n  -l"

    assert words(source) == ["kafkacat -L", "head -1", "echo done", "hadoop fs -ls /tmp", "ls -l"]


def test_jupyter_and_the_shell_replace_variables(monkeypatch):
    monkeypatch.setenv("BROKER", "host:1")
    variables = {"topic": "events"}

    assert words("!kafkacat -b $BROKER", namespace=variables) == ["kafkacat -b host:1"]
    assert words("!kafkacat -t {topic}", namespace=variables) == ["kafkacat -t events"]
    assert words("%%bash\nGROUP=g\nkafkacat -b ${BROKER} -t {topic} -G $GROUP", namespace=variables) == [
        "kafkacat -b host:1 -t {topic} -G g"
    ]


@pytest.mark.parametrize(
    ("source", "exit_code", "failed", "is_suspect"),
    [
        ("!kafkacat -L", 1, [["kafkacat", "-L"]], True),
        ("!kafkacat -L", 0, [], False),
        ("!kafkacat -L | tail -1", 0, [["kafkacat", "-L"]], True),
        ("!kafkacat -L || true", 0, [["kafkacat", "-L"]], False),
        ("%%bash\nuntil kafkacat -L; do sleep 1; done", 0, [["kafkacat", "-L"]], False),
        ("lines = !kafkacat -L", None, [["kafkacat", "-L"]], True),
        ("!kafkcat -L | tail -1", 0, [], True),
        ("!echo a | tail -1", 0, [], False),
        ("1 != 2", None, [], False),
    ],
)
def test_a_command_is_suspect_when_it_failed_and_the_cell_does_not_expect_that(
    source, exit_code, failed, is_suspect
):
    cell = FailedCell(None, source, exit_code=exit_code, failed=failed)

    assert shell_words.is_suspect(cell) is is_suspect


def test_only_a_recorded_failure_proves_that_a_command_failed():
    in_a_terminal = FailedCell(None, "!kafka-topics --create --topic t")
    in_a_notebook = FailedCell(None, "!kafka-topics --create --topic t", exit_code=1, failed=[["hadoop", "fs"]])

    assert not shell_words.must_have_failed(in_a_terminal)
    assert shell_words.failed_commands(in_a_terminal) == [["kafka-topics", "--create", "--topic", "t"]]
    assert shell_words.failed_commands(in_a_notebook) == [["hadoop", "fs"]]


@pytest.mark.parametrize(
    ("source", "old", "new", "line"),
    [
        ('host = df.select("host")', "host", "Host", 'host = df.select("Host")'),
        (
            'event = spark.sql("select * from event")',
            "event",
            "events",
            'event = spark.sql("select * from events")',
        ),
        ("visits.where(visits.Hots == 1)", "Hots", "Host", "visits.where(visits.Host == 1)"),
        ("select('a')  # Hots\nselect('Hots')", "Hots", "Host", "select('Host')"),
        ("lines = !kafkacat -t evens", "evens", "events", "lines = !kafkacat -t events"),
        ("%%bash\nevens=1\nkafkacat -t evens", "evens", "events", None),
        ("server.run(8080)", "8080", "8081", "server.run(8081)"),
        ("select('a a')", "a", "b", "select('b b')"),
        ("read('x'\n", "x", "y", "read('y'"),
    ],
)
def test_a_correction_changes_text_and_no_variable_or_comment(source, old, new, line):
    assert corrected_line(source, old, new) == line


def test_a_cell_with_a_captured_command_is_read_as_python():
    cell = FailedCell(None, "lines = !ls\nread('events')")

    assert [text for _, text in cell.strings()] == ["events"]


def test_the_newer_name_of_kafkacat_is_no_misspelt_cat(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    cell = FailedCell(None, "!kcat -L -t letters", exit_code=127, failed=[])

    box = shell.command_not_found(cell, settings)

    assert box
    assert box.remedy == "!kafkacat -L -t letters"


def braces_of(source, **namespace):
    """Explain a failed command whose names in braces have not been replaced."""
    cell = FailedCell(None, source, namespace, exit_code=2, failed=[["kafkacat"]])
    return next(filter(None, (explain(cell, settings) for explain in braces.EXPLANATIONS)), None)


def test_a_variable_that_no_cell_has_set_is_named_and_the_line_is_not_blamed():
    box = braces_of("!echo '{\"n\": 5}' | kafkacat -P -b {broker} -t {topic}", broker="localhost:1")

    assert box.what == "There is no variable 'topic', so the command got the text {topic}."
    assert "Run the cell that sets it" in box.instruction


def test_a_misspelt_variable_in_the_first_command_of_a_pipe_is_the_reason_for_why():
    source = "mine = !kafkacat -C -t {topics} -e | wc -l"
    cell = FailedCell(None, source, {"topic": "letters"}, exit_code=0, failed=[])

    assert explain_silence(cell, settings).remedy == "mine = !kafkacat -C -t {topic} -e | wc -l"


def test_a_misspelt_variable_in_braces_is_corrected():
    box = braces_of("!kafkacat -C -o {strat} -e", start=0)

    assert box.remedy == "!kafkacat -C -o {start} -e"


def test_json_in_a_corrected_line_keeps_its_quotes():
    box = braces_of('first = 1\n!echo {"n": 5} | kafkacat -P -b {broker}', broker="localhost:1")

    assert box.remedy == "!echo '{{\"n\": 5}}' | kafkacat -P -b {broker}"


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ('echo {"n": 5} | kafkacat -b {broker}', "echo '{\"n\": 5}' | kafkacat -b $BROKER"),
        ('echo \'{"n": {"m": 5}}\' | kafkacat -t {topic}', 'echo \'{"n": {"m": 5}}\' | kafkacat -t letters'),
        ("echo $HOME | kafkacat -t {topic}", "echo $HOME | kafkacat -t letters"),
        ("echo '{\"n\": 5}' | kafkacat -b {settings.broker}", "echo '{\"n\": 5}' | kafkacat -b a:2"),
    ],
)
def test_a_command_with_json_becomes_a_cell_of_the_shell_as_lessons_teach_it(command, script, monkeypatch):
    monkeypatch.setenv("BROKER", "a:1")
    monkeypatch.setenv("TOPIC", "another")

    box = braces_of(f"!{command}", broker="a:1", topic="letters", settings=SimpleNamespace(broker="a:2"))

    assert box.remedy == f"%%bash\n{script}"
