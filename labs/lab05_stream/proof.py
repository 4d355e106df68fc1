"""The proof of lab 5, not released: rules that its data exercise, wrong solutions that its checks catch."""

from __future__ import annotations

from collections import Counter

from eventlab.labs.checks import Mutant, Rule
from eventlab.labs.trial import KINDS

from .checks import minutes, trial
from .generate import ALLOWED_S, LATE_S, STEP_MINUTES, TOO_LATE_S, Sent, flow, in_time, portions, purchases


def copies(seed: int) -> list[Sent]:
    """Return the copies of earlier messages."""
    return [one for one in flow(seed) if one.copy_of is not None]


def after_first_portion(seed: int) -> int:
    """Return the offset at which the second portion begins."""
    return len(portions(seed)[0])


def delays(seed: int) -> list[float]:
    """Return how late the events are that are not in order, in seconds."""
    return [one.behind_s for one in flow(seed) if one.event and one.copy_of is None and one.behind_s]


RULES = (
    Rule(
        "q1",
        "each reason occurs",
        lambda s: {one.reason for one in flow(s)} == {"", "not an object", "no id", "no time"},
    ),
    Rule(
        "q1",
        "an object is not enough",
        lambda s: any(
            one.value.startswith(b"[") or one.value.startswith(b"{")
            for one in flow(s)
            if one.reason == "not an object"
        ),
    ),
    Rule(
        "q1",
        "unreadable messages are told apart",
        lambda s: len({one.value for one in flow(s) if one.reason}) == 10,
    ),
    Rule(
        "q1",
        "each portion with a failure has one",
        lambda s: all(_unreadable(s, number) for number in range(1, 5)),
    ),
    Rule("q1", "each failure happens once", lambda s: sorted(f.kind for f in trial(s)[1] if f) == sorted(KINDS)),
    Rule(
        "q2",
        "only purchases",
        lambda s: len(purchases(s)) + len(copies(s)) < sum(one.event is not None for one in flow(s)),
    ),
    Rule(
        "q2",
        "a copy in the same portion",
        lambda s: any(one.offset - (one.copy_of or 0) == 1 for one in copies(s)),
    ),
    Rule(
        "q2",
        "a copy in a later portion",
        lambda s: any(one.offset >= after_first_portion(s) > (one.copy_of or 0) for one in copies(s)),
    ),
    Rule("q2", "events are late, by less than an hour", lambda s: LATE_S < max(delays(s)) < 60 * 60),
    Rule(
        "q2",
        "unreadable purchases",
        lambda s: any(b'"purchase"' in one.value for one in flow(s) if one.reason == "no time"),
    ),
    Rule("q3", "events are late and count", lambda s: any(LATE_S < d <= ALLOWED_S for d in delays(s))),
    Rule("q3", "events are too late", lambda s: any(d > TOO_LATE_S for d in delays(s))),
    Rule(
        "q3",
        "an event that is too late is so by the watermark of the batch before, too",
        lambda s: min(d for d in delays(s) if d > TOO_LATE_S) > TOO_LATE_S + STEP_MINUTES * 60,
    ),
    Rule("q3", "no event is in between", lambda s: not any(ALLOWED_S < d <= TOO_LATE_S for d in delays(s))),
    Rule("q3", "a minute has several purchases", lambda s: max(minutes(s).values()) > 1),
    Rule(
        "q3",
        "a copied purchase counts",
        lambda s: bool({one.copy_of for one in copies(s)} & {one.offset for one in in_time(s)}),
    ),
    Rule("q3", "minutes have different numbers", lambda s: len(Counter(minutes(s).values())) > 1),
)
"""The lab's text, rule by rule."""


def _unreadable(seed: int, number: int) -> bool:
    """Return whether a portion has a message that cannot be read."""
    values = {one.value for one in flow(seed) if one.reason}
    return any(value in values for value in portions(seed)[number])


SWALLOWED = """try:
    query.awaitTermination()
except Exception:
    pass
while True:
    __import__("time").sleep(1)"""
NEW_CHECKPOINT = "f\"{folder}/checkpoint/{__import__('uuid').uuid4()}\""
EARLY_COMMIT = """    found, spark = rows.select("id", "player", "item", "coins").collect(), rows.sparkSession
    fields = "id string, player string, item string, coins int"
    path = f"{folder}/table/batch={number}"
    save = lambda: spark.createDataFrame(found, fields).write.mode("overwrite").parquet(path)
    __import__("threading").Timer(5, save).start()"""
WRITE = """    rows = rows.select("id", "player", "item", "coins")
    rows.write.mode("overwrite").parquet(f"{folder}/table/batch={number}")"""

MUTANTS = (
    Mutant("checkpoint in the wrong place", "q1", 'f"{folder}/checkpoint"', NEW_CHECKPOINT),
    Mutant("begins at the end", "q1", '"earliest"', '"latest"'),
    Mutant("no id is overlooked", "q1", '    .when(~has_id, "no id")\n', ""),
    Mutant("no time is overlooked", "q1", '    .when(~has_time, "no time")\n', ""),
    Mutant("exception swallowed", "q1", "query.awaitTermination()", SWALLOWED),
    Mutant("does not wait for the query", "q1", "query.awaitTermination()\n", ""),
    Mutant(
        "no checkpoint",
        "q2",
        '    .option("checkpointLocation", f"{folder}/checkpoint")\n',
        "",
        not_described="is recognized as checkpoint in the wrong place: nothing is in FOLDER/checkpoint",
    ),
    Mutant("checkpoint in the wrong place", "q2", 'f"{folder}/checkpoint"', NEW_CHECKPOINT),
    Mutant(
        "append without a key",
        "q2",
        '"overwrite").parquet(f"{folder}/table/batch={number}")',
        '"append").parquet(f"{folder}/table")',
    ),
    Mutant("commit before the write", "q2", WRITE, EARLY_COMMIT),
    Mutant("does not wait for the query", "q2", "query.awaitTermination()\n", ""),
    Mutant("copies kept", "q2", '.dropDuplicatesWithinWatermark(["id"])', ""),
    Mutant("watermark too short", "q2", '"1 hour"', '"1 minute"'),
    Mutant("exception swallowed", "q2", "query.awaitTermination()", SWALLOWED),
    Mutant("visits kept", "q2", " and event_type = 'purchase'", ""),
    Mutant("unreadable ones kept", "q2", " and time is not null", ""),
    Mutant("checkpoint in the wrong place", "q3", 'f"{folder}/checkpoint"', NEW_CHECKPOINT),
    Mutant("does not wait for the query", "q3", "query.awaitTermination()\n", ""),
    Mutant(
        "processing time",
        "q3",
        "purchases.withWatermark",
        'purchases.withColumn("time", F.current_timestamp()).withWatermark',
    ),
    Mutant("watermark too short", "q3", '"10 minutes"', '"1 minute"'),
    Mutant("watermark too long", "q3", '"10 minutes"', '"1 hour"'),
    Mutant("copies count", "q3", '    .dropDuplicatesWithinWatermark(["id"])\n', ""),
    Mutant("window too long", "q3", '"1 minute"', '"2 minutes"'),
    Mutant("exception swallowed", "q3", "query.awaitTermination()", SWALLOWED),
)
