"""The reasons why a streaming query shows nothing, from queries that were recorded on a real stack."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from eventlab.clients.kafka import Offsets
from eventlab.clients.stream_state import Source
from eventlab.clients.stream_windows import window_states
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.query_program import program_of, runs_once, statement_with
from eventlab.explain.silent_query import SilentQuery
from eventlab.explain.why_stream import explain_query
from eventlab.explain.why_watermark import event_at
from eventlab.settings import Settings
from tests.clients.recorded_streams import BASE_S, changes, checkpoint, messages, recorded


def silent(name, program="query = stream.start()", ends=(), folder=None, **changed):
    """Return a recorded query, with its program, the ends of its open windows, and its checkpoint."""
    state = replace(recorded(name), **changed)
    cell = FailedCell(None, program, {})
    query = SimpleNamespace(exception=lambda: Exception(state.error) if state.error else None)
    read = lambda topic, start: messages(name, topic, start)  # noqa: E731
    return SilentQuery("query", query, cell, state, Settings(), read, lambda: list(ends), lambda path: folder)


def explained(*recorded_as, **changed):
    """Return the explanation of a recorded query."""
    query = silent(*recorded_as, **changed)
    box = explain_query(query, "REASONS") or explain_query(query, "STATES")
    assert box is not None
    return box


def without_last(name, batches):
    """Return the first batches of a recorded query."""
    return recorded(name).batches[:batches]


def test_it_starts_at_the_latest_offsets():
    box = explained("latest")

    assert box.what == "The stream query reads only messages that arrive after its start."
    assert "began at offset 3 of partition 0 of 'latest', which begins at 0" in box.proof
    assert "'latest' has 3 messages from before" in box.proof
    assert box.remedy == '.option("startingOffsets", "earliest")'


def test_it_started_at_the_latest_offsets_so_long_ago_that_only_the_checkpoint_shows_it():
    waiting = replace(recorded("latest").batches[0], number=1, ran=False)

    box = explained("latest", batches=(waiting,), folder=checkpoint("latest"))

    assert "began at offset 3 of partition 0" in box.proof
    assert "waits for new messages" in explained("latest", batches=(waiting,)).what


def test_it_has_read_everything_and_gets_no_new_offsets():
    box = explained("windows", plan=recorded("filter").plan, batches=recorded("windows").batches[-1:])

    assert box.what == "The streaming query query waits for new messages."
    assert "partition 0 of 'windows' ends at 7; partition 1 of 'windows' ends at 3" in box.proof
    assert "kafkacat -P -t windows" in box.remedy


def test_the_watermark_is_short_of_the_end_of_the_next_window():
    ends = [window.end_s for window in window_states(changes("windows")) if window.closed is None]

    box = explained("windows", ends=ends, batches=recorded("windows").batches[-1:])

    assert box.what.startswith("The watermark is 20 seconds short of the end of the next window.")
    assert "the watermark is 2026-09-21 14:14:00, 10 s before" in box.proof
    assert "the next window ends at 2026-09-21 14:14:20" in box.proof
    assert '"time": "2026-09-21T14:14:30Z"' in box.remedy
    assert box.remedy.endswith("| kafkacat -P -t windows -p 1")


def test_before_the_first_watermark_the_state_tells_what_waits():
    box = explained("windows", batches=without_last("windows", 1), plan=recorded("windows").plan)

    assert "only when the watermark has passed" in box.what
    assert "the state has 1 group" in box.proof
    assert box.remedy == "query.lastProgress.eventTime"


def test_a_partition_is_idle_and_holds_the_watermark():
    box = explained("idle_partition", ends=[BASE_S + 20])

    assert box.what.startswith(
        "Partition 1 of 'assign' is idle and holds the watermark of query at 2026-09-21 14:13:12."
    )
    assert "its last message was read in batch 0" in box.proof
    assert "the newest event of the other sources is of 2026-09-21 14:14:20" in box.proof
    assert '"time": "2026-09-21T14:14:20Z"' in box.remedy
    assert box.remedy.endswith("| kafkacat -P -t assign -p 1")


def test_an_idle_topic_without_events_gets_one_with_the_fields_of_the_others():
    query = silent("idle_partition")

    remedy = event_at(query, BASE_S + 60, Source("KafkaV2[Subscribe[quiet]]", 0, None, {"quiet": {0: 0}}))

    assert '"time": "2026-09-21T14:14:20Z"' in remedy
    assert remedy.endswith("| kafkacat -P -t quiet")


def test_an_idle_partition_does_not_hold_the_one_watermark_of_a_whole_topic():
    box = explained("one_watermark", ends=[BASE_S + 80])

    assert "idle" not in box.what
    assert box.what.startswith("The watermark is 30 seconds short")


def test_rows_arrived_and_were_dropped_as_late():
    box = explained("windows", batches=without_last("windows", 7))

    assert "dropped events that came too late: the watermark had passed the end of their window" in box.what
    assert "Spark dropped 1 row in batch 6" in box.proof
    assert "the watermark was 2026-09-21 14:13:55" in box.proof
    assert "offset 1 of partition 1 of 'windows' is of 2026-09-21 14:13:22" in box.proof
    assert "offset 2 of partition 1 of 'windows' is of 2026-09-21 14:13:24" in box.proof
    assert box.remedy == '.withWatermark("time", "44 seconds")'


def test_duplicates_that_came_too_late_are_named_too():
    box = explained("duplicates")

    assert "the watermark had passed their time" in box.what
    assert "offset 4 of partition 0 of 'dedup' is of 2026-09-21 14:13:23" in box.proof


def test_the_filter_keeps_nothing():
    box = explained("filter")

    assert box.what == "The filter of query keeps no row: (event_type = purchase_swrd)."
    assert box.proof == "it read 3 rows and wrote 0"


def test_the_output_goes_to_the_console_of_the_server():
    box = explained("console")

    assert "writes to the console of Spark's server" in box.what
    assert "it wrote 3 rows, which are in" in box.proof
    assert box.remedy == "!eventlab logs spark"


def test_the_trigger_is_available_now_and_the_query_has_ended():
    program = 'query = (rows.writeStream.format("parquet")\n  .trigger(availableNow=True).start())'

    box = explained("available_now", program)

    assert "has ended: with the trigger availableNow, it reads what is there and stops" in box.what
    assert "it read 3 rows" in box.proof
    assert explained("available_now").what.endswith("is not running: it was stopped.")
    assert explained("available_now", "query").what.endswith("it was stopped, or has read all that was there.")


def test_the_query_failed_in_a_batch_because_of_a_message():
    box = explained("second_batch_fails")

    assert box.what == "The streaming query query has ended with an error, in batch 1."
    assert "invalid literal for int() with base 10: 'four'" in box.proof
    assert "the batch began at offset 2 of partition 0 of 'second' and ended at offset 5" in box.proof
    assert "offset 3 of partition 0 of 'second' has the value of the error: four" in box.proof
    assert box.remedy == "!kafkacat -C -t second -p 0 -o 3 -c 1"


def test_a_query_that_failed_after_it_was_started_again():
    assert "in its first batch after the start" in explained("second_batch_fails", batches=()).what
    assert "in batch 0" in explained("failed").what
    assert "offset 0 of partition 0 of 'failed' has the value of the error" in explained("failed").proof


def test_the_checkpoint_belongs_to_another_topic():
    program = 'query = rows.writeStream.option("checkpointLocation", "/tmp/check").start()'

    box = explained("other_topic", program)

    assert box.what == "The checkpoint of query belongs to another topic: 'other-a'. The query reads 'other-b'."
    assert "the checkpoint /tmp/check ends at offset 2 of partition 0 of 'other-a'" in box.proof
    assert box.remedy == '.option("checkpointLocation", "/tmp/checkpoint_query")'


def test_a_query_of_another_session_continued_the_checkpoint():
    program = 'query = rows.option("checkpointLocation", "/tmp/c").start()'

    box = explained("available_now", program, folder=checkpoint("windows"))

    assert "because a query of another session or program started with the same checkpoint" in box.what
    assert "/tmp/c has batch 7, planned at" in box.proof
    assert "the last batch of query is 0" in box.proof
    assert "was stopped" in explained("available_now", program, folder=checkpoint("failed")).what
    assert "another session" not in explained("available_now", program, folder=checkpoint("failed")).what


def test_a_function_that_prints_does_so_in_the_server():
    box = explained("foreach_batch", "query = rows.writeStream.foreachBatch(lambda rows, n: rows.show()).start()")

    assert box.what.startswith("The function of query runs in Spark's server.")
    assert "its sink is ForeachBatchSink" in box.proof
    assert "waits for new messages" in explained("foreach_batch").what


def test_it_waits_for_the_first_message_of_an_empty_topic():
    box = explained("latest", offsets={"latest": Offsets({0: 3}, {0: 3})})

    assert box.what == "The topic 'latest' is empty. The streaming query query waits for its first message."


def test_it_is_still_reading():
    state = recorded("console")
    offsets = {"console": Offsets({0: 0}, {0: 9})}

    box = explained("console", sink="MemorySink", offsets=offsets, batches=state.batches)

    assert box.what == "The streaming query query is still reading: 6 messages are left."
    assert "partition 0 of 'console': at offset 3 of 9" in box.proof


def test_it_has_not_finished_its_first_batch():
    assert "has not finished its first batch" in explained("latest", batches=()).what


def test_a_query_that_writes_is_not_silent():
    box = explained("console", sink="MemorySink")

    assert box.what == "The streaming query query is not silent: its last batch wrote 3 rows."


PROGRAM = """\
options = {"subscribe": "events"}
rows = reader.options(**options)
swords = (rows
    .where("a = 'b'"))
