"""kafkacat: its functions without a broker, then the command on real topics, also compared with Debian's kcat."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from tempfile import TemporaryFile
from types import SimpleNamespace
from typing import IO

import psutil
import pytest
from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from eventlab.commands.kafkacat import MODES, main
from eventlab.commands.kafkacat.consume import select_partitions
from eventlab.commands.kafkacat.format import renderer
from eventlab.commands.kafkacat.metadata import format_listing
from eventlab.commands.kafkacat.options import FatalError, Options, UsageError, parse, unescape
from eventlab.commands.kafkacat.produce import split_key, split_lines
from eventlab.settings import Settings, settings
from tests.skips import requires_tool

KCAT = shutil.which("kcat")
COMMAND = [sys.executable, "-m", "eventlab.commands", "kafkacat"]
BROKERS = settings.bootstrap_servers
Result = subprocess.CompletedProcess[bytes]

compared_with_kcat = requires_tool("kcat")


def options(*argv: str) -> Options:
    return parse(argv, default_brokers="localhost:29092")


def message(value: bytes | None = b"sword", key: bytes | None = b"ann", **fields: object) -> SimpleNamespace:
    defaults = {"topic": "events", "partition": 2, "offset": 40, "timestamp": (1, 1700000000000), "headers": None}
    fields = {"value": value, "key": key} | defaults | fields
    return SimpleNamespace(**{name: lambda content=content: content for name, content in fields.items()})


# --- the command line ---


def test_the_flags_of_the_course_are_understood() -> None:
    parsed = options("-C", "-b", "kafka:29092", "-t", "events", "-o", "beginning", "-e")
    assert (parsed.mode, parsed.brokers, parsed.topic, parsed.exit_at_end) == ("C", "kafka:29092", "events", True)


def test_short_flags_may_be_clustered_and_their_values_attached() -> None:
    assert options("-Ceqtevents", "-c5", "-K:") == options("-C", "-e", "-q", "-t", "events", "-c", "5", "-K", ":")


@given(
    count=st.integers(0, 10**12),
    partition=st.integers(0, 10**6),
    topic=st.text("abcXYZ019._-", min_size=1, max_size=40),
)
def test_attached_and_separate_values_mean_the_same(count: int, partition: int, topic: str) -> None:
    attached = options("-C", f"-c{count}", f"-p{partition}", f"-t{topic}")
    assert attached == options("-C", "-c", str(count), "-p", str(partition), "-t", topic)


@pytest.mark.parametrize(("tty", "mode"), [(True, "Consumer"), (False, "Producer")])
def test_without_a_mode_a_terminal_on_stdin_means_consuming(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tty: bool, mode: str
) -> None:
    monkeypatch.setattr("os.isatty", lambda descriptor: tty)
    monkeypatch.setitem(MODES, mode[0], lambda options: 0)
    assert main(["-t", "events"]) == 0
    assert capsys.readouterr().err == f"% Auto-selecting {mode} mode (use -P or -C to override)\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-C"], "-t <topic> missing"),
        (["-C", "-t"], "unknown argument: option -t requires argument"),
        (["-y"], "unknown argument: option -y not recognized"),
        (["-C", "-t", "events", "-eJ"], "unknown argument: option -J not recognized"),
        (
            ["-C", "-t", "events", "-o", "begining"],
            "-o expects beginning, end, <offset> or -<count>, not 'begining'",
        ),
        (["-C", "-t", "events", "-c", "many"], "-c expects a number, not 'many'"),
        (["-P", "-t", "events", "file"], "unexpected argument: file"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(argv: list[str], message: str) -> None:
    with pytest.raises(UsageError, match="^" + message.replace("(", r"\(")):
        options(*argv)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-C", "-P"], "Do not mix modes: -P seen when -C already set"),
        (["-C", "-t", "events", "-K", r"\x"], "expects a hex number"),
    ],
)
def test_options_that_cannot_work_are_rejected_before_connecting(argv: list[str], message: str) -> None:
    with pytest.raises(FatalError, match=message):
        options(*argv)


# --- formats ---


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (b"%s", b"sword"),
        (b"%k=%s\\n", b"ann=sword\n"),
        (b"%t [%p] at %o", b"events [2] at 40"),
        (b"%S %K %T", b"5 3 1700000000000"),
        (b"%R", b"\x00\x00\x00\x05"),
        (b"100%% %s%%", b"100% sword%"),
        (b"%%s %s", b"%s sword"),
        (b"\\t\\x41\\x0a\\065\\101\\\\\\q", b"\tA\n5e\\q"),
        (b"<\\x00>", b"<\x00>"),
        (b"", b""),
    ],
)
def test_a_format_renders(spec: bytes, text: bytes) -> None:
    assert renderer(spec)(message()) == text


def test_missing_keys_and_payloads_render_as_nothing() -> None:
    assert renderer(b"%k,%K,%s,%S")(message(value=None, key=None)) == b",-1,,-1"


def test_headers_render_as_a_list_of_names_and_values() -> None:
    assert renderer(b"%h")(message(headers=[("a", b"1"), ("b", None), ("c", b"")])) == b"a=1,b=NULL,c="


@pytest.mark.parametrize(("spec", "message"), [(b"%z", "Unsupported formatter: %z"), (b"a%", "Empty formatter")])
def test_an_unknown_formatter_is_rejected(spec: bytes, message: str) -> None:
    with pytest.raises(FatalError, match=message):
        renderer(spec)


PIECES = st.one_of(
    st.binary(max_size=8).map(lambda raw: (b"".join(b"\\0%03o" % byte for byte in raw), raw)),
    st.from_regex(rb"[a-z0-9 \[\]:,{}\"]{0,8}", fullmatch=True).map(lambda raw: (raw, raw)),
    st.sampled_from(
        [(b"%s", b"sword"), (b"%k", b"ann"), (b"%o", b"40"), (b"%p", b"2"), (b"%%", b"%"), (b"\\n", b"\n")]
    ),
)


@given(st.lists(PIECES))
def test_a_format_is_the_concatenation_of_its_pieces(pieces: list[tuple[bytes, bytes]]) -> None:
    # a digit after \0NN would belong to the escape
    spec = b"%%".join(spec for spec, _ in pieces)
    assert renderer(spec)(message()) == b"%".join(text for _, text in pieces)


@given(st.binary())
def test_any_format_renders_or_is_rejected(spec: bytes) -> None:
    try:
        render = renderer(spec)
    except FatalError:
        return
    assert isinstance(render(message()), bytes)


@given(st.binary())
def test_any_bytes_can_be_written_as_escapes(raw: bytes) -> None:
    assert b"".join(unescape(b"\\x%x" % byte) for byte in raw) == raw


def test_the_default_output_is_key_delimiter_payload_newline() -> None:
    assert renderer()(message()) == b"sword\n"
    assert renderer(key_delimiter=b"%")(message()) == b"ann%sword\n"
    assert renderer(b"%o", key_delimiter=b"%")(message()) == b"40"


# --- input ---


def test_empty_lines_are_skipped_and_the_last_line_needs_no_newline() -> None:
    assert list(split_lines([b"a\n\nb\n", b"\nc"])) == [b"a", b"b", b"c"]


@given(
    st.binary(max_size=200) | st.lists(st.sampled_from([b"\n", b"ab"])).map(b"".join),
    st.lists(st.integers(0, 200)),
)
def test_the_size_of_the_reads_does_not_matter(data: bytes, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    chunks = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert list(split_lines(chunks)) == [part for part in data.split(b"\n") if part]


def test_a_line_is_returned_before_the_input_ends() -> None:
    def endless() -> Iterator[bytes]:
        yield b"first\nsec"
        raise AssertionError("read more before the first line was returned")

    assert next(split_lines(endless())) == b"first"


def test_a_line_that_is_too_large_is_rejected_without_reading_all_of_it() -> None:
    with pytest.raises(FatalError, match="Input is too large, maximum size is 10"):
        list(split_lines(iter(lambda: b"xxxx", b""), limit=10))


@pytest.mark.parametrize(
    ("delimiter", "line", "pair"),
    [
        (None, b"a:b", (None, b"a:b")),
        (b":", b"a:b:c", (b"a", b"b:c")),
        (b":", b"ab", (None, b"ab")),
        (b":", b":b", (b"", b"b")),
        (b":", b"a:", (b"a", b"")),
        (b"::", b"a:b::c", (b"a:b", b"c")),
    ],
)
def test_a_line_becomes_split_key(delimiter: bytes | None, line: bytes, pair: tuple[bytes | None, bytes]) -> None:
    assert split_key(line, delimiter) == pair


# --- offsets ---


@pytest.mark.parametrize(
    ("offset", "code"),
    [("beginning", -2), ("end", -1), ("-3", -2003), ("-1", -2001), ("20", 20), ("0", 0)],
)
def test_an_offset_has_the_code_of_librdkafka(offset: str, code: int) -> None:
    assert options("-C", "-t", "events", "-o", offset).offset == code


def test_a_topic_without_partitions_is_unknown_or_invalid() -> None:
    unknown = SimpleNamespace(topic="nosuch", error=KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
    with pytest.raises(FatalError, match="Topic nosuch error: Broker: Unknown topic or partition"):
        select_partitions(unknown, -1)
    invalid = SimpleNamespace(topic="bad topic", error=KafkaError(KafkaError.TOPIC_EXCEPTION))
    with pytest.raises(FatalError, match="Topic bad topic error: Broker: Invalid topic"):
        select_partitions(invalid, -1)


# --- listing ---

BROKER = SimpleNamespace(id=1, host="127.0.0.1", port=29092)
PARTITION = SimpleNamespace(id=0, leader=1, replicas=[1], isrs=[1], error=None)
LEADERLESS = SimpleNamespace(id=1, leader=-1, replicas=[1, 2], isrs=[], error=KafkaError(5))
TOPICS = {
    "events": SimpleNamespace(error=None, partitions={0: PARTITION, 1: LEADERLESS}),
    "nosuch": SimpleNamespace(error=KafkaError(3), partitions={}),
}


@pytest.mark.parametrize("answered_by", [1, -1], ids=["broker 1", "a broker whose number is not known yet"])
def test_a_listing_has_the_lines_of_kcat(answered_by: int) -> None:
    cluster = SimpleNamespace(orig_broker_id=answered_by, controller_id=1, brokers={1: BROKER}, topics=TOPICS)
    assert format_listing("", cluster) == [
        "Metadata for all topics (from broker 1: 127.0.0.1:29092/1):",
        " 1 brokers:",
        "  broker 1 at 127.0.0.1:29092 (controller)",
        " 2 topics:",
        '  topic "events" with 2 partitions:',
        "    partition 0, leader 1, replicas: 1, isrs: 1",
        "    partition 1, leader -1, replicas: 1,2, isrs: , Broker: Leader not available",
        '  topic "nosuch" with 0 partitions: Broker: Unknown topic or partition',
    ]


# --- the command without a broker ---


def test_help_goes_to_stdout_and_is_not_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr()
    assert "kafkacat -C -t events -o beginning -e" in printed.out
    assert printed.err == ""


@pytest.mark.parametrize(
    ("argv", "beginning"),
    [
        (["-C"], "Error: -t <topic> missing\n\nUsage: kafkacat "),
        (["-C", "-t", "events", "-J"], "Error: unknown argument: option -J not recognized\n\nUsage: kafkacat "),
        (["-C", "-t", "events", "-f", "%z"], "% ERROR: Unsupported formatter: %z\n"),
    ],
)
def test_errors_begin_as_those_of_kcat(
    capsys: pytest.CaptureFixture[str], argv: list[str], beginning: str
) -> None:
    assert main(argv) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(beginning)
    assert ("kafkacat -h" in printed) == printed.startswith("Error: ")


def cat(*argv: str, stdin: bytes = b"", brokers: str = BROKERS) -> Result:
    """Run kafkacat in this process, because starting Python takes longer than most tests."""
    with TemporaryFile() as source, TemporaryFile("w+") as out, TemporaryFile("w+") as err, ExitStack() as stack:
        source.write(stdin)
        source.seek(0)
        stack.enter_context(descriptor_0(source.fileno()))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        for number in (signal.SIGINT, signal.SIGTERM):
            stack.callback(signal.signal, number, signal.getsignal(number))
        code = main(["-b", brokers, *argv])
        return Result(argv, code, *map(content, (out, err)))


def content(file: IO[str]) -> bytes:
    file.flush()
    return os.pread(file.fileno(), 2**24, 0)


@contextmanager
def descriptor_0(replacement: int) -> Iterator[None]:
    saved = os.dup(0)
    os.dup2(replacement, 0)
    try:
        yield
    finally:
        os.dup2(saved, 0)
        os.close(saved)


@contextmanager
def running(*argv: str, brokers: str = BROKERS) -> Iterator[subprocess.Popen[bytes]]:
    """Run kafkacat in the background, and kill it at the end."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*COMMAND, "-b", brokers, *argv], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def closed_address() -> Iterator[str]:
    """An address that refuses connections: bound, so that no other program takes it, and not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def silent_server() -> Iterator[tuple[socket.socket, str]]:
    """A server that never answers, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server, f"127.0.0.1:{server.getsockname()[1]}"


