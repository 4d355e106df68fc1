"""Spark's reports about a streaming query become plain data: batches, offsets, checkpoint, why it waits."""

from dataclasses import replace

import pytest

from eventlab.clients.kafka import Offsets
from eventlab.clients.stream_checkpoint import read_checkpoint
from eventlab.clients.stream_messages import lost_messages, number_of, waiting_for
from eventlab.clients.stream_state import Partition, positions_of
from tests.clients.recorded_streams import BASE_S, checkpoint, recorded


def test_batches_have_rows_rates_durations_and_what_was_written():
    state = recorded("windows")

    assert [batch.number for batch in state.batches] == list(range(8))
    assert [batch.rows for batch in state.batches] == [4, 0, 2, 0, 1, 0, 3, 0]
    assert [batch.written for batch in state.batches] == [0, 0, 0, 0, 0, 1, 0, 1]
    assert state.batches[6].duration_ms == 1412
    assert round(state.batches[6].input_rate, 1) == 85.7
    assert round(state.batches[6].processing_rate, 2) == 2.12
    assert (state.rows, state.written) == (10, 2)


def test_offsets_and_lag_are_known_for_each_partition():
    state = recorded("second_batch_fails")

    assert recorded("windows").partitions == (Partition("windows", 0, 7, 0, 7), Partition("windows", 1, 3, 0, 3))
    assert state.partitions == (Partition("second", 0, 2, 0, 5),)
    assert state.lag == 3


def test_the_watermark_moves_and_state_and_dropped_rows_are_counted():
    state = recorded("windows")

    assert [batch.watermark_s and batch.watermark_s - BASE_S for batch in state.batches] == [
        *(0, 2, 2, 17),
        *(17, 35, 35, 40),
    ]
    assert state.watermark_s == BASE_S + 40
    assert state.newest_s == BASE_S + 50
    assert [batch.state_rows for batch in state.batches] == [1, 1, 2, 2, 3, 2, 2, 1]
    assert [batch.closed for batch in state.batches] == [0, 0, 0, 0, 0, 1, 0, 1]
    assert state.dropped == 1
    assert state.batches[6].dropped == 1


def test_a_sink_that_does_not_report_its_rows_is_not_a_sink_with_none():
    assert recorded("available_now").written is None
    assert recorded("filter").written == 0


def test_the_first_batch_has_no_start_and_its_end_shows_that_it_began_at_the_latest_offsets():
    state = recorded("latest")

    assert state.batches[0].sources[0].start is None
    assert state.batches[0].sources[0].end == {"latest": {0: 3}}
    assert state.rows == 0


def test_a_failed_query_has_its_message_and_the_offsets_of_its_last_batch():
    state = recorded("second_batch_fails")

    assert not state.is_active
    assert "invalid literal for int() with base 10: 'four'" in state.error
    assert state.failed_range == ({"second": {0: 2}}, {"second": {0: 5}})
    assert recorded("failed").failed_range == ({}, {"failed": {0: 2}})
    assert recorded("failed").topics == ("failed",)
    assert recorded("windows").failed_range is None


def test_a_query_without_a_batch_has_no_rows_and_no_partitions():
    state = recorded("other_topic")

    assert (state.last, state.rows, state.partitions, state.state_rows) == (None, 0, (), 0)
    assert state.topics == ("other-b",)


def test_a_checkpoint_has_batches_offsets_and_the_watermark():
    windows, latest, union = checkpoint("windows"), checkpoint("latest"), checkpoint("union")

    assert windows is not None
    assert (windows.planned, windows.completed) == (7, 7)
    assert windows.first == {"windows": {0: 0, 1: 0}}
    assert windows.next == {"windows": {0: 7, 1: 3}}
    assert windows.watermark_s == BASE_S + 40
    assert latest is not None
    assert latest.first == latest.next == {"latest": {0: 3}}
    assert union is not None
    assert union.next == {"union-a": {0: 3}, "union-b": {0: 1}}


def test_a_batch_without_a_commit_is_not_completed():
    found = checkpoint("failed")

    assert found is not None
    assert (found.planned, found.completed) == (0, None)


def test_a_folder_without_a_checkpoint_has_none():
    assert read_checkpoint("/tmp", lambda folder: ["part-0.parquet"], lambda path: "") is None


def test_offsets_are_a_text_or_an_object_and_those_of_other_sources_are_none():
    assert positions_of('{"events": {"0": 3}}') == positions_of({"events": {"0": 3}}) == {"events": {0: 3}}
    assert positions_of("12") == positions_of('{"logOffset": 1}') == positions_of(None) == positions_of("-") == {}


def test_a_number_has_its_noun():
    assert [number_of(count, "row") for count in (0, 1, 2.5, 1000)] == [
        "0 rows",
        "1 row",
        "2.5 rows",
        "1,000 rows",
    ]


WORDS = {
    "second_batch_fails": "It has ended with an error: ValueError: invalid literal for int() with base 10: 'four'",
    "failed": "It has ended with an error: [CAST_INVALID_INPUT] The value ",
    "available_now": "It has ended: it was stopped, or has read what was there.",
    "filter": "It waits for new messages of 'filter'.",
    "windows": "It waits for events of 'windows': 1 group in its state waits until",
}


@pytest.mark.parametrize("name", WORDS)
def test_what_a_query_waits_for_is_said_in_words(name):
    assert waiting_for(recorded(name)).startswith(WORDS[name])


LOST = "[KAFKA_DATA_LOSS.PARTITION_OFFSET_CHANGED] Some data may have been lost because"


@pytest.mark.parametrize(
    ("error", "offsets", "why"),
    [
        (LOST, None, "the topic 'second' was deleted, and does not exist any more"),
        (
            "UnknownTopicOrPartitionException: no",
            None,
            "the topic 'second' was deleted, and does not exist any more",
        ),
        (
            LOST,
            Offsets({0: 0}, {0: 1}),
            "the topic 'second' was deleted and created again: partition 0 ends at offset 1, and the query "
            "continues at offset 2",
        ),
        (
            LOST,
            Offsets({0: 4}, {0: 9}),
            "Kafka has deleted the first messages of 'second': partition 0 begins at offset 4, and the "
            "query continues at offset 2",
        ),
        (LOST, Offsets({0: 0}, {0: 5}), ""),
        ("ValueError: no", None, ""),
    ],
)
@pytest.mark.parametrize("batches", [None, 0])
def test_a_failed_query_whose_messages_are_gone_says_where_it_would_continue(error, offsets, why, batches):
    """Also in its first batch after a start, when only the error names its offsets."""
    state = replace(recorded("second_batch_fails"), error=error, offsets={"second": offsets})

    assert lost_messages(replace(state, batches=state.batches[:batches])) == why
