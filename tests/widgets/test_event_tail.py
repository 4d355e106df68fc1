"""The tail shows all events, keeps its position, and keeps little in memory."""

import json
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from types import SimpleNamespace

import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaTimeoutError

from eventlab import course
from eventlab.grading import fair_time
from eventlab.widgets import EventTail
from eventlab.widgets.event_chart import MAX_TYPES, OTHERS, EventCounter, axis_end, chart
from eventlab.widgets.event_tail import MAX_BUFFERED
from eventlab.widgets.follower import Event, Follower, to_event
from eventlab.widgets.html import render
from tests.helpers import wait_until
from tests.widgets.helpers import table_rows

RATE, SECONDS = 1000, 12
PRODUCER = """
import json, sys, time
from kafka import KafkaProducer
servers, topic, rate, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
producer = KafkaProducer(bootstrap_servers=servers, linger_ms=5)
kinds = ["default", "purchase_sword", "purchase_knife"]
started = time.monotonic()
for tenth in range(seconds * 10):
    for number in range(rate // 10):
        event = {"event_type": kinds[number % 3], "Host": f"user{number % 5}.example.org", "User-Agent": "x" * 100}
        producer.send(topic, json.dumps(event).encode())
    time.sleep(max(0, started + (tenth + 1) / 10 - time.monotonic()))
producer.flush()
"""


@pytest.fixture
def send(stack, topic):
    """Return a function that sends events and waits until they are acknowledged."""
    producer = KafkaProducer(bootstrap_servers=stack.bootstrap_servers)

    def send_all(*events):
        for event in events:
            producer.send(topic, json.dumps(event).encode()).get(timeout=60)

    yield send_all
    producer.close()


@pytest.fixture
def tail(stack, topic, show):
    """Show a tail of the topic."""
    shown = show(EventTail(topic, stack))
    wait_until(lambda: shown.follower.position)
    return shown


def rows(tail):
    """Return the rows of the table of events."""
    return table_rows(tail.table.value)


def sword(host="user1.comcast.com"):
    """Return a purchase."""
    return {"event_type": "purchase_sword", "Host": host}


def test_new_events_are_shown_with_partition_and_offset_the_latest_first(tail, send):
    send(sword(), {"event_type": "default", "Host": "user2.att.com"})

    wait_until(lambda: len(rows(tail)) == 2)

    assert [row[:2] + row[3:5] for row in rows(tail)] == [
        ["0", "1", "default", "user2.att.com"],
        ["0", "0", "purchase_sword", "user1.comcast.com"],
    ]
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", rows(tail)[0][2])
    wait_until(lambda: "purchase_sword 1" in tail.chart.value)


def test_a_tail_starts_at_the_end_and_jumps_to_the_beginning(stack, topic, send, show):
    send(*[sword()] * 5)
    tail = show(EventTail(topic, stack))
    wait_until(lambda: tail.follower.position == {0: 5})
    assert rows(tail) == []

    tail.to_beginning.click()

    wait_until(lambda: [row[1] for row in rows(tail)] == ["4", "3", "2", "1", "0"])
    tail.to_end.click()
    wait_until(lambda: rows(tail) == [])


def test_a_paused_tail_does_not_change_and_misses_no_event(tail, send):
    tail.pause.click()
    time.sleep(0.3)
    send(sword(), sword())
    time.sleep(1)
    assert rows(tail) == []

    tail.pause.click()

    wait_until(lambda: [row[1] for row in rows(tail)] == ["1", "0"])


def test_events_are_filtered_by_type_and_host(tail, send):
    send(sword(), sword("user2.att.com"), {"event_type": "default", "Host": "user2.att.com"})
    wait_until(
        lambda: ("purchase_sword", "purchase_sword") in tail.event_type.options and len(tail.host.options) == 3
    )

    tail.event_type.value = "purchase_sword"
    wait_until(lambda: [row[1] for row in rows(tail)] == ["1", "0"])
    tail.host.value = "user2.att.com"
    wait_until(lambda: [row[1] for row in rows(tail)] == ["1"])
    send(sword("user2.att.com"), sword())
    wait_until(lambda: [row[1] for row in rows(tail)] == ["3", "1"])


def test_a_topic_that_is_created_again_is_read_from_its_beginning(stack, tail, topic, send):
    send(*[sword()] * 3)
    wait_until(lambda: len(rows(tail)) == 3)
    course.fresh_topic(topic)

    send(sword("after.example.org"))

    wait_until(lambda: [row[1] for row in rows(tail)] == ["0"])


@pytest.fixture
def follow(stack, topic):
    """Return a function that follows the topic from its beginning in a thread, and returns the shown offsets."""
    closing, threads = threading.Event(), []

    def start():
        events: list[Event] = []
        follower = Follower(stack.bootstrap_servers, topic, events.extend, events.clear)
        follower.jump_to("beginning")
        threads.append(threading.Thread(target=follower.run, args=[closing]))
        threads[0].start()
        return lambda: [event.offset for event in events]

    yield start
    closing.set()
    threads[0].join()


def test_a_topic_that_is_created_again_between_two_looks_at_its_end_is_noticed_too(
    topic, send, follow, monkeypatch
):
    send(*[sword()] * 3)
    shown = follow()
    wait_until(lambda: shown() == [0, 1, 2])
    monkeypatch.setattr("eventlab.widgets.follower.REFRESH_S", 60)
    course.fresh_topic(topic)

    send(sword("after.example.org"))

    wait_until(lambda: shown() == [0], describe=shown)