MODES_AND_ERRORS = {
    ("-C", "-t", "events"): "Failed to query metadata for topic events: Local: Broker transport failure",
    ("-P", "-t", "events"): "Local: All broker connections are down",
    ("-L",): "Failed to acquire metadata: Local: Broker transport failure",
}


@pytest.mark.services
def test_every_mode_gives_up_within_15_seconds_when_no_broker_answers(closed_address: str) -> None:
    with ExitStack() as stack:
        silent = {argv: stack.enter_context(silent_server()) for argv in MODES_AND_ERRORS}
        runs = [
            (address, argv, stack.enter_context(running(*argv, brokers=address)))
            for argv, (_, silent_address) in silent.items()
            for address in (closed_address, silent_address)
        ]
        for server, _ in silent.values():
            stack.enter_context(server.accept()[0])  # the run has started
        deadline = time.monotonic() + 15
        for address, argv, process in runs:
            _, stderr = process.communicate(b"lost\n", timeout=max(0.1, deadline - time.monotonic()))
            no_answer = f"(no broker answers at {address}; next: eventlab status)"
            assert stderr.decode() == f"% ERROR: {MODES_AND_ERRORS[argv]} {no_answer}\n"
            assert process.returncode == 1


def test_ctrl_c_does_not_wait_for_a_broker_that_does_not_answer() -> None:
    with silent_server() as (server, address), running("-C", "-t", "events", brokers=address) as process:
        with server.accept()[0]:
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=10) == (b"", b"")
        assert process.returncode == 130


