"""kafkacat reads and writes topics of a real broker."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from eventlab.settings import Settings
from tests.commands.kafkacat.helpers import BROKERS, COMMAND, cat, new_topic, running


def test_without_a_broker_option_the_command_uses_the_stack(topic: str) -> None:
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
def test_offsets_and_counts_select_the_messages(numbers: str, argv: list[str], lines: list[int]) -> None:
    result = cat("-C", "-t", numbers, "-q", *argv)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.split() == [b"%d" % number for number in lines]


@pytest.fixture(scope="module")
def shortened(stack: Settings) -> Iterator[str]:
    """Create a topic with the messages 4 to 9; the earlier ones are deleted, as at the end of retention."""
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
    """`-99` means all messages when there are fewer."""
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


def test_a_large_input_is_received_complete_and_in_order(topic: str) -> None:
    lines = b"".join(b"%d\n" % number for number in range(30_000))
    assert cat("-P", "-t", topic, stdin=lines).returncode == 0
    assert cat("-C", "-t", topic, "-eq").stdout == lines


def test_a_follower_prints_each_new_message_and_ctrl_c_is_not_an_error(topic: str) -> None:
    with running("-C", "-t", topic, "-o", "end") as follower:
        assert follower.stderr.readline().decode() == f"% Reached end of topic {topic} [0] at offset 0\n"
        cat("-P", "-t", topic, stdin=b"late\n")
        assert follower.stdout.readline() == b"late\n"
        assert follower.stderr.readline().decode() == f"% Reached end of topic {topic} [0] at offset 1\n"
        follower.send_signal(signal.SIGINT)
        assert follower.communicate(timeout=60) == (b"", b"")
        assert follower.returncode == 0


def test_a_closed_pipe_ends_a_follower_without_a_message(numbers: str) -> None:
    with running("-C", "-t", numbers, "-q") as follower:
        assert follower.stdout.readline() == b"0\n"
        follower.stdout.close()
        assert follower.wait(timeout=60) == 1
        assert follower.stderr.read() == b""


def test_a_line_is_sent_before_the_input_ends(topic: str) -> None:
    with running("-P", "-t", topic) as producer:
        producer.stdin.write(b"sword\nhalf a li")
        producer.stdin.flush()
        assert cat("-C", "-t", topic, "-c1").stdout == b"sword\n"
        producer.send_signal(signal.SIGINT)
        assert producer.wait(timeout=60) == 0
    assert cat("-C", "-t", topic, "-eq").stdout == b"sword\n"


def test_aborted_transactions_are_not_printed_and_the_end_is_reached(topic: str) -> None:
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
def test_a_follower_ends_when_its_topic_is_deleted_and_does_not_create_it_again() -> None:
    with new_topic(partitions=1) as name, running("-C", "-t", name) as follower:
        assert follower.stderr.readline().decode() == f"% Reached end of topic {name} [0] at offset 0\n"
        with KafkaAdminClient(bootstrap_servers=BROKERS) as admin:
            admin.delete_topics([name])
        assert follower.wait(timeout=60) == 1
        assert follower.stderr.read().startswith(f"% ERROR: Topic {name} error: ".encode())
        assert name.encode() not in cat("-L").stdout
        cat("-P", "-t", name, stdin=b"again\n")  # new_topic deletes it


def test_output_that_cannot_be_written_is_an_error(numbers: str) -> None:
    with open("/dev/full", "wb") as full:
        result = subprocess.run([*COMMAND, "-C", "-t", numbers, "-eq"], stdout=full, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (1, b"% ERROR: No space left on device\n")


def test_each_message_that_is_not_delivered_is_reported(topic: str) -> None:
    result = cat("-P", "-t", topic, "-p", "7", stdin=b"a\nb\n")
    assert result.returncode == 1
    assert result.stderr == b"% Delivery failed for message: Local: Unknown partition\n" * 2
