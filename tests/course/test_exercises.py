"""The check of an exercise says whether it is solved, and what is missing."""

import re
from types import SimpleNamespace

import pytest

from eventlab import course
from eventlab.clients import kafka
from eventlab.clients.hdfs import open_hdfs
from eventlab.course import exercises, preparation, topics
from eventlab.stack import filesystem


def checked(capsys, *arguments):
    """Run a check and return what it prints."""
    course.check(*arguments)
    return capsys.readouterr().out


def test_without_an_answer_the_check_says_what_to_do(capsys):
    assert checked(capsys, "05-1", ...) == (
        "Exercise 5.1: no answer yet. Replace the ... by your answer and run the cell again.\n"
    )


def test_a_wrong_answer_is_shown_with_a_hint(capsys):
    printed = checked(capsys, "08-1", "sword")

    assert printed.startswith("Exercise 8.1: not yet. Your answer is 'sword'. Group by the item")


@pytest.mark.parametrize("answer", [10, "10", ["10"], " 10\n"])
def test_the_output_of_a_shell_command_is_a_right_answer(capsys, answer):
    assert checked(capsys, "04-1", answer) == "Exercise 4.1: correct.\n"


def test_an_answer_is_not_missing_when_it_is_none(capsys):
    printed = checked(capsys, "08-1", None)

    assert printed.startswith("Exercise 8.1: not yet. Your answer is None. A function that shows")


def test_a_guild_of_none_is_the_row_of_the_events_without_a_guild(capsys):
    assert "guild is NULL in this row. Only events of the type join_guild" in checked(capsys, "08-2", None)
    assert "NULL" not in checked(capsys, "08-2", "owls")
    assert checked(capsys, "08-2", "Dragons") == "Exercise 8.2: correct.\n"


def test_the_number_is_right_only_when_it_was_sent(capsys, monkeypatch):
    events: list[tuple[int, dict[str, object]]] = [(0, {"event_type": "purchase_sword"})]
    monkeypatch.setattr(preparation.lesson, "topic", "events-05")
    monkeypatch.setattr(exercises, "events_of", lambda topic: events if topic == "events-05-mixed" else [])
    assert "'events-05-mixed' contains no event {\"event_type\": 5}." in checked(capsys, "05-2", "5")

    events.append((1, {"event_type": 5}))

    assert checked(capsys, "05-2", "5") == "Exercise 5.2: correct.\n"
    assert "Read the last row" in checked(capsys, "05-2", None)


@pytest.fixture
def sent(monkeypatch):
    """Events that the lesson's topic contains instead of those in Kafka; the lesson begins at offset 2."""
    events = [{"event_type": "purchase", "item": {"name": "sword", "price": 999}, "quantity": 1}, {}]
    monkeypatch.setattr(preparation.lesson, "topic", "events")
    monkeypatch.setattr(preparation.lesson, "start", 2)
    monkeypatch.setattr(exercises, "checked_until", set())
    monkeypatch.setattr(exercises, "numbered_events", lambda: list(enumerate(events))[2:])
    for name in ("end_offset", "end_offset_or_zero"):
        monkeypatch.setattr(topics, name, lambda topic: len(events))
    return events


KNIFE = {"event_type": "purchase_knife", "Host": "user3.verizon.com"}
SWORD = {"event_type": "purchase", "item": {"name": "sword", "price": 120, "tags": []}, "quantity": 1}
POTIONS = {"event_type": "purchase", "item": {"name": "potion", "price": 15, "tags": []}, "quantity": 7}


def test_25_knives_are_right_again_when_the_solution_sends_25_more(capsys, sent):
    sent += [KNIFE] * 25
    assert checked(capsys, "03-1") == "Exercise 3.1: correct.\n"

    sent += [KNIFE] * 25
    assert checked(capsys, "03-1") == "Exercise 3.1: correct.\n"
    assert checked(capsys, "03-1") == "Exercise 3.1: correct.\n"


@pytest.mark.parametrize("number", [0, 10, 50, 250])
def test_after_a_wrong_number_of_knives_25_more_are_right(capsys, sent, number):
    sent += [KNIFE] * number
    printed = checked(capsys, "03-1")
    assert printed.startswith(f"Exercise 3.1: not yet. {number} knives were bought")
    assert printed.endswith("Send 25 requests with one command, and check again: earlier requests do not count.\n")

    sent += [KNIFE] * 25
    assert checked(capsys, "03-1") == "Exercise 3.1: correct.\n"


def test_ten_knives_three_times_are_not_25(capsys, sent):
    for _ in range(3):
        sent += [KNIFE] * 10
        assert "10 knives were bought" in checked(capsys, "03-1")


@pytest.mark.parametrize(("times", "revenue"), [(1, 225), (2, 450)])
def test_the_revenue_is_that_of_the_purchases_that_were_sent(capsys, sent, times, revenue):
    sent += [SWORD, POTIONS] * times + [{"event_type": "purchase", "item": "by hand"}, {"event_type": "purchase"}]

    assert checked(capsys, "06-2", revenue) == "Exercise 6.2: correct.\n"
    assert "multiply item.price by quantity" in checked(capsys, "06-2", 135)


def test_without_a_purchase_the_check_says_which_cells_to_run(capsys, sent):
    assert "Run the two cells that send purchases again" in checked(capsys, "06-2", None)


def test_the_hosts_that_occur_are_named(capsys, sent):
    assert checked(capsys, "02-1").endswith("These occur: none.\n")

    sent += [{"Host": "user3.verizon"}]
    assert checked(capsys, "02-1").endswith("These occur: user3.verizon.\n")

    sent += [{"Host": "user3.verizon.com"}]
    assert checked(capsys, "02-1") == "Exercise 2.1: correct.\n"


