"""Streaming jobs: nothing is lost or written twice over a restart, and what cannot be read is a dead letter."""

import json
import os
import signal
from subprocess import PIPE, Popen
from typing import Any

import pytest
from click.testing import CliRunner

from eventlab import files
from eventlab.cli.app import main
from eventlab.clients import kafka
from eventlab.clients.spark import release_session
from eventlab.jobs import stream_inventory, stream_purchases, stream_windows, streams
from eventlab.jobs.dead_letters import PLACE, dead_letter_topic
from eventlab.jobs.topic import JobError
from eventlab.settings import settings
from eventlab.stack import Stack, filesystem
from eventlab.stack.tokens import spark_token
from tests.bench import kills
from tests.jobs.helpers import KNIFE, SWORD


@pytest.fixture
def catch_up(spark, topic, folder):
    """Return a function that lets a job read what is in the topic; it returns the rows and what was reported."""

    def run(job):
        reported: list[str] = []
        streams.run_until_stopped(job.start(spark, topic, folder, streams.CATCH_UP), reported.append)
        return spark.read.parquet(folder).collect(), reported

    yield run
    filesystem.delete(f"{folder}.checkpoint")
    filesystem.delete(f"{folder}.dead.checkpoint")


def dead_letters(stack, topic):
    """Return value, reason and offset of each message in the dead-letter topic."""
    records = kafka.read_topic(stack.bootstrap_servers, dead_letter_topic(topic))
    headers = [(record.value, dict(record.headers)) for record in records]
    return [(value, found["reason"].decode(), int(found["offset"])) for value, found in headers]


def event(time, event_type="purchase_sword", **fields):
    """Return an event of the player Ada at a time after noon."""
    return {"time": f"2026-03-14T{time}", "event_type": event_type, "player": "ada"} | fields


def test_each_purchase_is_written_once_over_a_restart_and_broken_messages_are_dead_letters(
    stack, topic, send, catch_up
):
    send(SWORD, b"not json", KNIFE)
    first, reported = catch_up(stream_purchases)
    send(SWORD, None)

    second, _ = catch_up(stream_purchases)

    assert [row.offset for row in first] == [0]
    assert sorted(row.offset for row in second) == [0, 3]
    assert dead_letters(stack, topic) == [
        (b"not json", streams.NOT_AN_OBJECT, 1),
        (None, streams.NOT_AN_OBJECT, 4),
    ]
    assert any("has read 3 messages and written 1" in line for line in reported)

    command = ["replay", topic, "--through", 'grep not | sed \'s/not json/{"event_type": "purchase_sword"}/\'']
    replayed, again = (CliRunner().invoke(main, command) for _ in range(2))

    assert replayed.stdout.splitlines() == [
        "partition 0, offset 0 (not a JSON object): sent, offset 5",
        "partition 0, offset 1 (not a JSON object): sent, offset 6",
    ]
    assert "0 of 0 new messages" in again.stderr
    with kafka.open_producer(stack.bootstrap_servers) as producer:  # as another job that reads the topic does
        headers = [(name, str(place).encode()) for name, place in zip(PLACE, (topic, 0, 1), strict=True)]
        producer.send(dead_letter_topic(topic), b"not json", headers=headers)
    assert "the same message as before" in CliRunner().invoke(main, command).stdout
    *_, repaired, without_value = kafka.read_topic(stack.bootstrap_servers, topic)
    assert (repaired.key, json.loads(repaired.value)) == (b"key", {"event_type": "purchase_sword"})
    assert without_value.value is None


def test_a_job_whose_topic_was_deleted_says_which_one(stack, topic, send, catch_up):
    send(SWORD, KNIFE)
    catch_up(stream_purchases)
    kafka.delete_topics(stack.bootstrap_servers, [topic])

    with pytest.raises(JobError, match=f"the topic '{topic}' was deleted") as caught:
        catch_up(stream_purchases)

    assert "delete the job's PATH and its two checkpoints" in caught.value.message
    if topic not in kafka.list_topics(stack.bootstrap_servers):
        kafka.create_topic(stack.bootstrap_servers, topic)  # the fixture deletes it


def test_a_message_that_is_too_large_for_a_dead_letter_leaves_its_place_there(stack, topic, catch_up):
    with kafka.open_producer(stack.bootstrap_servers, max_request_size=4_000_000) as producer:
        producer.send(topic, b"x" * 1_048_450)  # with the headers of a dead letter, it is larger than 1 MiB
    with kafka.open_producer(
        stack.bootstrap_servers, max_request_size=4_000_000, compression_type="gzip"
    ) as producer:
        producer.send(topic, b"x" * 3_000_000)
        producer.send(topic, json.dumps(SWORD).encode())

    rows, _ = catch_up(stream_purchases)

    assert [row.offset for row in rows] == [2]
    reason = f"{streams.NOT_AN_OBJECT}; {streams.TOO_LARGE}"
    assert dead_letters(stack, topic) == [(None, reason, 0), (None, reason, 1)]
    replayed = CliRunner().invoke(main, ["replay", topic]).stdout.splitlines()
    assert replayed == [f"partition 0, offset {offset} ({reason}): left out" for offset in (0, 1)]


