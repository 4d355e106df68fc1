"""kafkacat ends in time when no broker answers."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import psutil
import pytest

from eventlab.settings import Settings
from tests.commands.kafkacat.helpers import BROKERS, running
from tests.helpers import Stopwatch, process_of, suspend, wait_until
from tests.servers import closed_address, silent_server

MODES_AND_ERRORS = {
    ("-C", "-t", "events"): "Failed to query metadata for topic events: Local: Broker transport failure",
    ("-P", "-t", "events"): "Local: All broker connections are down",
    ("-L",): "Failed to acquire metadata: Local: Broker transport failure",
}


@pytest.mark.services
def test_every_mode_ends_within_15_seconds_when_no_broker_answers() -> None:
    with closed_address() as closed, ExitStack() as stack:
        silent = {argv: stack.enter_context(silent_server()) for argv in MODES_AND_ERRORS}
        runs = [
            (address, argv, stack.enter_context(running(*argv, brokers=address)))
            for argv, (_, silent_address) in silent.items()
            for address in (closed, silent_address)
        ]
        for server, _ in silent.values():
            stack.enter_context(server.accept()[0])  # the run has started
        taken = Stopwatch()
        for address, argv, process in runs:
            _, stderr = process.communicate(b"lost\n", timeout=60)
            no_answer = f"(no broker answers at {address}; next: eventlab status)"
            assert stderr.decode() == f"% ERROR: {MODES_AND_ERRORS[argv]} {no_answer}\n"
            assert process.returncode == 1
        assert taken.seconds < 15


@pytest.mark.programs
def test_ctrl_c_does_not_wait_for_a_broker_that_does_not_answer() -> None:
    with silent_server() as (server, address), running("-C", "-t", "events", brokers=address) as process:
        with server.accept()[0]:
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=60) == (b"", b"")
        assert process.returncode == 130


def test_a_broker_that_stops_answering_ends_a_follower_and_a_producer_within_15_seconds(
    stack: Settings, topic: str
) -> None:
    broker = process_of(stack, "kafka")
    no_answer = f"no broker answers at {BROKERS}; next: eventlab status"
    error = f"% ERROR: Local: All broker connections are down ({no_answer})\n".encode()
    with running("-C", "-t", topic, "-q") as follower, running("-P", "-t", topic) as producer:
        producer.stdin.write(b"sword\n")
        producer.stdin.flush()
        assert follower.stdout.readline() == b"sword\n"
        suspend(broker)
        try:
            wait_until(lambda: broker.status() == psutil.STATUS_STOPPED)
            taken = Stopwatch()
            _, undelivered = producer.communicate(b"lost\n", timeout=60)
            _, lost = follower.communicate(timeout=60)
            assert taken.seconds < 15
        finally:
            broker.resume()
    assert undelivered == b"% Delivery failed for message: Local: Message timed out\n" + error
    assert lost == error
    assert (producer.returncode, follower.returncode) == (1, 1)
