"""The tail keeps up, keeps its place, and keeps little."""

import json
import re
import subprocess
import sys
import time
from collections import Counter
from html import unescape

import psutil
import pytest
from kafka import KafkaProducer

from eventlab import course
from eventlab.widgets import EventTail
from eventlab.widgets.event_tail import BUFFERED
from eventlab.widgets.follower import Event, as_event
from eventlab.widgets.tally import MOST_TYPES, OTHERS, Tally, chart, nice
from tests.widgets.helpers import until

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
    """Sends events to the topic and returns when they are acknowledged."""
    producer = KafkaProducer(bootstrap_servers=stack.bootstrap_servers)

    def send_all(*events):
        for event in events:
            producer.send(topic, json.dumps(event).encode()).get(timeout=10)

    yield send_all
    producer.close()


@pytest.fixture
def tail(stack, topic, show):
    shown = show(EventTail(topic, stack))
    until(lambda: shown.follower.position)
    return shown


def rows(tail):
    found = re.findall(r"<tr>(<td.*?)</tr>", tail.table.value)
    return [[unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall(r"<td.*?</td>", row)] for row in found]


def sword(host="user1.comcast.com"):
    return {"event_type": "purchase_sword", "Host": host}


def test_events_that_come_are_shown_with_their_place_the_latest_first(tail, send):
    send(sword(), {"event_type": "default", "Host": "user2.att.com"})

    until(lambda: len(rows(tail)) == 2)

    assert [row[:2] + row[3:5] for row in rows(tail)] == [
        ["0", "1", "default", "user2.att.com"],
        ["0", "0", "purchase_sword", "user1.comcast.com"],
    ]
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", rows(tail)[0][2])
    assert "purchase_sword 1" in tail.chart.value or until(lambda: "purchase_sword 1" in tail.chart.value)


def test_a_tail_starts_at_the_end_and_jumps_to_the_beginning(stack, topic, send, show):
    send(*[sword()] * 5)
    tail = show(EventTail(topic, stack))
    until(lambda: tail.follower.position == {0: 5})
    assert rows(tail) == []

    tail.to_beginning.click()

    until(lambda: [row[1] for row in rows(tail)] == ["4", "3", "2", "1", "0"])
    tail.to_end.click()
    until(lambda: rows(tail) == [])


def test_a_paused_tail_stands_still_and_misses_nothing(tail, send):
    tail.pause.click()
    time.sleep(0.3)
    send(sword(), sword())
    time.sleep(1)
    assert rows(tail) == []

    tail.pause.click()

    until(lambda: [row[1] for row in rows(tail)] == ["1", "0"])


def test_events_are_filtered_by_type_and_host(tail, send):
    send(sword(), sword("user2.att.com"), {"event_type": "default", "Host": "user2.att.com"})
    until(lambda: ("purchase_sword", "purchase_sword") in tail.kind.options and len(tail.host.options) == 3)

    tail.kind.value = "purchase_sword"
    until(lambda: [row[1] for row in rows(tail)] == ["1", "0"])
    tail.host.value = "user2.att.com"
    until(lambda: [row[1] for row in rows(tail)] == ["1"])
    send(sword("user2.att.com"), sword())
    until(lambda: [row[1] for row in rows(tail)] == ["3", "1"])


def test_a_topic_that_is_made_anew_is_read_from_its_beginning(stack, tail, topic, send):
    send(*[sword()] * 3)
    until(lambda: len(rows(tail)) == 3)
    course.fresh_topic(topic)

    send(sword("after.example.org"))

    until(lambda: [row[1] for row in rows(tail)] == ["0"], 15)


def test_a_topic_that_does_not_exist_is_named(stack, show):
    tail = show(EventTail("no-such-topic", stack))

    until(lambda: "There is no topic &#x27;no-such-topic&#x27;" in tail.facts.value)


def test_without_a_broker_it_says_what_to_start(api_alone, show):
    tail = show(EventTail("events", api_alone))

    until(lambda: "Start it: eventlab up kafka" in tail.facts.value)


@pytest.mark.timeout(120)
def test_a_thousand_events_a_second_neither_grow_the_kernel_nor_hold_it_up(stack, topic, kernel):
    kernel.run(
        "from eventlab.widgets import EventTail\n"
        f"tail = EventTail({topic!r})\n"
        "display(tail)\n"
        "import time\n"
        "while not tail.follower.position: time.sleep(0.05)",
        cell="tail",
    )
    kernel.waiting()
    process = psutil.Process(kernel.manager.provisioner.pid)
    command = [sys.executable, "-c", PRODUCER, stack.bootstrap_servers, topic, str(RATE), str(SECONDS)]
    answers, memory, updates = [], [], 0
    with subprocess.Popen(command) as producer:
        started = time.monotonic()
        while producer.poll() is None:
            asked = time.monotonic()
            heard = kernel.run("1 + 1", cell="asks")
            answers.append(time.monotonic() - asked)
            updates += sum(told["msg_type"] == "comm_msg" for told in heard)
            if time.monotonic() - started > 4:
                memory.append(process.memory_info().rss)
            time.sleep(0.1)
        lasted = time.monotonic() - started
    assert lasted >= 10
    until(lambda: kernel.value("tail.read") == RATE * SECONDS, 5)

    assert max(answers) < 0.5
    assert max(memory) - memory[0] < 12 * 2**20
    assert kernel.value("len(tail._recent)") == BUFFERED
    assert updates <= lasted * 4 * 5  # four times a second, of each of the widget's parts that change
    assert kernel.value("tail.follower.behind") <= 2 * RATE


def event(kind, second):
    return Event(0, 0, second * 1000, kind, "", "")


def test_a_tally_holds_a_minute_and_a_few_types_whatever_comes():
    tally = Tally()
    for second in range(1000, 1200):
        tally.add([event(f"kind {number}", second) for number in range(100)], now=second)

    assert len(tally.seconds) <= 62
    assert len(tally.kinds) == MOST_TYPES
    assert sum(tally.window(1200)[-1].values()) == 100
    assert tally.window(1200)[-1][OTHERS] == 100 - MOST_TYPES


def test_an_old_event_that_is_read_again_is_not_counted_as_new():
    tally = Tally()

    tally.add([event("default", 10)], now=1000)

    assert sum(tally.window(1000), Counter()) == Counter()


def test_the_chart_says_in_words_what_it_shows():
    drawn = chart([Counter(default=3), Counter(default=1, purchase_sword=2)])

    assert "aria-label='Events per second by type in the last minute: default 4, purchase_sword 2'" in drawn


@pytest.mark.parametrize(("highest", "top"), [(0, 2), (2, 2), (3, 4), (5, 10), (999, 1000), (1001, 2000)])
def test_the_axis_ends_at_a_round_number(highest, top):
    assert nice(highest) == top


@pytest.mark.parametrize("value", [None, b"", b"[1]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_message_that_is_no_event_is_shown_all_the_same(value):
    class Record:
        partition, offset, timestamp = 0, 1, 2

    Record.value = value

    assert as_event(Record).kind == "(none)"
