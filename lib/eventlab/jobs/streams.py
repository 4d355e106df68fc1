"""What the streaming jobs share: reading a topic, the messages that cannot be read, and a clean end.

A message that a job cannot read goes to the topic TOPIC-dead, the dead-letter topic: its key and value are
unchanged, and its headers say why it is there and where it was. Of a message that is too large for this, only the
headers are there.
https://spark.apache.org/docs/latest/streaming/structured-streaming-kafka-integration.html
"""

import argparse
import contextlib
import functools
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from eventlab.clients.kafka import topic_offsets
from eventlab.clients.spark_kafka import KAFKA_READ_OPTIONS, KAFKA_WRITE_OPTIONS
from eventlab.clients.stream_messages import DATA_LOST, lost_messages
from eventlab.clients.stream_query import error_of, observe
from eventlab.jobs.dead_letters import PLACE as PLACE
from eventlab.jobs.dead_letters import TOO_LARGE, dead_letter_topic
from eventlab.jobs.extract import is_object, parsed, run_as_script
from eventlab.jobs.topic import JobError
from eventlab.settings import settings
from eventlab.signals import stop_signals_handled_by

CONTINUOUS = {"processingTime": "1 second"}
CATCH_UP = {"availableNow": True}
"""The triggers: a batch per second until the job is stopped, or all messages that are there, and then the end."""
POLL_S = 0.3
OWN_SPARK = "SparkContext"
"""A word in the error of a query whose own Spark is ending; spark-submit itself ends within END_S."""
END_S, CLOSED_S = 20, 6
"""Seconds in which spark-submit ends when its Spark is ending, and when its Spark has closed its connections."""
PARENT = getattr(sys.modules.get("sitecustomize"), "PARENT", None) or os.getppid()
"""The process that started this one: spark-submit may end before this module is imported."""
WAIT_FOR_TOPIC = "spark.sql.streaming.kafka.useDeprecatedOffsetFetching"
"""With this setting, a stream can start before its topic exists: Spark's consumer lets the broker create it."""
NOT_AN_OBJECT, NOT_A_TIME = "not a JSON object", "time is not a time"
IN_THE_FUTURE = "time is in the future (UTC is meant where no zone is given)"
BEGINS_WITH_YEAR = r"^\s*\d{4}-\d"
"""Spark gives a time without a date the date of today, and has no windows for the earliest times that it knows."""
AHEAD = "1 hour"
"""How much later than its arrival the time of an event may be: clocks differ a little."""
MAX_COPIED_BYTES = 1_000_000
"""Kafka refuses a message of more than 1 MiB, and a dead letter has headers besides its key and value."""

Start = Callable[[SparkSession, str, str, Mapping[str, Any]], list[Any]]
"""Starts the queries of a job: called with the session, the topic, the path and the trigger."""


def read_messages(spark: SparkSession, topic: str, **options: str) -> DataFrame:
    """Return the messages of a topic as a stream: from the beginning, or from where its checkpoint ends."""
    spark.conf.set(WAIT_FOR_TOPIC, "true")
    source = {
        "kafka.bootstrap.servers": settings.bootstrap_servers,
        "subscribe": topic,
        "startingOffsets": "earliest",
    }
    return spark.readStream.format("kafka").options(**KAFKA_READ_OPTIONS | source | options).load()


def parse(messages: DataFrame, fields: Sequence[str]) -> DataFrame:
    """Return the messages with a column `event` that has these fields as strings, and a column `reason`.

    The reason is NULL, or says why the message cannot be read.
    """
    schema = StructType([StructField(name, StringType()) for name in fields])
    checked = messages.withColumn("event", parsed(schema)).withColumn("reason", reason(~is_object()))
    first = F.get("event", F.lit(0))
    return checked.withColumn("event", F.struct(*(first[name].alias(name) for name in fields)))


def reason(condition: Column, text: str = NOT_AN_OBJECT) -> Column:
    """Return the text where a condition holds, and NULL elsewhere."""
    return F.when(condition, F.lit(text))