# --- on real topics ---


@contextmanager
def new_topic(partitions: int) -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:12]}"
    with KafkaAdminClient(bootstrap_servers=BROKERS) as admin:
        admin.create_topics(
            {name: {"num_partitions": partitions, "replication_factor": 1}}, wait_for_metadata=True
        )
        yield name
        admin.delete_topics([name])


@pytest.fixture(scope="module")
def numbers(stack: Settings) -> Iterator[str]:
    """A topic of one partition with the messages 0 to 9."""
    with new_topic(partitions=1) as name:
        cat("-P", "-t", name, stdin=b"".join(b"%d\n" % number for number in range(10)))
        yield name


@pytest.fixture(scope="module")
def mixed(stack: Settings) -> Iterator[str]:
    """A topic of three partitions with keys, headers, binary data, an empty message and a tombstone."""
    with new_topic(partitions=3) as name:
        with KafkaProducer(bootstrap_servers=stack.bootstrap_servers) as producer:
            for number in range(10):
                producer.send(name, b"value %d" % number, key=b"key %d" % (number % 4), partition=number % 2)
            producer.send(name, b'\x00\x01\xff\xfe\n"\\', partition=0, headers=[("a", b"1"), ("b", b"")])
            producer.send(name, b"no key", partition=1)
            producer.send(name, None, key=b"gone", partition=1)
            producer.send(name, b"", key=b"", partition=0)
        yield name


