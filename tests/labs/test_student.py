"""The notebook's side: the student's own input, checks that print, answers that leave as output."""

import sys
from pathlib import Path

import pytest
from flask import Flask, request
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import MessageSizeTooLargeError

from eventlab.clients.kafka import open_producer
from eventlab.labs import inputs, serve, student
from eventlab.labs.answers import AnswerError
from eventlab.labs.catalogue import LabError
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace
from eventlab.labs.seeds import practice_seed
from eventlab.labs.student import ANSWER, LabFailure, open_lab
from tests.helpers import wait_until


@pytest.fixture
def lab(stack, tmp_path, monkeypatch):
    """Lab 1, opened by a student in a folder of the student's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    opened = open_lab("lab01_events", student="somebody")
    try:
        yield opened
    finally:
        inputs.clear(opened.namespace)


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, as mime bundles."""
    found = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: found.append(bundle))
    return found


def right_counts(lab):
    events = Evidence(lab.namespace, lab.seed).events()
    types = [event["event_type"] for event in events]
    return {name: types.count(name) for name in types}


def test_opening_a_lab_makes_its_input_once(lab):
    before = len(Evidence(lab.namespace, lab.seed).messages())

    again = open_lab("lab01_events", student="somebody")

    assert before > 50
    assert len(Evidence(again.namespace, again.seed).messages()) == before


def test_a_seed_that_is_asked_for_gives_other_input(lab):
    before = Evidence(lab.namespace, lab.seed).messages()

    other = open_lab("lab01_events", student="somebody", seed=7)

    assert other.seed == 7
    assert [m.value for m in Evidence(other.namespace, 7).messages()] != [m.value for m in before]


def test_check_prints_each_public_check_and_how_many_are_hidden(lab, capsys):
    lab.check("q1")

    printed = capsys.readouterr().out
    assert "FAIL  every type of event is counted" in printed
    assert "got:" in printed
    assert "hint:" in printed
    assert printed.endswith("0/2 public checks pass; 1 hidden check runs when graded\n")
    assert "every type has its count" not in printed


def test_an_unknown_question_is_refused_with_the_names_of_all(lab):
    with pytest.raises(LabError, match="lab01_events has no question 'q5'; it has: q1, q2, q3, q4"):
        lab.check("q5")


@pytest.mark.parametrize(
    "answers", [lambda lab: lab.answer("q5", 3), lambda lab: lab.answer(1, 3), lambda lab: lab.serve("q5", Flask)]
)
def test_an_answer_to_an_unknown_question_is_refused_with_the_names_of_all(answers, shown):
    lab = student.OpenLab("lab01_events", Namespace.of_student("lab01_events", "ada"), 1)

    with pytest.raises(LabError, match=r"lab01_events has no question ('q5'|1); it has: q1, q2, q3, q4"):
        answers(lab)

    assert (lab.answers, lab._servers, shown) == ({}, {}, [])


def test_when_graded_an_answer_to_an_unknown_question_does_not_end_the_cell(shown):
    lab = student.OpenLab("lab01_events", Namespace.of_student("lab01_events", "ada"), 0, graded=True)

    lab.answer("q5", 3)

    assert lab.answers == {"q5": 3}


def test_a_failed_check_names_the_line_that_deletes_what_earlier_runs_left(lab, settings, capsys, shown):
    lab.check("q1")  # reads an answer only
    lab.check("q2")  # finds no committed offset
    lab.check("q3")  # finds no event
    assert "lab.restart()" not in capsys.readouterr().out

    with open_producer(settings.bootstrap_servers) as producer:
        producer.send(lab.new_topic("thanks"), b'{"event_type": "thank_you"}').get()
    lab.check("q3")
    assert "lab.restart() deletes them all" in capsys.readouterr().out

    lab.answer("q1", right_counts(lab))
    lab.check("q1")
    assert "lab.restart()" not in capsys.readouterr().out


def test_what_was_received_is_said_in_words(lab, capsys):
    lab.check("q2")
    lab.check("q3")

    printed = capsys.readouterr().out
    assert "expected: offset 30 of partition 0\n      got:      no committed offset" in printed
    assert "got:      nothing" in printed


def test_restart_deletes_what_a_cell_sent_and_the_answers_and_says_so(lab, settings, shown, capsys):
    lab.answer("q2", 3)
    with open_producer(settings.bootstrap_servers) as producer:
        producer.send(lab.new_topic("thanks"), b"x").get()
    before = Evidence(lab.namespace, lab.seed).messages()

    lab.restart()

    assert "The results and answers of lab01_events are deleted" in capsys.readouterr().out
    assert lab.answers == {}
    assert Evidence(lab.namespace, lab.seed).messages(lab.topic + "-thanks") == []
    assert [m.value for m in Evidence(lab.namespace, lab.seed).messages()] == [m.value for m in before]


def test_a_new_group_has_committed_nothing(lab, settings):
    lab.new_group()  # there is none yet
    consumer = KafkaConsumer(
        lab.topic, group_id=lab.group, bootstrap_servers=settings.bootstrap_servers, auto_offset_reset="earliest"
    )
    wait_until(lambda: consumer.poll(timeout_ms=1000))
    consumer.commit()
    with pytest.raises(inputs.InputError, match="close"):
        lab.new_group()
    consumer.close()
    assert Evidence(lab.namespace, lab.seed).committed() != {}

    lab.new_group()

    assert Evidence(lab.namespace, lab.seed).committed() == {}