def with_time(parsed_messages: DataFrame) -> DataFrame:
    """Let `time` be the time of the event: its field `time`, or Kafka's time if it has none.

    A message gets a reason whose field is not a time with a date, or a time in the future: this would move the
    watermark, and every later event would be dropped as late.
    """
    field, arrived = F.col("event.time"), F.col("timestamp")
    given = F.when(field.rlike(BEGINS_WITH_YEAR), F.try_to_timestamp(field))
    time = F.coalesce(given, F.when(field.isNull(), arrived))
    timed = parsed_messages.withColumn("time", time)
    is_ahead = F.col("time") > arrived + F.expr(f"interval {AHEAD}")
    reasons = reason(F.col("time").isNull(), NOT_A_TIME), reason(is_ahead, IN_THE_FUTURE)
    return timed.withColumn("reason", F.coalesce("reason", *reasons))


def start_queries(
    rows: DataFrame, messages: DataFrame, topic: str, path: str, trigger: Mapping[str, Any]
) -> list[Any]:
    """Start two queries: the rows of a job to a Parquet folder, and what cannot be read to the dead letters."""
    options = {"path": path, "checkpointLocation": f"{path}.checkpoint"}
    files = rows.writeStream.queryName(path.rpartition("/")[2]).format("parquet").options(**options)
    return [
        files.trigger(**trigger).start(),
        write_dead_letters(messages, topic, f"{path}.dead.checkpoint", trigger),
    ]


def write_dead_letters(messages: DataFrame, topic: str, checkpoint: str, trigger: Mapping[str, Any]) -> Any:
    """Start the query that copies the messages with a reason to the dead-letter topic."""
    headers = F.array(*(_header(name) for name in ("reason", *PLACE)))
    unreadable = without_large(messages.where("reason is not null"))
    letters = unreadable.select("key", "value", headers.alias("headers"))
    sink = {
        "kafka.bootstrap.servers": settings.bootstrap_servers,
        "topic": dead_letter_topic(topic),
        "checkpointLocation": checkpoint,
    }
    writer = letters.writeStream.queryName(f"dead_letters_of_{topic}").format("kafka")
    return writer.options(**KAFKA_WRITE_OPTIONS | sink).trigger(**trigger).start()


def without_large(messages: DataFrame) -> DataFrame:
    """Let key and value be NULL where Kafka could refuse a copy of them, and let the reason say so."""
    size = sum((F.coalesce(F.length(name), F.lit(0)) for name in ("key", "value")), F.lit(0))
    copied = {name: F.when(size <= MAX_COPIED_BYTES, F.col(name)) for name in ("key", "value")}
    why = F.concat_ws("; ", "reason", reason(size > MAX_COPIED_BYTES, TOO_LARGE))
    return messages.withColumns({**copied, "reason": why})


def _header(name: str) -> Column:
    """Return a header of a message for Kafka, with the text of a column."""
    return F.struct(F.lit(name).alias("key"), F.col(name).cast("string").cast("binary").alias("value"))


print_now = functools.partial(print, flush=True)


class Stop:
    """Says when a job has to stop: on SIGTERM or SIGINT, or when the program that started it has ended.

    spark-submit with --remote ends on SIGTERM, but does not end the job, which is its child.
    """

    def __init__(self, parent: int) -> None:
        self.signal, self.parent = threading.Event(), parent

    def wait(self, seconds: float = 0) -> bool:
        """Wait until the job has to stop, at most so long; return whether it has to."""
        return self.signal.wait(seconds) or os.getppid() != self.parent

    def on_signals(self) -> contextlib.AbstractContextManager[None]:
        """Only set the event at the first signal in the block; a second one ends a job whose server hangs."""

        def stop(*_: object) -> None:
            if self.signal.is_set():
                raise KeyboardInterrupt
            self.signal.set()

        return stop_signals_handled_by(stop)


