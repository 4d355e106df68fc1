"""The consumer's loop: print what arrives, say where a partition ends, notice that the brokers are gone."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Sequence
from typing import BinaryIO

from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaTimeoutError

from eventlab.kafkacat.client import Reader, Stop
from eventlab.kafkacat.format import Renderer, compile_default, compile_format, compile_json, unescape
from eventlab.kafkacat.options import Options
from eventlab.kafkacat.report import ALL_BROKERS_DOWN, UNKNOWN_PARTITION, Fatal, error, info, unreachable

POLL_MS = 200
RECONNECT_GRACE_S = 3.0


class Follower:
    """Follows the partitions that `reader`'s consumer is assigned to, from its positions on."""

    def __init__(self, reader: Reader, options: Options, stop: Stop, out: BinaryIO | None = None) -> None:
        self.reader, self.options, self.stop = reader, options, stop
        self.out = sys.stdout.buffer if out is None else out
        self.render = _renderer(options, reader)
        self.printed = 0
        self.ends: dict[TopicPartition, int] = {}
        self.announced: dict[TopicPartition, int] = {}
        self.finished: set[TopicPartition] = set()
        self.lost_at: float | None = None

    def run(self) -> None:
        """Return when there is nothing left to do. Raises Fatal, or BrokenPipeError when nobody reads."""
        while not self.stop.requested and not self._is_done():
            self.before_poll()
            if self._is_done():
                return
            batches = self.reader.consumer.poll(POLL_MS, max_records=self._room())
            for partition, records in batches.items():
                self._print(partition, records)
            if not batches:
                self._check_connection()
                self._check_output()

    def _room(self) -> int | None:
        return self.options.count - self.printed if self.options.count > 0 else None

    def _is_done(self) -> bool:
        if self.options.count > 0 and self.printed >= self.options.count:
            return True
        assigned = self.reader.consumer.assignment()
        return bool(assigned) and self.finished >= assigned

    def _print(self, partition: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        if self.options.mode == "G":
            self.finished.discard(partition)
        late = self._first_late(records)
        self._write(records[:late])
        self.printed += len(records[:late])
        if late is not None:
            self._finish(partition)
            self._say("Reached stop timestamp for", partition, records[late].offset)

    def _first_late(self, records: Sequence[ConsumerRecord]) -> int | None:
        stop_time = self.options.stop_time
        if stop_time is None:
            return None
        return next((index for index, record in enumerate(records) if record.timestamp >= stop_time), None)

    def _write(self, records: Sequence[ConsumerRecord]) -> None:
        """Write and flush, so that a pipe sees each message when it arrives, and a bulk costs few calls."""
        step = 1 if self.options.unbuffered else 1000
        for start in range(0, len(records), step):
            part = records[start : start + step]
            try:
                self.out.write(b"".join(map(self.render, part)))
                self.out.flush()
            except BrokenPipeError:
                raise
            except OSError as wrong:
                at = f"in {part[0].topic} [{part[0].partition}] at offset {part[0].offset}"
                raise Fatal(f"Write error for messages {at}: {wrong.strerror}") from wrong

    def before_poll(self) -> None:
        """Say once per position that a partition has no more, after asking whether that is still so.

        Positions count, not messages: compaction and transactions leave offsets without a message.
        """
        consumer, timeout_ms = self.reader.consumer, self.reader.timeout_ms
        try:
            open_partitions = consumer.assignment() - self.finished
            positions = {partition: consumer.position(partition, timeout_ms) for partition in open_partitions}
            reached = [
                partition
                for partition, position in positions.items()
                if position is not None
                and position != self.announced.get(partition)
                and position >= self.ends.get(partition, 0)
            ]
            if reached:
                self.ends.update(consumer.end_offsets(reached, timeout_ms))
        except KafkaTimeoutError:
            return  # _check_connection decides
        for partition in sorted(reached):
            if positions[partition] >= self.ends[partition]:
                self.announced[partition] = positions[partition]
                if self.options.exit_at_end:
                    self._finish(partition)
                self._say("Reached end of", partition, positions[partition])

    def _finish(self, partition: TopicPartition) -> None:
        self.finished.add(partition)
        if self.options.mode == "C":
            self.reader.consumer.pause(partition)

    def _say(self, what: str, partition: TopicPartition, offset: int) -> None:
        if not self.options.quiet:
            exiting = ": exiting" if self._is_done() else ""
            info(f"{what} topic {partition.topic} [{partition.partition}] at offset {offset}{exiting}")

    def _check_connection(self) -> None:
        """End when what we wait for can't come: kafka-python itself would wait for ever."""
        trouble = self._trouble()
        if trouble is None:
            self.lost_at = None
            return
        if self.lost_at is None:
            self.lost_at = time.monotonic()
        if time.monotonic() - self.lost_at < RECONNECT_GRACE_S:
            return
        if self.options.exit_on_error:
            raise Fatal(trouble)
        error(trouble)
        self.lost_at = float("inf")  # said once until it is over

    def _trouble(self) -> str | None:
        if not self.reader.connected():
            return f"{ALL_BROKERS_DOWN} {unreachable(self.reader.brokers)}"
        for topic, number in sorted(self.reader.consumer.assignment()):
            if not self.reader.knows(TopicPartition(topic, number)):
                name = f"{topic} [{number}]"
                gone = f"{name}: desired partition is no longer available ({UNKNOWN_PARTITION})"
                return f"Topic {name} error: {gone}"
        return None

    def _check_output(self) -> None:
        """End when nobody reads the pipe any more (`| head -1`), not only at the next message."""
        poll = select.poll()
        poll.register(self.out, 0)
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
            raise BrokenPipeError


def _renderer(options: Options, reader: Reader) -> Renderer:
    null = b"NULL" if options.nulls else b""
    if options.json:
        delimiter = options.delimiter if options.format is None else unescape(options.format)
        return compile_json(
            delimiter, lambda message: reader.leader(TopicPartition(message.topic, message.partition))
        )
    if options.format is not None:
        return compile_format(options.format, null)
    return compile_default(options.delimiter, options.key_delimiter, null)