def test_a_topic_refuses_messages_for_the_duration_of_a_block_only(lab, settings):
    topic = lab.new_topic("trial")
    refused = inputs.refuse_messages(topic), open_producer(settings.bootstrap_servers)
    with refused[0], refused[1] as producer, pytest.raises(MessageSizeTooLargeError):
        producer.send(topic, b"x").get(timeout=60)
    with open_producer(settings.bootstrap_servers) as producer:
        producer.send(topic, b"x").get(timeout=60)


def test_the_api_of_a_question_is_served_until_the_next_one_and_its_errors_are_in_a_file(lab, shown, capsys):
    copies = []

    def created(text):
        copies.append(text)
        app = Flask(text)
        app.add_url_rule("/", "root", lambda: text)
        app.add_url_rule("/fails", "fails", lambda: request.environ["wsgi.errors"].write("failed") or "")
        return app

    for text in ("first", "second"):
        lab.serve("q1", lambda text=text: created(text))

    first, second = (bundle[ANSWER]["value"] for bundle in shown)
    assert lab.answers["q1"] == second
    assert (serve.call(f"{first}/a", "/", "host"), serve.call(f"{second}/a", "/", "host")) == (None, 200)
    assert serve.call(f"{second}/a", "/nothing", "host") == 404
    assert serve.call(f"{second}/b", "/", "host") == 200
    assert serve.call(f"{second}/b", "/fails", "host") == 200
    assert Path("q1_api.log").read_text() == "failed"
    assert capsys.readouterr().err == "", "nbgrader gives no points to a check with text on standard error"
    assert copies == ["second", "second"]


@pytest.mark.parametrize(
    "url", ["http://example.org", "file:///etc/passwd", "http://127.0.0.1:80/x/y", "http://127.0.0.2:80", "3"]
)
def test_only_a_port_of_this_machine_is_called(url):
    with pytest.raises(ValueError, match="not the address"):
        serve.call(url, "/", "host")


def test_a_right_answer_passes(lab, capsys, shown):
    lab.answer("q1", right_counts(lab))
    lab.check("q1")

    assert capsys.readouterr().out.endswith("2/2 public checks pass; 1 hidden check runs when graded\n")


def test_an_answer_leaves_as_output_with_plain_text_beside_it(lab, shown):
    lab.answer("q1", {"a": 1})

    assert shown[-1] == {ANSWER: {"question": "q1", "value": {"a": 1}}, "text/plain": "q1: {'a': 1}"}


def test_an_answer_that_is_too_long_is_refused(lab):
    with pytest.raises(AnswerError, match="characters"):
        lab.answer("q1", "x" * 70_000)


def test_under_nbgrader_a_failed_check_raises(lab, monkeypatch, shown):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(LabFailure, match="2 of 2 checks of q1"):
        lab.check("q1")

    lab.answer("q1", right_counts(lab))
    lab.check("q1")
    lab.check("q1", hidden=True)


def test_a_new_topic_is_empty_each_time(lab, settings):
    name = lab.new_topic("thanks")
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers)
    producer.send(name, b"x").get()
    producer.close()
    assert len(Evidence(lab.namespace, 1).messages(name)) == 1

    assert lab.new_topic("thanks") == name
    assert Evidence(lab.namespace, 1).messages(name) == []


def test_when_graded_nothing_is_made_and_nothing_is_checked(capsys, monkeypatch):
    monkeypatch.setattr("eventlab.course.connect", lambda: pytest.fail("connected"))

    lab = open_lab("lab01_events", student="x", seed=5, topic="t-events", folder="/tmp/t", group="t-group")
    lab.check("q1")

    assert (lab.topic, lab.folder, lab.group) == ("t-events", "/tmp/t", "t-group")
    assert lab.seed == 0, "a graded notebook does not know the seed of its data"
    assert capsys.readouterr().out == "The grader runs the checks outside of this notebook.\n"


def test_the_api_of_a_student_is_served_on_a_free_port():
    import httpx

    app = Flask("try")
    app.add_url_rule("/", view_func=lambda: "hello")
    with serve.serve(app) as url:
        assert httpx.get(url, trust_env=False).text == "hello"
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_under_nbgrader_names_are_not_the_students(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    made = []
    monkeypatch.setattr("eventlab.course.connect", lambda: None)
    monkeypatch.setattr(student.OpenLab, "_create_input", lambda self: made.append(self.namespace.prefix))

    open_lab("lab01_events", student="ada")
    open_lab("lab01_events", student="bob")

    assert len(made) == 2
    assert len(set(made)) == 1


def test_the_practice_data_are_the_same_for_all_students(monkeypatch):
    """So that other data can differ from them, and a result that was written down is recognized."""
    monkeypatch.setattr("eventlab.course.connect", lambda: None)
    monkeypatch.setattr(student.OpenLab, "prepare", lambda self: None)
    opened = [open_lab("lab01_events", student=name) for name in ("", "ada", "bob")]

    assert {lab.seed for lab in opened} == {practice_seed("lab01_events")}
    assert len({lab.folder for lab in opened}) == 3


@pytest.mark.parametrize(
    ("program", "found"), [("ipykernel_launcher.py", []), ("my_job.py", ["-f", "kernel.json"])]
)
def test_code_in_a_notebook_does_not_read_the_arguments_of_its_kernel(monkeypatch, program, found):
    """Otherwise a job's cell without its line %%writefile reads `-f` as its topic."""
    monkeypatch.setattr(sys, "argv", [f"/somewhere/{program}", "-f", "kernel.json"])

    open_lab("lab05_stream", topic="a-events", folder="/a", group="a")

    assert sys.argv[1:] == found