def test_the_guilds_that_were_joined_are_named(capsys, sent):
    assert "These guilds were joined: none. Call" in checked(capsys, "06-1")

    sent += [{"event_type": "join_guild", "guild": "owl"}] * 2 + [{"event_type": "join_guild", "guild": "owls"}]

    assert "These guilds were joined: owl (2), owls (1)." in checked(capsys, "06-1")


def test_the_folders_that_were_written_are_named(capsys, monkeypatch):
    monkeypatch.setattr(filesystem, "exists", lambda path: True)
    monkeypatch.setattr(filesystem, "names", lambda path: ["_SUCCESS", "host=user1", "host=user2"])
    assert "not 2. It contains: _SUCCESS, host=user1, host=user2. Write it again" in checked(capsys, "07-1")

    monkeypatch.setattr(filesystem, "names", lambda path: [])
    assert "not 2. It is empty. Write it again" in checked(capsys, "07-1")


def test_without_a_knife_the_check_names_the_line_of_the_report_that_counts_refused_requests(capsys, sent):
    assert "in the line Non-2xx responses" in checked(capsys, "03-1")

    sent += [KNIFE] * 10
    assert "Non-2xx" not in checked(capsys, "03-1")


def test_all_events_since_the_lesson_began_are_counted(capsys, sent):
    sent += [{}] * 4

    assert checked(capsys, "02-2", ["% Reached end of topic", "4"]) == "Exercise 2.2: correct.\n"
    assert "The lesson's first event has offset 2." in checked(capsys, "02-2", 6)


@pytest.mark.parametrize("name", ["04-1", "05-1"])
def test_an_event_that_does_not_belong_to_the_topic_is_named_as_the_reason(capsys, sent, name):
    assert "Run the cell with course.prepare again" in checked(capsys, name, 11)

    sent += [{}] * 38
    assert "course.prepare" not in checked(capsys, name, 11)


def test_a_group_that_has_committed_by_mistake_is_set_back(capsys, monkeypatch):
    committed = {0: 5}
    monkeypatch.setattr(kafka, "committed_offsets", lambda *arguments: committed)
    monkeypatch.setattr(preparation.lesson, "topic", "events-04")

    printed = checked(capsys, "04-2", 5)
    assert "--group game-analytics-3 --topic events-04 --reset-offsets --to-earliest --execute" in printed
    committed.clear()
    assert "Its first number is the start." in checked(capsys, "04-2", (0, 4))
    assert checked(capsys, "04-2", 0) == "Exercise 4.2: correct.\n"


def test_services_that_run_are_named_and_their_number_is_not_the_answer(capsys, monkeypatch):
    running = [SimpleNamespace(name="kafka", state="running", pid=7)]
    monkeypatch.setattr(exercises, "Stack", lambda settings: SimpleNamespace(status=lambda names: running))
    assert "These services run: kafka. Run !eventlab down" in checked(capsys, "09-1", 1)

    running.clear()
    assert "Count the services" in checked(capsys, "09-1", 1)
    assert checked(capsys, "09-1", 0) == "Exercise 9.1: correct.\n"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("5-1", "05-1"),
        ("2-2", "02-2"),
        ("ex 8-2", "08-2"),
        ("1.1", "01-1"),
        ("Exercise 10.1", "10-1"),
        ("07.2 ", "07-2"),
        (1.1, "01-1"),
        (["05-1"], "05-1"),
    ],
)
def test_an_unknown_exercise_is_refused_with_the_nearest_name(name, near):
    refused = re.escape(f"there is no exercise {name!r}; did you mean '{near}'?")
    with pytest.raises(course.LessonError, match=refused):
        course.check(name, 1)


@pytest.mark.parametrize("name", ["purchases", "", "99.9", 5, None, ...])
def test_an_exercise_with_no_near_name_is_refused_with_the_names_of_all(name):
    with pytest.raises(course.LessonError, match=r"there are: 01-1, .*, 09-2"):
        course.check(name, 1)


def test_a_check_looks_at_the_topic_since_the_lesson_began(stack, topic, capsys, monkeypatch):
    monkeypatch.setattr(preparation.lesson, "topic", topic)
    monkeypatch.setattr(preparation.lesson, "start", 1)
    event = b'{"event_type": "join_guild", "guild": "owls"}'
    preparation._replace_messages(topic, [event, event, b"no json"])
    assert "that join the guild owls: 1, not 2." in checked(capsys, "06-1")

    preparation._replace_messages(topic, [event, event, event])

    assert checked(capsys, "06-1").endswith("Exercise 6.1: correct.\n")


def test_a_check_looks_at_hdfs(stack, capsys):
    filesystem.delete("/tmp/hello")

    assert checked(capsys, "01-2") == (
        "Exercise 1.2: not yet. There is no folder /tmp/hello on HDFS. Create it with hadoop fs -mkdir.\n"
    )

    open_hdfs(exercises.settings).touch("/tmp/hello")
    assert "/tmp/hello is a file, not a folder" in checked(capsys, "01-2")
    filesystem.delete("/tmp/hello")


def test_a_check_looks_at_the_partitions_of_a_topic(stack, capsys):
    kafka.delete_topics(stack.bootstrap_servers, ["practice"])
    assert "There is no topic 'practice'" in checked(capsys, "01-1")

    kafka.recreate_topic(stack.bootstrap_servers, "practice")

    printed = checked(capsys, "01-1")
    assert "The topic 'practice' has 1 partition(s), not 3. Delete it, and create it again:\n" in printed
    assert f"!kafka-topics --delete --topic practice --bootstrap-server {stack.bootstrap_servers}\n" in printed
    kafka.delete_topics(stack.bootstrap_servers, ["practice"])