def test_the_command_writes_and_reads_a_topic_of_the_stack_without_b(topic: str) -> None:
    written = subprocess.run([*COMMAND, "-t", topic], input=b"sword\nknife\n", capture_output=True)
    assert (written.returncode, written.stdout) == (0, b"")
    assert written.stderr == b"% Auto-selecting Producer mode (use -P or -C to override)\n"

    read = subprocess.run([*COMMAND, "-C", "-t", topic, "-o", "beginning", "-e"], capture_output=True)
    assert (read.returncode, read.stdout) == (0, b"sword\nknife\n")
    assert read.stderr.decode() == f"% Reached end of topic {topic} [0] at offset 2: exiting\n"


@pytest.mark.parametrize(
    ("argv", "lines"),
    [
        (["-c", "3"], [0, 1, 2]),
        (["-o", "7", "-e"], [7, 8, 9]),
        (["-o", "-2", "-e"], [8, 9]),
        (["-o", "-2", "-c", "1"], [8]),
        (["-o", "end", "-e"], []),
        (["-o", "99", "-e"], []),
    ],
)
def test_offsets_and_counts_choose_the_messages(numbers: str, argv: list[str], lines: list[int]) -> None:
    result = cat("-C", "-t", numbers, "-q", *argv)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.split() == [b"%d" % number for number in lines]