def test_a_replay_without_dead_letters_and_one_whose_command_fails_say_why(stack, topic, send):
    assert "there is no topic" in CliRunner().invoke(main, ["replay", "no-such-topic"]).stderr
    kafka.create_topic(stack.bootstrap_servers, dead_letter_topic(topic))
    with kafka.open_producer(stack.bootstrap_servers) as producer:
        for value in (b"leave me out", b"ok", b"fail"):
            producer.send(dead_letter_topic(topic), value)

    with files.try_lock(settings.state_dir / "run" / f"{topic}-dead-replay.lock"):
        second = CliRunner().invoke(main, ["replay", topic])
    assert f"another replay of '{topic}' is running" in second.stderr

    done = CliRunner().invoke(main, ["replay", topic, "--through", "sed '/leave/d; /fail/q7'"])

    assert [line.partition(": ")[2] for line in done.stdout.splitlines()] == ["left out", "sent, offset 0"]
    assert "failed with exit code 7 for the value 'fail'" in done.stderr
    assert done.exit_code == 1


def test_a_late_event_counts_while_its_window_is_open_and_a_window_is_written_once(stack, topic, send, catch_up):
    future = {"time": "9999-12-31T00:00:00", "event_type": "purchase_sword"}
    no_times = [{"time": "soon"}, {"time": "12:00:00"}, {"time": "-290308-12-21T19:59:06Z"}]
    send(event("12:00:10"), event("12:03:10"), *(SWORD | no_time for no_time in no_times), future)
    first, _ = catch_up(stream_windows)
    send(event("12:00:20"), event("12:01:30"), event("12:09:00"))

    second, _ = catch_up(stream_windows)

    assert [(row.start.minute, row["count"]) for row in first] == [(0, 1)]
    assert sorted((row.start.minute, row["count"]) for row in second) == [(0, 1), (1, 1), (3, 1)]
    assert dead_letters(stack, topic) == [
        *((json.dumps(SWORD | time).encode(), streams.NOT_A_TIME, 2 + n) for n, time in enumerate(no_times)),
        (json.dumps(future).encode(), streams.IN_THE_FUTURE, 5),
    ]


def test_an_inventory_continues_after_a_restart_and_a_silent_players_session_ends(topic, send, catch_up):
    send(event("12:00:10", "buy", item="sword"), event("12:00:20", "buy", item="sword"), event("12:05:00", "join"))
    catch_up(stream_inventory)
    send(event("12:00:30", "sell", item="sword"), event("13:00:00", "leave", player="bob"))

    rows, _ = catch_up(stream_inventory)

    changes = sorted((row.player, f"{row.time:%H:%M:%S}", row.change, row.item, row.owned) for row in rows)
    assert changes == [
        ("ada", "12:00:10", "buy", "sword", 1),
        ("ada", "12:00:20", "buy", "sword", 2),
        ("ada", "12:00:30", "sell", "sword", 1),
        ("ada", "12:05:00", "join", None, None),
        ("ada", "12:35:00", "session ended", None, None),
        ("bob", "13:00:00", "leave", None, None),
    ]


@pytest.mark.parametrize(("server", "job"), [("remote", stream_purchases), ("own", stream_inventory)])
def test_a_job_continues_after_sigterm_to_spark_submit(stack, topic, folder, catch_up, send, server, job):
    options = ["--remote", os.environ["SPARK_REMOTE"]] if server == "remote" else []
    command = ["spark-submit", *options, job.__file__, topic, folder]
    send(SWORD | event("12:00:10"))

    with Popen(command, stdout=PIPE, stderr=PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        reported = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()  # until the job, which is a child of spark-submit, has ended
        errors = process.stderr.read()

    assert "has read 1 messages" in reported
    assert "Traceback" not in rest + errors
    assert "error:" not in rest + errors
    send(SWORD | event("12:00:20"))
    rows = [str(row) for row in catch_up(job)[0]]
    assert len(rows) == len(set(rows)) == 2


def test_a_job_whose_server_has_lost_its_session_says_how_to_go_on(stack, topic, folder, catch_up):
    from pyspark.sql import SparkSession

    session: Any = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).create()
    queries = stream_purchases.start(session, topic, folder, streams.CONTINUOUS)
    user = session._client._user_id
    release_session(os.environ["SPARK_REMOTE"], spark_token(stack), user, session.session_id)

    with pytest.raises(JobError, match="Spark ended while the job ran") as caught:
        streams.run_until_stopped(queries)

    assert caught.value.next_command == "eventlab up spark"
    assert "it continues from its checkpoint" in caught.value.message


def test_no_row_is_lost_or_doubled_when_the_job_spark_the_broker_and_the_datanode_are_killed(stack):
    recoveries, rows = kills.survive(Stack(stack), kills=len(kills.KILLED))  # it compares rows and messages

    assert list(recoveries) == list(kills.KILLED)
    assert rows > kills.RATE
