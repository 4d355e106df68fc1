"""A streaming job without services: its arguments, its end on a signal, and what it says when its query fails."""

import contextlib
import os
import signal
import threading
from types import SimpleNamespace

import pytest

from eventlab.jobs import streams
from eventlab.jobs.topic import JobError


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ("events", "/tmp/out", streams.CONTINUOUS)),
        (["--catch-up"], ("events", "/tmp/out", streams.CATCH_UP)),
        (["clicks", "--catch-up"], ("clicks", "/tmp/out", streams.CATCH_UP)),
        (["clicks", "/tmp/mine"], ("clicks", "/tmp/mine", streams.CONTINUOUS)),
        (["clicks", "--catch-up", "/tmp/mine/"], ("clicks", "/tmp/mine", streams.CATCH_UP)),
    ],
)
def test_a_job_has_a_topic_a_folder_and_a_trigger(arguments, expected):
    assert streams.job_arguments(arguments, "/tmp/out") == expected


@pytest.mark.parametrize("arguments", [["--catchup", "clicks"], ["clicks", "/tmp/mine", "/tmp/other"]])
def test_an_argument_that_a_job_does_not_know_is_no_topic(arguments, capsys):
    with pytest.raises(SystemExit):
        streams.job_arguments(arguments, "/tmp/out")

    assert "unrecognized arguments" in capsys.readouterr().err


def test_a_job_says_what_its_arguments_mean(capsys):
    with pytest.raises(SystemExit) as ended:
        streams.job_arguments(["--help"], "/tmp/out")

    assert ended.value.code == 0
    assert "the folder to write (/tmp/out)" in capsys.readouterr().out


def test_a_job_whose_messages_are_gone_says_how_to_start_again_also_when_kafka_does_not_answer():
    swords = SimpleNamespace(name="swords")
    lost = "(STREAM_FAILED) Some data may have been lost because they are not available in Kafka any more;\nmore"

    error = streams.failure(swords, lost)

    assert error.message.startswith(f"the query swords failed: {lost.splitlines()[0]}")
    assert error.next_command == "hadoop fs -rm -r -skipTrash PATH PATH.checkpoint PATH.dead.checkpoint"
    assert not streams.failure(swords, "out of memory").next_command


def test_a_job_whose_broker_does_not_know_the_topic_yet_does_not_say_that_messages_are_gone():
    unknown = "UnknownTopicOrPartitionException: This server does not host this topic-partition."

    error = streams.failure(SimpleNamespace(name="swords"), unknown)

    assert error.message == f"the query swords failed: {unknown}"
    assert not error.next_command


def test_a_signal_that_arrives_before_the_queries_run_is_not_lost():
    stop = streams.Stop(os.getppid())
    with stop.on_signals():
        os.kill(os.getpid(), signal.SIGTERM)

    assert stop.wait()


def test_a_second_signal_ends_a_job_whose_server_does_not_answer():
    stop = streams.Stop(os.getppid())
    with stop.on_signals():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_job_stops_when_the_program_that_started_it_has_ended_before():
    assert not streams.Stop(os.getppid()).wait()
    assert streams.Stop(os.getpid()).wait()


ENDING = "Job 7 cancelled because SparkContext was shut down"


@pytest.mark.parametrize(("error", "ends"), [(ENDING, True), (ENDING, False), ("out of memory", True)])
def test_a_query_that_fails_because_its_own_spark_ends_is_no_error_when_the_job_has_to_stop(
    error, ends, monkeypatch
):
    monkeypatch.setattr(streams, "END_S", 60 if ends else 0)
    stop = streams.Stop(os.getppid())
    failed = SimpleNamespace(id="1", name="changes", isActive=False, recentProgress=[], stop=lambda: None)
    failed.exception = lambda: Exception(error)
    later = threading.Timer(streams.POLL_S * 3, stop.signal.set) if ends else threading.Timer(0, int)
    later.start()

    is_error = error != ENDING or not ends
    with pytest.raises(JobError) if is_error else contextlib.nullcontext():
        streams.run_until_stopped([failed], stop=stop)
    later.join()


def test_a_server_that_ends_just_before_the_program_that_started_the_job_is_no_error():
    class Query(SimpleNamespace):
        @property
        def isActive(self):
            threading.Timer(streams.POLL_S, stop.signal.set).start()
            raise ConnectionError("the server is gone")

    stop = streams.Stop(os.getppid())

    streams.run_until_stopped([Query(id="1", name="changes", stop=lambda: None)], stop=stop)

    assert stop.wait()