@pytest.fixture(scope="module")
def shortened(stack: Settings) -> Iterator[str]:
    """A topic of one partition with the messages 4 to 9: those before are deleted, as at the end of retention."""
    with new_topic(partitions=1) as name:
        cat("-P", "-t", name, stdin=b"".join(b"%d\n" % number for number in range(10)))
        with KafkaAdminClient(bootstrap_servers=BROKERS) as admin:
            admin.delete_records({TopicPartition(name, 0): 4})
        yield name


@pytest.mark.parametrize(
    ("offset", "first"),
    [("beginning", 4), ("-3", 7), ("-99", 4), ("4", 4), ("3", 10), ("0", 10), ("10", 10), ("11", 10)],
)
def test_an_offset_outside_a_partition_means_its_end(shortened: str, offset: str, first: int) -> None:
    """More messages than the partition has (`-99`) are all messages that it has."""
    result = cat("-C", "-t", shortened, "-eq", "-o", offset)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.split() == [b"%d" % number for number in range(first, 10)]


def test_all_partitions_are_read_and_each_end_is_reported(mixed: str) -> None:
    result = cat("-C", "-t", mixed, "-e", "-f", "%p:%o\n")
    assert sorted(result.stdout.split()) == sorted(b"%d:%d" % (p, offset) for p in (0, 1) for offset in range(7))
    ends = result.stderr.decode().splitlines()
    assert {end.removesuffix(": exiting") for end in ends} == {
        f"% Reached end of topic {mixed} [{partition}] at offset {offset}"
        for partition, offset in [(0, 7), (1, 7), (2, 0)]
    }
    assert [end.endswith(": exiting") for end in ends] == [False, False, True]


def test_bytes_are_read_as_they_were_written(topic: str) -> None:
    raw = bytes(range(256)).replace(b"\n", b"")
    cat("-P", "-t", topic, stdin=raw)
    assert cat("-C", "-t", topic, "-eq").stdout == raw + b"\n"


def test_a_large_input_arrives_complete_and_in_order(topic: str) -> None:
    lines = b"".join(b"%d\n" % number for number in range(30_000))
    assert cat("-P", "-t", topic, stdin=lines).returncode == 0
    assert cat("-C", "-t", topic, "-eq").stdout == lines


def test_a_follower_prints_a_message_when_it_arrives_and_ctrl_c_is_not_an_error(topic: str) -> None:
    with running("-C", "-t", topic, "-o", "end") as follower:
        assert follower.stderr.readline().decode() == f"% Reached end of topic {topic} [0] at offset 0\n"
        cat("-P", "-t", topic, stdin=b"late\n")
        assert follower.stdout.readline() == b"late\n"
        assert follower.stderr.readline().decode() == f"% Reached end of topic {topic} [0] at offset 1\n"
        follower.send_signal(signal.SIGINT)
        assert follower.communicate(timeout=10) == (b"", b"")
        assert follower.returncode == 0


def test_a_closed_pipe_ends_a_follower_without_a_message(numbers: str) -> None:
    with running("-C", "-t", numbers, "-q") as follower:
        assert follower.stdout.readline() == b"0\n"
        follower.stdout.close()
        assert follower.wait(timeout=10) == 1
        assert follower.stderr.read() == b""


