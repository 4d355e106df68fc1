"""kafkacat: its parts without a broker, then the command on real topics, also side by side with Debian's kcat."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlab.commands.kafkacat import main
from eventlab.commands.kafkacat.cli import RUNNERS
from eventlab.commands.kafkacat.consume import place, select_partitions
from eventlab.commands.kafkacat.format import compile_format, renderer, unescape
from eventlab.commands.kafkacat.listing import lines
from eventlab.commands.kafkacat.options import ANY, Options, parse
from eventlab.commands.kafkacat.produce import key_and_value, split
from eventlab.commands.kafkacat.report import Fatal, UsageError
from eventlab.settings import Settings, settings
from tests.skips import requires_tool

KCAT = shutil.which("kcat")
OURS = [sys.executable, "-m", "eventlab.commands.kafkacat"]
BROKERS = settings.bootstrap_servers

side_by_side = requires_tool("kcat")


def options(*argv: str) -> Options:
    return parse(argv, own_brokers="localhost:29092")


def message(value: bytes | None = b"sword", key: bytes | None = b"ann", **fields: object) -> SimpleNamespace:
    defaults = {"topic": "events", "partition": 2, "offset": 40, "timestamp": 1700000000000}
    return SimpleNamespace(value=value, key=key, **defaults | {"headers": []} | fields)


# --- the command line ---


def test_the_course_s_command_is_understood() -> None:
    asked = options("-C", "-b", "kafka:29092", "-t", "events", "-o", "beginning", "-e")
    assert (asked.mode, asked.brokers, asked.topic) == ("C", "kafka:29092", "events")
    assert (asked.offset, asked.exit_at_end) == ("beginning", True)


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
    monkeypatch.setitem(RUNNERS, mode[0], lambda options: 0)
    assert main(["-t", "events"]) == 0
    assert capsys.readouterr().err == f"% Auto-selecting {mode} mode (use -P or -C to override)\n"


@pytest.mark.parametrize(
    ("value", "offset"), [("beginning", "beginning"), ("end", "end"), ("7", 7), ("-7", -7), ("0", 0)]
)
def test_every_form_of_an_offset_is_understood(value: str, offset: str | int) -> None:
    assert options("-C", "-t", "events", "-o", value).offset == offset


@pytest.mark.parametrize(
    ("argv", "complaint"),
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
def test_a_wrong_command_line_is_a_usage_error(argv: list[str], complaint: str) -> None:
    with pytest.raises(UsageError, match="^" + complaint.replace("(", r"\(")):
        options(*argv)


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["-C", "-P"], "Do not mix modes: -P seen when -C already set"),
        (["-C", "-t", "events", "-K", r"\x"], "expects a hex number"),
    ],
)
def test_what_can_not_work_is_refused_before_anything_is_read(argv: list[str], complaint: str) -> None:
    with pytest.raises(Fatal, match=complaint):
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
    assert compile_format(spec)(message()) == text


def test_missing_keys_and_payloads_render_as_nothing() -> None:
    assert compile_format(b"%k,%K,%s,%S")(message(value=None, key=None)) == b",-1,,-1"


def test_headers_render_as_a_list_of_names_and_values() -> None:
    assert compile_format(b"%h")(message(headers=[("a", b"1"), ("b", None), ("c", b"")])) == b"a=1,b=NULL,c="


@pytest.mark.parametrize(("spec", "complaint"), [(b"%z", "Unsupported formatter: %z"), (b"a%", "Empty formatter")])
def test_an_impossible_format_is_refused(spec: bytes, complaint: str) -> None:
    with pytest.raises(Fatal, match=complaint):
        compile_format(spec)


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
    assert compile_format(spec)(message()) == b"%".join(text for _, text in pieces)


@given(st.binary())
def test_any_format_renders_or_is_refused(spec: bytes) -> None:
    try:
        render = compile_format(spec)
    except Fatal:
        return
    assert isinstance(render(message()), bytes)


@given(st.binary())
def test_any_bytes_can_be_written_as_escapes(raw: bytes) -> None:
    assert b"".join(unescape(b"\\x%x" % byte) for byte in raw) == raw


def test_the_default_output_is_key_delimiter_payload_newline() -> None:
    assert renderer(None, None)(message()) == b"sword\n"
    assert renderer(None, b"%")(message()) == b"ann%sword\n"
    assert renderer(b"%o", b"%")(message()) == b"40"


# --- input ---


def test_empty_lines_are_skipped_and_the_last_line_needs_no_newline() -> None:
    assert list(split([b"a\n\nb\n", b"\nc"])) == [b"a", b"b", b"c"]


@given(
    st.binary(max_size=200) | st.lists(st.sampled_from([b"\n", b"ab"])).map(b"".join),
    st.lists(st.integers(0, 200)),
)
def test_how_the_input_is_cut_into_reads_does_not_matter(data: bytes, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    chunks = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert list(split(chunks)) == [part for part in data.split(b"\n") if part]


def test_a_message_is_handed_on_before_the_input_ends() -> None:
    def endless() -> Iterator[bytes]:
        yield b"first\nsec"
        raise AssertionError("read on before the first message was handed on")

    assert next(split(endless())) == b"first"


def test_a_message_that_is_too_large_is_refused_without_reading_it_whole() -> None:
    with pytest.raises(Fatal, match="Input is too large, maximum size is 10"):
        list(split(iter(lambda: b"xxxx", b""), limit=10))


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
def test_a_line_becomes_key_and_value(
    delimiter: bytes | None, line: bytes, pair: tuple[bytes | None, bytes]
) -> None:
    assert key_and_value(line, delimiter) == pair


# --- offsets ---


@pytest.mark.parametrize(
    ("offset", "start"),
    [("beginning", 10), ("end", 50), (-3, 47), (-99, 10), (20, 20), (50, 50), (9, 50), (51, 50)],
)
def test_a_start_is_placed_in_what_the_partition_holds(offset: str | int, start: int) -> None:
    assert place(offset, first=10, end=50) == start


def test_a_topic_without_partitions_is_unknown_or_invalid() -> None:
    with pytest.raises(Fatal, match="Topic nosuch error: Broker: Unknown topic or partition"):
        select_partitions("nosuch", (), ANY)
    with pytest.raises(Fatal, match="Topic bad topic error: Broker: Invalid topic"):
        select_partitions("bad topic", (), ANY)


# --- listing ---

CLUSTER = {"controller_id": 1, "brokers": [{"broker_id": 1, "host": "127.0.0.1", "port": 29092}]}
PARTITION = {"error_code": 0, "partition_index": 0, "leader_id": 1, "replica_nodes": [1], "isr_nodes": [1]}


def test_a_listing_reads_as_kcat_s() -> None:
    topics = [
        {"name": "events", "error_code": 0, "partitions": [PARTITION]},
        {"name": "nosuch", "error_code": 3, "partitions": []},
    ]
    assert lines("", CLUSTER, topics) == [
        "Metadata for all topics (from broker 1: 127.0.0.1:29092/1):",
        " 1 brokers:",
        "  broker 1 at 127.0.0.1:29092 (controller)",
        " 2 topics:",
        '  topic "events" with 1 partitions:',
        "    partition 0, leader 1, replicas: 1, isrs: 1",
        '  topic "nosuch" with 0 partitions: Broker: Unknown topic or partition',
    ]


# --- the command without a broker ---


def cat(*argv: str, stdin: bytes = b"", brokers: str = BROKERS) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*OURS, "-b", brokers, *argv], input=stdin, capture_output=True, timeout=60)


@contextmanager
def running(*argv: str, brokers: str = BROKERS) -> Iterator[subprocess.Popen[bytes]]:
    """A kafkacat in the background, ended whatever happens."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*OURS, "-b", brokers, *argv], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="session")
