"""Checks of the exercises about streams, lessons 10 to 13."""

import contextlib
import re
from typing import Any

from eventlab.course import answers
from eventlab.course.exercises import exercise, expect_answer, new_events
from eventlab.stack import filesystem

COMMITS = "/tmp/lesson-10/checkpoint/commits"
KNIVES = "/tmp/lesson-10/knives"
SAFE = "/tmp/lesson-13/safe"
TRY_AGAIN = f"Delete what is there, and try again:\n!hadoop fs -rm -r -f -skipTrash {SAFE} {SAFE}.checkpoint"


@exercise("10-1")
def _each_knife_is_written_once() -> str | None:
    """Accept any number of knives from 5 on: the cell that buys them may run again."""
    bought = sum(event.get("event_type") == "purchase_knife" for event in new_events())
    if bought < 5:
        return f"{bought} knives were bought since this lesson began, not 5. Call /purchase_a_knife with ab."
    if not filesystem.exists(f"{KNIVES}/_spark_metadata"):
        return f"No stream has written to {KNIVES}. Start one with this path and a checkpoint of its own."
    delete = f"delete its folder and its checkpoint:\n!hadoop fs -rm -r -f -skipTrash {KNIVES} {KNIVES}.checkpoint"
    try:
        rows = _count_of_rows(KNIVES)
    except Exception as error:
        if "_spark_metadata/" not in str(error):
            raise
        return (
            f"{KNIVES} lacks batches of your query: the query had the checkpoint of another query, or files were "
            f"deleted. To start it again with a checkpoint of its own, stop it, and {delete}"
        )
    if rows == bought:
        return None
    return (
        f"{bought} knives were bought since this lesson began, and {KNIVES} has {rows} rows. Keep only "
        "purchase_knife, call processAllAvailable(), and check again. If there are too many rows, stop your query "
        f"and {delete}"
    )


def _count_of_rows(folder: str) -> int:
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate().read.parquet(folder).count()


@exercise("10-2")
def _completed_batches(answer: Any) -> str | None:
    completed = sum(name.isdigit() for name in filesystem.names(COMMITS))
    return None if answers.same(answer, completed) else "Count the files in the folder checkpoint/commits."


@exercise("11-1")
def _the_window_from_12_03_appears(answer: Any) -> str | None:
    """Accept the time with and without its date and its seconds."""
    if str(answer).removeprefix("2026-03-14").lstrip("T ") in ("12:05:00", "12:05"):
        return None
    return (
        "The window ends at 12:04:00. The watermark, the latest event time minus one minute, must reach this end."
    )


expect_answer(
    "11-2",
    0,
    "Add up numRowsDroppedByWatermark over the stateOperators of all batches in recentProgress. If you have sent "
    "further events in between, they do not matter: all are read in one batch.",
)


@exercise("12-1")
def _money_in_the_table(answer: Any) -> str | None:
    """Accept the sum of the table too: it has further purchases if the cells below the exercise ran before it."""
    if answers.same(answer, 215) or answers.same(answer, _first_value("select sum(price) from priced")):
        return None
    return "Add up the column price of the table priced, in which each purchase is once."


@exercise("12-2")
def _swords_in_the_last_row(answer: Any) -> str | None:
    """Accept the number in the table too: the learner may have sent further events."""
    query = "select owned from inventory where player = 'ada' and item = 'sword' order by time desc limit 1"
    if answers.same(answer, 1) or answers.same(answer, _first_value(query)):
        return None
    return "Take Ada's last row with the item sword: its column owned."


def _first_value(query: str) -> Any:
    """Return the first value of a query in the notebook's session, or None without a session or such a table."""
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    with contextlib.suppress(PySparkException):
        row = session.sql(query).first() if session else None
        return row[0] if row else None
    return None


@exercise("13-1")
def _the_repeated_batch_is_written_once() -> str | None:
    if not filesystem.exists(SAFE):
        return f"There is no folder {SAFE}. Let your function write there, and run crash_and_continue."
    names = filesystem.names(SAFE)
    if not any(re.fullmatch(r"batch=\d+", name) for name in names):
        return (
            f"{SAFE} has no folder such as batch=0. It contains: {', '.join(names)}. The next batch would replace "
            f"it. Put the number into the name, with an f-string. {TRY_AGAIN}"
        )
    if others := [name for name in names if not re.match(r"batch=\d+$|[._]", name)]:
        return f"{SAFE} also contains {', '.join(others)}, perhaps of an earlier attempt. {TRY_AGAIN}"
    rows, events, last = _offsets(SAFE)
    if not rows or not rows == events == last + 1:
        return (
            f"{SAFE} has {rows} rows, for {events} of {last + 1} events. Give each batch a folder of its own, "
            f"with its number in the name, the mode overwrite, and all of its rows. {TRY_AGAIN}"
        )
    return None


def _offsets(folder: str) -> tuple[int, int, int]:
    """Return the number of rows, the number of different offsets, and the last offset; -1 without rows."""
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F

    written = SparkSession.builder.getOrCreate().read.parquet(folder)
    last = F.coalesce(F.max("offset"), F.lit(-1))
    ((rows, events, last_offset),) = written.agg(F.count("*"), F.count_distinct("offset"), last).collect()
    return rows, events, last_offset


@exercise("13-2")
def _the_dead_letter_was_repaired() -> str | None:
    bought = [event for event in new_events() if event.get("player") == "eve"]
    if any(event.get("event_type") == "purchase_sword" for event in bought):
        return None
    return (
        "There is no sword purchase of the player eve in the lesson's topic. "
        "Send the message as valid JSON: a dict, or bytes."
    )
