"""The check of an exercise says whether it is solved, and what is missing."""

import pytest

from eventlab import course
from eventlab.course import preparation


def checked(capsys, *arguments):
    """Run a check and return what it prints."""
    course.check(*arguments)
    return capsys.readouterr().out


def test_without_an_answer_the_check_says_what_to_do(capsys):
    assert checked(capsys, "05-1", ...) == (
        "Exercise 5.1: no answer yet. Replace the ... by your answer and run the cell again.\n"
    )


def test_a_wrong_answer_is_shown_with_a_hint(capsys):
    printed = checked(capsys, "05-1", 20)

    assert printed.startswith("Exercise 5.1: not yet. Your answer is 20. Two conditions:")


@pytest.mark.parametrize("answer", [10, "10", ["10"], " 10\n"])
def test_the_output_of_a_shell_command_is_a_right_answer(capsys, answer):
    assert checked(capsys, "04-1", answer) == "Exercise 4.1: correct.\n"


def test_an_unknown_exercise_is_refused_with_the_names_of_all():
    with pytest.raises(course.LessonError, match="05-2"):
        course.check("5-1", 1)


def test_a_check_looks_at_the_topic_since_the_lesson_began(stack, topic, capsys, monkeypatch):
    monkeypatch.setattr(preparation.lesson, "topic", topic)
    monkeypatch.setattr(preparation.lesson, "start", 1)
    event = b'{"event_type": "join_guild", "guild": "owls"}'
    preparation._replace_messages(topic, [event, event, b"no json"])
    assert "1 event(s) since this lesson began" in checked(capsys, "06-1")

    preparation._replace_messages(topic, [event, event, event])

    assert checked(capsys, "06-1").endswith("Exercise 6.1: correct.\n")


def test_a_check_looks_at_hdfs(stack, capsys):
    from eventlab.stack import filesystem

    filesystem.delete("/tmp/hello")

    assert checked(capsys, "01-2") == "Exercise 1.2: not yet. There is no folder /tmp/hello on HDFS.\n"


def test_a_check_looks_at_the_partitions_of_a_topic(stack, capsys):
    from eventlab.clients import kafka

    kafka.delete_topics(stack.bootstrap_servers, ["practice"])
    assert "There is no topic 'practice'" in checked(capsys, "01-1")

    kafka.recreate_topic(stack.bootstrap_servers, "practice")

    assert "The topic 'practice' has 1 partition(s), not 3" in checked(capsys, "01-1")
    kafka.delete_topics(stack.bootstrap_servers, ["practice"])