def nobody() -> Iterator[str]:
    """An address where nothing answers: bound, so that nobody else takes it, and not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def test_help_goes_to_stdout_and_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr()
    assert "kafkacat -C -t events -o beginning -e" in printed.out
    assert printed.err == ""


def test_a_usage_error_says_what_is_missing_and_where_help_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C"]) == 1
    assert capsys.readouterr().err.startswith("Error: -t <topic> missing\n\nUsage: kafkacat ")


def test_an_error_begins_as_kcat_s_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", "-t", "events", "-f", "%z"]) == 1
    assert capsys.readouterr().err == "% ERROR: Unsupported formatter: %z\n"


def test_a_flag_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", "-t", "events", "-J"]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("Error: unknown argument: option -J not recognized\n")
    assert "kafkacat -h" in printed


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (
            ["-C", "-t", "events"],
            "% ERROR: Failed to query metadata for topic events: Local: Broker transport failure",
        ),
        (["-L"], "% ERROR: Failed to acquire metadata: Local: Broker transport failure"),
        (["-P", "-t", "events"], "% ERROR: Local: All broker connections are down"),
    ],
)
def test_without_a_broker_it_says_so_and_fails(nobody: str, argv: list[str], complaint: str) -> None:
    ended = cat(*argv, stdin=b"lost\n", brokers=nobody)
    assert ended.returncode == 1
    assert ended.stderr.decode().startswith(complaint)
    assert ended.stderr.count(b"\n") == 1


def test_ctrl_c_does_not_wait_for_a_broker_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(20)
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with running("-C", "-t", "events", brokers=address) as process, silent.accept()[0]:
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=10) == (b"", b"")
            assert process.returncode == 130


# --- on real topics ---


@pytest.fixture(scope="module")
def mixed(stack: Settings) -> Iterator[str]:
    """A topic of three partitions with keys, headers, nothing, everything binary, and a tombstone in it."""
    from kafka import KafkaAdminClient, KafkaProducer

    name = f"test-{uuid.uuid4().hex[:12]}"
    with KafkaAdminClient(bootstrap_servers=stack.bootstrap_servers) as admin:
        admin.create_topics({name: {"num_partitions": 3, "replication_factor": 1}}, wait_for_metadata=True)
        with KafkaProducer(bootstrap_servers=stack.bootstrap_servers) as producer:
            for number in range(10):
                producer.send(name, b"value %d" % number, key=b"key %d" % (number % 4), partition=number % 2)
            producer.send(name, b'\x00\x01\xff\xfe\n"\\', partition=0, headers=[("a", b"1"), ("b", b"")])
            producer.send(name, b"no key", partition=1)
            producer.send(name, None, key=b"gone", partition=1)
            producer.send(name, b"", key=b"", partition=0)
            producer.flush()
        yield name
        admin.delete_topics([name])


def test_a_topic_is_printed_from_the_beginning_to_its_end(topic: str) -> None:
    cat("-P", "-t", topic, stdin=b"sword\nknife\n")
    ended = cat("-C", "-t", topic, "-o", "beginning", "-e")
    assert ended.stdout == b"sword\nknife\n"
    assert ended.stderr.decode() == f"% Reached end of topic {topic} [0] at offset 2: exiting\n"
    assert ended.returncode == 0


def test_without_b_it_asks_the_stack_s_own_broker(topic: str) -> None:
    cat("-P", "-t", topic, stdin=b"sword\n")
    assert subprocess.run([*OURS, "-C", "-t", topic, "-eq"], capture_output=True).stdout == b"sword\n"


def test_quiet_leaves_stderr_empty(topic: str) -> None:
    assert cat("-C", "-t", topic, "-eq").stderr == b""


def test_an_inferred_mode_is_said(topic: str) -> None:
    said = "% Auto-selecting Producer mode (use -P or -C to override)\n"
    assert cat("-t", topic, stdin=b"sword\n").stderr.decode() == said


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
def test_offsets_and_counts_choose_the_messages(topic: str, argv: list[str], lines: list[int]) -> None:
    cat("-P", "-t", topic, stdin=b"".join(b"%d\n" % number for number in range(10)))
    ended = cat("-C", "-t", topic, *argv)
    assert (ended.returncode, ended.stdout.split()) == (0, [b"%d" % number for number in lines])


def test_all_partitions_are_read_and_each_end_is_reported(mixed: str) -> None:
    ended = cat("-C", "-t", mixed, "-e", "-f", "%p:%o\n")
    read = sorted(ended.stdout.split())
    assert read == sorted(b"%d:%d" % (partition, offset) for partition in (0, 1) for offset in range(7))
    ends = ended.stderr.decode().splitlines()
    assert {end.removesuffix(": exiting") for end in ends} == {
        f"% Reached end of topic {mixed} [{partition}] at offset {offset}"
        for partition, offset in [(0, 7), (1, 7), (2, 0)]
    }
    assert [end.endswith(": exiting") for end in ends] == [False, False, True]


def test_bytes_come_out_as_they_went_in(topic: str) -> None:
    raw = bytes(range(256)).replace(b"\n", b"")
    cat("-P", "-t", topic, stdin=raw)
    assert cat("-C", "-t", topic, "-eq").stdout == raw + b"\n"


def test_a_follower_s_pipe_sees_a_message_when_it_arrives_and_ctrl_c_ends_it_in_peace(topic: str) -> None:
    with running("-C", "-t", topic, "-o", "end") as follower:
        assert follower.stderr is not None
        assert follower.stdout is not None
        assert follower.stderr.readline().decode() == f"% Reached end of topic {topic} [0] at offset 0\n"
        cat("-P", "-t", topic, stdin=b"late\n")
        assert follower.stdout.readline() == b"late\n"
        assert follower.stderr.readline().decode() == f"% Reached end of topic {topic} [0] at offset 1\n"
        follower.send_signal(signal.SIGINT)
        assert follower.communicate(timeout=10) == (b"", b"")
        assert follower.returncode == 0


def test_a_reader_that_has_seen_enough_ends_a_follower_without_a_complaint(topic: str) -> None:
    cat("-P", "-t", topic, stdin=b"sword\n")
    with running("-C", "-t", topic, "-q") as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == b"sword\n"
        follower.stdout.close()
        assert follower.wait(timeout=10) == 1
        assert follower.stderr is not None
        assert follower.stderr.read() == b""


def test_a_line_goes_out_before_the_input_ends(topic: str) -> None:
    with running("-P", "-t", topic) as producer:
        assert producer.stdin is not None
        producer.stdin.write(b"sword\nhalf a li")
        producer.stdin.flush()
        assert cat("-C", "-t", topic, "-c1").stdout == b"sword\n"
        producer.send_signal(signal.SIGINT)
        assert producer.wait(timeout=20) == 0
    assert cat("-C", "-t", topic, "-eq").stdout == b"sword\n"


def test_aborted_transactions_are_left_out_and_the_end_is_still_found(topic: str) -> None:
    from kafka import KafkaProducer

    with KafkaProducer(bootstrap_servers=BROKERS, transactional_id=topic) as producer:
        producer.init_transactions()
        for word, end in [(b"dropped", producer.abort_transaction), (b"kept", producer.commit_transaction)]:
            producer.begin_transaction()
            producer.send(topic, word)
            producer.flush()
            end()
    assert cat("-C", "-t", topic, "-c1").stdout == b"kept\n"  # waits until the commit is in the log
    ended = cat("-C", "-t", topic, "-e")
    assert ended.stdout == b"kept\n"
    assert ended.stderr.decode() == f"% Reached end of topic {topic} [0] at offset 4: exiting\n"


def test_a_topic_deleted_under_a_follower_ends_it_and_does_not_come_back(topic: str) -> None:
    from kafka import KafkaAdminClient

    name = f"{topic}-gone"
    cat("-P", "-t", name, stdin=b"sword\n")  # which makes the topic
    with running("-C", "-t", name, "-q") as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == b"sword\n"
        with KafkaAdminClient(bootstrap_servers=BROKERS) as admin:
            admin.delete_topics([name])
        assert follower.wait(timeout=30) == 1
        assert follower.stderr is not None
        assert follower.stderr.read().startswith(f"% ERROR: Topic {name} error: ".encode())
    assert name.encode() not in cat("-L").stdout


def test_output_that_can_not_be_written_makes_it_fail(topic: str) -> None:
    cat("-P", "-t", topic, stdin=b"sword\n")
    with open("/dev/full", "wb") as full:
        ended = subprocess.run([*OURS, "-C", "-t", topic, "-eq"], stdout=full, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stderr) == (1, b"% ERROR: No space left on device\n")


def test_messages_that_can_not_be_delivered_make_it_fail(topic: str) -> None:
    ended = cat("-P", "-t", topic, "-p", "7", stdin=b"a\nb\n")
    assert ended.returncode == 1
    assert ended.stderr == b"% Delivery failed for message: Local: Unknown partition\n" * 2


def test_a_large_input_arrives_whole_and_in_order(topic: str) -> None:
    lines = b"".join(b"%d\n" % number for number in range(30_000))
    assert cat("-P", "-t", topic, stdin=lines).returncode == 0
    assert cat("-C", "-t", topic, "-eq").stdout == lines


# --- side by side with kcat ---


def peer(*argv: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [KCAT or "kcat", "-b", BROKERS, *argv]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60)


def librdkafka_s_log_apart(stderr: bytes) -> list[str]:
    """Sorted: which partition ends first is chance."""
    lines = [line.removesuffix(": exiting") for line in stderr.decode().splitlines()]
    return sorted(line for line in lines if not line.startswith("%4|"))


@side_by_side
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
def test_reading_is_as_kcat_s(mixed: str, argv: list[str]) -> None:
    ours, theirs = (run(*argv, "-t", mixed) for run in (cat, peer))
    assert ours.returncode == theirs.returncode
    assert sorted(ours.stdout.split(b"\n")) == sorted(theirs.stdout.split(b"\n"))
    assert librdkafka_s_log_apart(ours.stderr) == librdkafka_s_log_apart(theirs.stderr)


@side_by_side
@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("mode", ["-C", "-L"])
def test_a_missing_topic_is_told_as_by_kcat(mode: str) -> None:
    ours, theirs = (run(mode, "-t", "nosuch", "-e") for run in (cat, peer))
    assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)


@side_by_side
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
def test_writing_is_as_kcat_s(topic: str, stdin: bytes, argv: list[str]) -> None:
    """One topic for both: what each has added, and its exit code and remarks."""
    seen, results = 0, []
    for run in (cat, peer):
        ended = run("-P", "-t", topic, *argv, stdin=stdin)
        added = cat("-C", "-t", topic, "-eq", "-o", str(seen), "-f", "[%k %K %s %S %h]").stdout
        seen += added.count(b"]")
        results.append((ended.returncode, ended.stdout, added))
    assert results[0] == results[1]


@side_by_side
def test_a_message_that_is_too_large_ends_both_and_ours_has_sent_what_came_before(topic: str) -> None:
    """kcat ends at once: whether the earlier message was on its way by then differs from run to run."""
    lines = b"a\n" + b"x" * 1_000_100
    ours = cat("-P", "-t", topic, stdin=lines)
    sent = cat("-C", "-t", topic, "-eq", "-f", "[%s]").stdout
    theirs = peer("-P", "-t", topic, stdin=lines)

    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout) == (1, b"")
    assert sent == b"[a]"


@side_by_side
def test_a_key_chooses_the_partition_that_kcat_chooses(mixed: str) -> None:
    keyed = b"".join(b"%s-%d:x\n" % (mixed.encode(), number) for number in range(40))
    placed = []
    for run in (cat, peer):
        before = cat("-C", "-t", mixed, "-e", "-f", "").stderr.decode()
        ends = [end.removesuffix(": exiting").rsplit(" ", 1)[1] for end in sorted(before.splitlines())]
        run("-P", "-t", mixed, "-K:", stdin=keyed)
        added = [
            cat("-C", "-t", mixed, f"-p{number}", "-o", end, "-eq", "-f", "%p %k\n")
            for number, end in enumerate(ends)
        ]
        placed.append(sorted(b"".join(part.stdout for part in added).splitlines()))
    assert len(placed[0]) == 40
    assert placed[0] == placed[1]
