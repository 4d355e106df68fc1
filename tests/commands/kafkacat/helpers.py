"""Run kafkacat in this process or in the background, and create topics for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from tempfile import TemporaryFile
from types import SimpleNamespace
from typing import IO

from kafka import KafkaAdminClient

from eventlab.commands.kafkacat import main
from eventlab.commands.kafkacat.options import Options, parse
from eventlab.settings import settings
from tests.helpers import PipedProcess

COMMAND = [sys.executable, "-m", "eventlab.commands", "kafkacat"]


BROKERS = settings.bootstrap_servers


Result = subprocess.CompletedProcess[bytes]


def options(*argv: str) -> Options:
    """Return the parsed options of a command line."""
    return parse(argv, default_brokers="localhost:29092")


def message(value: bytes | None = b"sword", key: bytes | None = b"ann", **fields: object) -> SimpleNamespace:
    """Return a message with the methods of librdkafka\'s messages."""
    defaults = {"topic": "events", "partition": 2, "offset": 40, "timestamp": (1, 1700000000000), "headers": None}
    fields = {"value": value, "key": key} | defaults | fields
    return SimpleNamespace(**{name: lambda content=content: content for name, content in fields.items()})


def cat(*argv: str, stdin: bytes = b"", brokers: str = BROKERS) -> Result:
    """Run kafkacat in this process, because starting Python takes longer than most tests."""
    with TemporaryFile() as source, TemporaryFile("w+") as out, TemporaryFile("w+") as err, ExitStack() as stack:
        source.write(stdin)
        source.seek(0)
        stack.enter_context(standard_input(source.fileno()))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        for number in (signal.SIGINT, signal.SIGTERM):
            stack.callback(signal.signal, number, signal.getsignal(number))
        code = main(["-b", brokers, *argv])
        return Result(argv, code, *map(bytes_of, (out, err)))


def bytes_of(file: IO[str]) -> bytes:
    """Return what was written to a file."""
    file.flush()
    return os.pread(file.fileno(), 2**24, 0)


@contextmanager
def standard_input(replacement: int) -> Iterator[None]:
    """Replace the standard input by another descriptor."""
    saved = os.dup(0)
    os.dup2(replacement, 0)
    try:
        yield
    finally:
        os.dup2(saved, 0)
        os.close(saved)


@contextmanager
def running(*argv: str, brokers: str = BROKERS) -> Iterator[PipedProcess[bytes]]:
    """Run kafkacat in the background, and kill it at the end."""
    pipe = subprocess.PIPE
    process: PipedProcess[bytes] = PipedProcess(
        [*COMMAND, "-b", brokers, *argv], stdin=pipe, stdout=pipe, stderr=pipe
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def new_topic(partitions: int) -> Iterator[str]:
    """Create a topic, and delete it after the block."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    with KafkaAdminClient(bootstrap_servers=BROKERS) as admin:
        admin.create_topics(
            {name: {"num_partitions": partitions, "replication_factor": 1}}, wait_for_metadata=True
        )
        yield name
        admin.delete_topics([name])