def test_a_jump_that_the_broker_interrupts_is_made_by_the_next_attempt(send, follow, monkeypatch):
    send(sword())
    real, failures = KafkaConsumer.beginning_offsets, [KafkaTimeoutError()]

    def beginning_offsets(consumer, partitions, **options):
        if failures:
            raise failures.pop()
        return real(consumer, partitions, **options)

    monkeypatch.setattr(KafkaConsumer, "beginning_offsets", beginning_offsets)

    shown = follow()

    wait_until(lambda: shown() == [0], describe=shown)
    assert failures == []


def test_a_topic_that_does_not_exist_is_named(stack, show):
    tail = show(EventTail("no-such-topic", stack))

    wait_until(lambda: "There is no topic &#39;no-such-topic&#39;" in tail.facts.value)


def test_without_a_broker_it_shows_the_command_that_starts_one(api_alone, show):
    tail = show(EventTail("events", api_alone))

    wait_until(lambda: "Next: eventlab up kafka" in tail.facts.value)


def seconds_of_answer(kernel):
    """Ask the kernel for a sum; return after how many seconds it has answered, and all messages until then."""
    requested = fair_time.measure()
    messages = kernel.run("1 + 1", cell="request")
    answered = fair_time.measure()
    time.sleep(0.1)
    return (answered.at - requested.at) * fair_time.speed(requested, answered), messages


def nineteen_of_twenty(seconds):
    """Return the time within which nineteen of twenty answers have come."""
    return statistics.quantiles(seconds, n=20)[-1]


@pytest.mark.timeout(120)
def test_a_thousand_events_per_second_do_not_fill_the_memory_or_delay_the_kernel(stack, topic, kernel):
    usual = nineteen_of_twenty([seconds_of_answer(kernel)[0] for _ in range(40)])
    kernel.run(
        "from eventlab.widgets import EventTail\n"
        f"tail = EventTail({topic!r})\n"
        "display(tail)\n"
        "import time\n"
        "while not tail.follower.position: time.sleep(0.05)",
        cell="tail",
    )
    kernel.drain()
    process = psutil.Process(kernel.manager.provisioner.pid)
    command = [sys.executable, "-c", PRODUCER, stack.bootstrap_servers, topic, str(RATE), str(SECONDS)]
    answers, memory, updates = [], [], 0
    with subprocess.Popen(command) as producer:
        started = time.monotonic()
        while producer.poll() is None:
            seconds, messages = seconds_of_answer(kernel)
            answers.append(seconds)
            updates += sum(message["msg_type"] == "comm_msg" for message in messages)
            if time.monotonic() - started > 4:
                memory.append(process.memory_info().rss)
        duration = time.monotonic() - started
    assert duration >= 10
    wait_until(lambda: kernel.value("tail.received") == RATE * SECONDS)

    assert nineteen_of_twenty(answers) < usual + 0.1, "the widget delays the kernel"
    assert max(answers) < 2, "or a busy machine does: then it is one answer"
    assert max(memory) - memory[0] < 12 * 2**20
    assert kernel.value("len(tail._recent)") == MAX_BUFFERED
    assert updates <= duration * 4 * 5  # four times a second, of each of the widget's parts that change
    assert kernel.value("tail.follower.lag") <= 2 * RATE


def event(kind, second):
    """Return an event of a type at a second."""
    return Event(0, 0, second * 1000, kind, "", "")


def test_a_counter_keeps_one_minute_and_a_few_types():
    counter = EventCounter()
    for second in range(1000, 1200):
        counter.add([event(f"kind {number}", second) for number in range(100)], now=second)

    assert len(counter.seconds) <= 62
    assert len(counter.event_types) == MAX_TYPES
    assert sum(counter.window(1200)[-1].values()) == 100
    assert counter.window(1200)[-1][OTHERS] == 100 - MAX_TYPES


def test_an_old_event_that_is_read_again_is_not_counted():
    counter = EventCounter()

    counter.add([event("default", 10)], now=1000)

    assert sum(counter.window(1000), Counter()) == Counter()


def test_the_chart_has_a_text_with_its_numbers():
    drawn = chart([Counter(default=3), Counter(default=1, purchase_sword=2)])

    assert 'aria-label="Events per second by type in the last minute: default 4, purchase_sword 2"' in drawn


def test_the_content_of_a_message_is_never_html():
    message = Event(0, 1, 2, "<b>type</b>", "'\"", "<script>alert(1)</script>")

    drawn = render("event_table", events=[message]) + chart([Counter({"<i>type</i>": 1})])

    assert table_rows(drawn)[0][3:] == ["<b>type</b>", "'\"", "<script>alert(1)</script>"]
    assert not re.search("<(b>type|i>type|script)", drawn)


@pytest.mark.parametrize(("highest", "top"), [(0, 2), (2, 2), (3, 4), (5, 10), (999, 1000), (1001, 2000)])
def test_the_axis_ends_at_a_round_number(highest, top):
    assert axis_end(highest) == top


@pytest.mark.parametrize("value", [None, b"", b"[1]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_message_that_is_not_an_event_is_shown_too(value):
    record = SimpleNamespace(partition=0, offset=1, timestamp=2, value=value)

    assert to_event(record).event_type == "(none)"