def run_until_stopped(
    queries: Sequence[Any], out: Callable[[str], object] = print_now, stop: Stop | None = None
) -> None:
    """Report the batches of queries until these end, one of them fails, or the process gets SIGTERM or SIGINT.

    A batch that is interrupted leaves no trace: the next start does it again.

    Raises:
        JobError: A query failed, or Spark ended.
    """
    stop, is_lost = stop or Stop(os.getppid()), False
    seen = dict.fromkeys((query.id for query in queries), -1)
    with stop.on_signals():  # a session without Spark Connect has a handler of its own
        try:
            running = True
            while running:
                running = not stop.wait(POLL_S) and any(query.isActive for query in queries)
                for query in queries:
                    seen[query.id] = _report(query, seen[query.id], out)
                    if error := error_of(query):
                        raise failure(query, error)
        except JobError as error:
            is_lost = OWN_SPARK in error.message and stop.wait(END_S)
            if not is_lost:
                raise
        except Exception as error:  # Spark's errors have many classes
            is_lost = True
            if not stop.wait(CLOSED_S):  # without --remote, Spark ends with spark-submit
                text = error.details() if hasattr(error, "details") else str(error)  # of gRPC, or of Spark
                raise JobError(
                    f"Spark ended while the job ran: {(text or type(error).__name__).splitlines()[0][:200]}\n"
                    "Start the job again when Spark runs: it continues from its checkpoint",
                    "eventlab up spark",
                ) from error
        finally:
            for query in () if is_lost else queries:
                query.stop()


def failure(query: Any, error: str) -> JobError:
    """Return the error of a job whose query failed; if messages are gone, with the way to start again."""
    message = f"the query {query.name} failed: {error.splitlines()[0]}"
    if not DATA_LOST.search(error):
        return JobError(message)
    why = ""
    with contextlib.suppress(Exception):  # Kafka or Spark does not answer any more
        why = lost_messages(observe(query, lambda topic: topic_offsets(settings.bootstrap_servers, topic)))
    if not why and set(DATA_LOST.findall(error)) == {"UnknownTopicOrPartition"}:
        return JobError(message)  # a broker that has just started says so of each topic
    why = why or "the topic was deleted, or Kafka has deleted its first messages"
    return JobError(
        f"{message}\nKafka does not have the messages with which the job continues: {why}. To read the topic from "
        "its beginning, delete the job's PATH and its two checkpoints, and start the job again",
        "hadoop fs -rm -r -skipTrash PATH PATH.checkpoint PATH.dead.checkpoint",
    )


def _report(query: Any, seen: int, out: Callable[[str], object]) -> int:
    """Print the batches after the one that was seen, if they have read something; return the last number."""
    for progress in query.recentProgress:
        if progress.batchId > seen and progress.numInputRows:
            written = progress.sink.numOutputRows  # -1: this sink does not count
            out(
                f"{progress.name}: batch {progress.batchId} has read {progress.numInputRows} messages"
                + (f" and written {written}" if written >= 0 else "")
            )
        seen = max(seen, progress.batchId)
    return seen


def run_stream(start: Start, path: str) -> None:
    """Run a streaming job as a script."""
    topic, folder, trigger = job_arguments(sys.argv[1:], path)
    stop = Stop(PARENT)

    def run(spark: SparkSession) -> None:
        run_until_stopped(start(spark, topic, folder, trigger), stop=stop)
        if trigger is CONTINUOUS and not stop.wait():
            raise JobError(
                f"another program stopped the queries of this job: it works with the same checkpoint, "
                f"{folder}.checkpoint. Only one job at a time can write to {folder}"
            )

    with stop.on_signals():
        run_as_script(run)


def job_arguments(arguments: Sequence[str], path: str) -> tuple[str, str, Mapping[str, Any]]:
    """Return topic, folder and trigger of a job for the arguments [--catch-up] [TOPIC [PATH]]."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__, allow_abbrev=False)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--catch-up", action="store_true", help="read what is there, and end")
    parser.add_argument("topic", nargs="?", default=settings.topic, help=f"the topic to read ({settings.topic})")
    parser.add_argument("path", nargs="?", default=path, help=f"the folder to write ({path})")
    given = parser.parse_intermixed_args(arguments)
    return given.topic, given.path.rstrip("/"), CATCH_UP if given.catch_up else CONTINUOUS
