"""Topics are created, read up to their end and deleted; a read whose broker ends fails in time."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from eventlab.clients import kafka
from eventlab.clients.kafka import open_admin
from eventlab.settings import Settings
from eventlab.stack import Stack, fresh_stack
from tests.helpers import Stopwatch, process_of
from tests.stacks import free_offset

pytestmark = pytest.mark.services
MESSAGE = b"x" * 20_000


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Start a broker that the tests of this module stop and kill."""
    with fresh_stack(tmp_path_factory.mktemp("kafka") / "state", [free_offset()], ["kafka"]) as stack:
        yield stack.settings


@pytest.fixture
def servers(broker: Settings) -> str:
    """Start the broker if it does not run, and return its address."""
    Stack(broker).up(["kafka"])
    return broker.bootstrap_servers


def send(servers: str, topic: str, *messages: bytes, partition: int = 0) -> None:
    """Send messages to a partition."""
    with kafka.open_producer(servers) as producer:
        for message in messages:
            producer.send(topic, message, partition=partition)


def test_a_topic_is_created_listed_and_deleted(servers: str):
    assert kafka.create_topic(servers, "created", partitions=2)
    assert "created" in kafka.list_topics(servers)
    assert kafka.topic_id(servers, "created")

    kafka.delete_topics(servers, ["created", "never-created"])

    assert kafka.topic_id(servers, "created") is None


def test_a_topic_that_exists_is_an_error_that_names_the_next_command(servers: str):
    kafka.create_topic(servers, "twice", exist_ok=True)

    assert not kafka.create_topic(servers, "twice", exist_ok=True)
    with pytest.raises(kafka.TopicError, match=r"(?s)'twice' exists.*kafka-topics --delete --topic twice"):
        kafka.create_topic(servers, "twice", timeout_s=0.2)


def test_a_topic_that_is_being_deleted_has_no_other_id(servers: str):
    for _ in range(20):
        kafka.create_topic(servers, "deleted")
        with open_admin(servers) as admin:
            old = kafka._topic_id(admin, "deleted")
            admin.delete_topics(["deleted"])
            ids = iter(lambda: kafka._topic_id(admin, "deleted"), None)
            assert set(ids) <= {old}


def test_a_topic_is_recreated_while_another_client_creates_it_too(servers: str):
    kafka.create_topic(servers, "recreated")
    send(servers, "recreated", b"old")
    first_id = kafka.topic_id(servers, "recreated")

    with closing(KafkaConsumer("recreated", bootstrap_servers=servers, metadata_max_age_ms=20)) as consumer:
        done = threading.Event()

        def follow() -> None:
            while not done.is_set():
                consumer.poll(timeout_ms=10)

        follower = threading.Thread(target=follow)
        follower.start()
        try:
            for _ in range(3):
                kafka.recreate_topic(servers, "recreated")
        finally:
            done.set()
            follower.join()

    assert kafka.topic_id(servers, "recreated") not in (None, first_id)
    assert list(kafka.read_topic(servers, "recreated")) == []


def test_a_name_that_kafka_does_not_accept_is_an_error(servers: str):
    with pytest.raises(kafka.TopicError, match="not valid/name"):
        kafka.create_topic(servers, "not valid/name")


def test_a_read_ends_at_the_offsets_of_its_start(servers: str):
    kafka.create_topic(servers, "bounded", partitions=2)
    send(servers, "bounded", b"a", b"b")
    send(servers, "bounded", b"c", partition=1)

    reading = kafka.read_topic(servers, "bounded")
    first = next(reading)
    send(servers, "bounded", b"later")

    assert [first.value, *(record.value for record in reading)] == [b"a", b"b", b"c"]
    assert [record.value for record in kafka.read_topic(servers, "bounded", start={0: 1, 1: 1})] == [
        b"b",
        b"later",
    ]
    assert kafka.topic_offsets(servers, "bounded") == kafka.Offsets({0: 0, 1: 0}, {0: 3, 1: 1})


def test_a_consumer_is_read_to_the_end_of_all_partitions_and_from_the_end_nothing_is_read(servers: str):
    kafka.create_topic(servers, "whole", partitions=2)
    send(servers, "whole", b"a", b"b")
    send(servers, "whole", b"c", partition=1)

    with closing(KafkaConsumer("whole", bootstrap_servers=servers, auto_offset_reset="earliest")) as consumer:
        reading = kafka.read_to_end(consumer)
        first = next(reading)
        send(servers, "whole", b"later")
        assert sorted([first.value, *(record.value for record in reading)]) == [b"a", b"b", b"c"]
    with closing(KafkaConsumer("whole", bootstrap_servers=servers, auto_offset_reset="latest")) as consumer:
        assert list(kafka.read_to_end(consumer)) == []


def test_a_topic_that_does_not_exist_has_no_records_and_is_not_created(servers: str):
    assert list(kafka.read_topic(servers, "missing")) == []
    assert kafka.topic_offsets(servers, "missing") is None
    assert "missing" not in kafka.list_topics(servers)


def test_a_group_that_has_committed_nothing_has_no_offsets(servers: str):
    assert kafka.committed_offsets(servers, "no-such-group", "events") == {}


def test_offsets_are_committed_also_for_the_first_group_of_a_broker(servers: str):
    kafka.create_topic(servers, "read", partitions=2)
    offsets = {TopicPartition("read", partition): OffsetAndMetadata(partition + 3, "", -1) for partition in (0, 1)}
    kafka.delete_topics(servers, ["__consumer_offsets"])
    with open_admin(servers) as admin:
        kafka.commit_offsets(admin, "the-first-group", offsets)

    assert kafka.committed_offsets(servers, "the-first-group", "read") == {0: 3, 1: 4}


@pytest.mark.parametrize("ending", ["kill", "suspend"])
def test_a_read_fails_in_time_when_the_broker_ends_or_hangs(broker: Settings, servers: str, ending: str):
    topic = f"interrupted-by-{ending}"
    kafka.create_topic(servers, topic)
    send(servers, topic, *[MESSAGE] * 300)
    reading = kafka.read_topic(servers, topic)
    next(reading)
    running = process_of(broker, "kafka")

    getattr(running, ending)()
    taken = Stopwatch()
    with pytest.raises(kafka.KafkaUnavailable, match=r"(?s)no record of topic.*at offset.*eventlab up kafka"):
        list(reading)

    assert taken.seconds < 15


def test_a_read_continues_at_the_offset_where_it_ended(servers: str):
    offsets = kafka.topic_offsets(servers, "interrupted-by-kill")
    assert offsets is not None

    rest = list(kafka.read_topic(servers, "interrupted-by-kill", start={0: 290}))

    assert offsets.count == 300
    assert [record.offset for record in rest] == list(range(290, 300))