def test_a_line_is_sent_before_the_input_ends(topic: str) -> None:
    with running("-P", "-t", topic) as producer:
        producer.stdin.write(b"sword\nhalf a li")
        producer.stdin.flush()
        assert cat("-C", "-t", topic, "-c1").stdout == b"sword\n"
        producer.send_signal(signal.SIGINT)
        assert producer.wait(timeout=20) == 0
    assert cat("-C", "-t", topic, "-eq").stdout == b"sword\n"


def test_aborted_transactions_are_not_printed_and_the_end_is_still_reached(topic: str) -> None:
    with KafkaProducer(bootstrap_servers=BROKERS, transactional_id=topic) as producer:
        producer.init_transactions()
        for value, end in [(b"dropped", producer.abort_transaction), (b"kept", producer.commit_transaction)]:
            producer.begin_transaction()
            producer.send(topic, value)
            producer.flush()
            end()
    assert cat("-C", "-t", topic, "-c1").stdout == b"kept\n"  # waits until the commit is in the log
    result = cat("-C", "-t", topic, "-e")
    assert result.stdout == b"kept\n"
    assert result.stderr.decode() == f"% Reached end of topic {topic} [0] at offset 4: exiting\n"


@pytest.mark.usefixtures("stack")
def test_deleting_a_topic_ends_its_follower_which_does_not_create_it_again() -> None:
    with new_topic(partitions=1) as name, running("-C", "-t", name) as follower:
        assert follower.stderr.readline().decode() == f"% Reached end of topic {name} [0] at offset 0\n"
        with KafkaAdminClient(bootstrap_servers=BROKERS) as admin:
            admin.delete_topics([name])
        assert follower.wait(timeout=30) == 1
        assert follower.stderr.read().startswith(f"% ERROR: Topic {name} error: ".encode())
        assert name.encode() not in cat("-L").stdout
        cat("-P", "-t", name, stdin=b"again\n")  # new_topic deletes it


def test_a_broker_that_stops_answering_ends_a_follower_and_a_producer_within_15_seconds(
    stack: Settings, topic: str
) -> None:
    listeners = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    broker = psutil.Process(next(c.pid for c in listeners if c.laddr.port == stack.kafka_port))
    no_answer = f"no broker answers at {BROKERS}; next: eventlab status"
    error = f"% ERROR: Local: All broker connections are down ({no_answer})\n".encode()
    with running("-C", "-t", topic, "-q") as follower, running("-P", "-t", topic) as producer:
        producer.stdin.write(b"sword\n")
        producer.stdin.flush()
        assert follower.stdout.readline() == b"sword\n"
        broker.suspend()
        try:
            while broker.status() != psutil.STATUS_STOPPED:
                time.sleep(0.01)
            deadline = time.monotonic() + 15
            _, undelivered = producer.communicate(b"lost\n", timeout=15)
            _, lost = follower.communicate(timeout=deadline - time.monotonic())
        finally:
            broker.resume()
    assert undelivered == b"% Delivery failed for message: Local: Message timed out\n" + error
    assert lost == error
    assert (producer.returncode, follower.returncode) == (1, 1)