started = swords.start()"""


def test_the_program_of_a_query_is_the_statements_of_all_its_parts():
    spark = type("DataFrame", (), {"__module__": "pyspark.sql.connect.dataframe"})()
    cells = ["reader = 1\nother = 2", PROGRAM, "%why(started)"]
    variables = {"options": {}, "rows": spark, "swords": spark, "reader": 1, "other": 2, "In": cells}

    program = program_of(FailedCell(None, "started", variables), "started")

    assert program == PROGRAM
    assert statement_with(program, "'b'") == "swords = (rows\n    .where(\"a = 'b'\"))"
    assert statement_with(program, "rows") is None


@pytest.mark.parametrize(
    ("program", "once"),
    [
        (".trigger(availableNow=True)", True),
        (".trigger( once = True )", True),
        ('.trigger(processingTime="1 second")', False),
        (".start()", False),
    ],
)
def test_a_trigger_that_ends_the_query_is_recognized(program, once):
    assert runs_once(program) == once


def test_an_event_to_send_is_one_that_a_shell_command_can_contain():
    box = explained("windows", ends=[BASE_S + 60], batches=recorded("windows").batches[-1:])

    command = box.remedy.split("'")[1]

    assert json.loads(command) == {"event_type": "purchase_sword", "time": "2026-09-21T14:14:30Z", "n": 4}
