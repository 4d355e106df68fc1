"""The game's API: what a player does becomes an event in Kafka, and is answered once Kafka has it.

Run it as in the course, `FLASK_APP=game_api.py flask run --host 0.0.0.0`; to add an event type, add a route.
"""

import json
import os
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, Flask, current_app, request
from kafka import KafkaProducer
from kafka.errors import MessageSizeTooLargeError

game = Blueprint("game", __name__)


@game.route("/")
def default_response() -> str:
    log_to_kafka({"event_type": "default"})
    return "This is the default response!\n"


@game.route("/purchase_a_sword")
def purchase_a_sword() -> str:
    log_to_kafka({"event_type": "purchase_sword"})
    return "Sword Purchased!\n"


@game.route("/purchase_a_knife")
def purchase_a_knife() -> str:
    log_to_kafka({"event_type": "purchase_knife", "description": "very sharp knife"})
    return "Knife Purchased!\n"


def log_to_kafka(event: dict[str, Any]) -> None:
    """Send the event, merged with the request's headers; return when Kafka has acknowledged it."""
    current_app.extensions["events"].append(json.dumps(with_headers(event, request.headers)).encode())


SECRET = {"authorization", "proxy_authorization", "cookie"}


def with_headers(event: dict[str, Any], headers: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The event's own fields, then the headers; neither secrets nor a header that looks like an own field."""
    taken = SECRET | {plain(field) for field in event}
    return event | {name: as_sent(value) for name, value in headers if plain(name) not in taken}


def plain(name: str) -> str:
    """`Event-Type` and `EVENT_TYPE` are one name: HTTP and SQL ignore case, web servers turn _ into -."""
    return name.lower().replace("-", "_")


def as_sent(value: str) -> str:
    """Python's web servers hand headers over as Latin-1, whatever was sent: if it was UTF-8, read it so."""
    try:
        return value if value.isascii() else value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


class Unacknowledged(Exception):
    """Kafka did not confirm the event in time: it may or may not have been written."""


class EventLog:
    """A Kafka topic to append to: one producer for all requests, which connects with the first event."""

    PATIENCE_MS = 3500  # so that an answer, good or bad, is there within 5 s

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self.bootstrap_servers, self.topic = bootstrap_servers, topic
        self._producer: KafkaProducer | None = None
        self._lock = threading.Lock()

    def append(self, message: bytes) -> None:
        deadline = time.monotonic() + self.PATIENCE_MS / 1000
        try:
            future = self.producer().send(self.topic, message)
            future.get(timeout=max(0.0, deadline - time.monotonic()))
        except MessageSizeTooLargeError:
            raise
        except Exception as error:  # whatever the client library has to say, the event is not confirmed
            raise Unacknowledged(f"Kafka at {self.bootstrap_servers} did not acknowledge the event") from error

    def producer(self) -> KafkaProducer:
        with self._lock:
            if self._producer is None:
                self._producer = KafkaProducer(
                    bootstrap_servers=self.bootstrap_servers,
                    acks="all",  # an acknowledged event is on every in-sync replica
                    api_version=(2, 5),  # at least: asking the broker here would wait for it
                    enable_idempotence=False,  # kafka-python 3.0 would not recover from an outage
                    max_in_flight_requests_per_connection=1,  # a retry keeps its place; the others fill a batch
                    max_block_ms=self.PATIENCE_MS,
                    delivery_timeout_ms=self.PATIENCE_MS,
                    request_timeout_ms=self.PATIENCE_MS - 1000,
                    reconnect_backoff_max_ms=500,
                    metrics_enabled=False,
                )
            return self._producer


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """The application; `config` overrides what the environment says."""
    app = Flask(__name__)
    app.config["BOOTSTRAP_SERVERS"] = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:29092")
    app.config["TOPIC"] = os.environ.get("EVENTLAB_TOPIC", "events")
    app.config.update(config or {})
    app.extensions["events"] = EventLog(app.config["BOOTSTRAP_SERVERS"], app.config["TOPIC"])
    app.register_blueprint(game)
    app.register_error_handler(Unacknowledged, lambda error: ({"error": str(error)}, 503))
    app.register_error_handler(MessageSizeTooLargeError, lambda error: ({"error": str(error)}, 431))
    return app