def test_output_that_cannot_be_written_is_an_error(numbers: str) -> None:
    with open("/dev/full", "wb") as full:
        result = subprocess.run([*COMMAND, "-C", "-t", numbers, "-eq"], stdout=full, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (1, b"% ERROR: No space left on device\n")


def test_each_message_that_is_not_delivered_is_reported(topic: str) -> None:
    result = cat("-P", "-t", topic, "-p", "7", stdin=b"a\nb\n")
    assert result.returncode == 1
    assert result.stderr == b"% Delivery failed for message: Local: Unknown partition\n" * 2


# --- compared with kcat ---


def kcat(*argv: str, stdin: bytes = b"") -> Result:
    return subprocess.run([KCAT or "kcat", "-b", BROKERS, *argv], input=stdin, capture_output=True, timeout=60)


def messages_of(stderr: bytes) -> list[str]:
    """The lines without librdkafka's log, sorted: partitions end in any order."""
    lines = [line.removesuffix(": exiting") for line in stderr.decode().splitlines()]
    return sorted(line for line in lines if not line.startswith("%4|"))


@compared_with_kcat
@pytest.mark.parametrize(
    "argv",
    [
        ["-C", "-e"],
        ["-C", "-e", "-q"],
        ["-Cep0"],
        ["-C", "-e", "-p", "1", "-K", ":"],
        ["-C", "-e", "-p", "1", "-K", r"\t\x21"],
        ["-C", "-e", "-p", "0", "-f", r"%t,%p,%o,%k,%K,%s,%S,%T,%h,%%\n\t\x41"],
        ["-C", "-e", "-p", "1", "-f", "%R%s"],
        ["-C", "-e", "-p", "1", "-f", "%k %s|"],
        ["-C", "-e", "-p", "0", "-o", "-2"],
        ["-C", "-e", "-p", "0", "-o", "3"],
        ["-C", "-e", "-p", "0", "-o", "end"],
        ["-C", "-p", "0", "-c", "7"],
        ["-C", "-e", "-p", "0", "-c", "8"],
        ["-C", "-e", "-p", "9"],
        ["-C", "-e", "-p", "0", "-f", "%q"],
        ["-C", "-e", "-u", "-p", "0"],
        ["-L"],
    ],
    ids=" ".join,
)
def test_reading_has_the_results_of_kcat(mixed: str, argv: list[str]) -> None:
    ours, theirs = (run(*argv, "-t", mixed) for run in (cat, kcat))
    assert ours.returncode == theirs.returncode
    assert sorted(ours.stdout.split(b"\n")) == sorted(theirs.stdout.split(b"\n"))
    assert messages_of(ours.stderr) == messages_of(theirs.stderr)


@compared_with_kcat
@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("mode", ["-C", "-L"])
def test_a_missing_topic_is_reported_as_by_kcat(mode: str) -> None:
    ours, theirs = (run(mode, "-t", "nosuch", "-e") for run in (cat, kcat))
    assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)


@compared_with_kcat
@pytest.mark.parametrize(
    ("stdin", "argv"),
    [
        (b"a\n\nb", []),
        (b"a\r\nb\n\n", []),
        (b"k:v\n:v\nk:\nnone\na:b:c\n", ["-K:"]),
        (b"k::v:w\n", ["-K", "::"]),
        (b"1\n2\n3\n", ["-c", "2"]),
        (b"1\n", ["-p", "0"]),
        (b"1\n", ["-p", "5"]),
        (b"", []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else repr(value[:12]),
)
def test_writing_has_the_results_of_kcat(topic: str, stdin: bytes, argv: list[str]) -> None:
    """Both write to one topic; compared are the added messages, the exit codes and the output."""
    count, results = 0, []
    for run in (cat, kcat):
        result = run("-P", "-t", topic, *argv, stdin=stdin)
        added = cat("-C", "-t", topic, "-eq", "-o", str(count), "-f", "[%k %K %s %S %h]").stdout
        count += added.count(b"]")
        results.append((result.returncode, result.stdout, added))
    assert results[0] == results[1]


@compared_with_kcat
def test_a_message_that_is_too_large_ends_the_run_after_the_messages_before_it_are_sent(topic: str) -> None:
    """kcat ends at once, and may or may not have sent the messages before."""
    lines = b"a\n" + b"x" * 1_000_100
    ours = cat("-P", "-t", topic, stdin=lines)
    sent = cat("-C", "-t", topic, "-eq", "-f", "[%s]").stdout
    theirs = kcat("-P", "-t", topic, stdin=lines)

    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout) == (1, b"")
    assert sent == b"[a]"


@compared_with_kcat
@pytest.mark.usefixtures("stack")
def test_a_key_selects_the_partition_that_kcat_selects() -> None:
    with new_topic(partitions=3) as name:
        for run in (cat, kcat):
            run("-P", "-t", name, "-K:", stdin=b"".join(b"key-%d:x\n" % number for number in range(40)))
        placed = Counter(cat("-C", "-t", name, "-eq", "-f", "%p %k\n").stdout.splitlines())
    assert len(placed) == 40
    assert set(placed.values()) == {2}
