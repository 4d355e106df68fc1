"""The game API: each request becomes an event in Kafka, and is answered when Kafka has acknowledged the event.

Run it with `FLASK_APP=game_api.py flask run --host 0.0.0.0`. To add an event type, add a route.
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
    """Log an event of the default type."""
    log_to_kafka({"event_type": "default"})
    return "This is the default response!\n"


@game.route("/purchase_a_sword")
def purchase_a_sword() -> str:
    """Log the purchase of a sword."""
    log_to_kafka({"event_type": "purchase_sword"})
    return "Sword Purchased!\n"


@game.route("/purchase_a_knife")
def purchase_a_knife() -> str:
    """Log the purchase of a knife."""
    log_to_kafka({"event_type": "purchase_knife", "description": "very sharp knife"})
    return "Knife Purchased!\n"


@game.route("/join_guild/<name>")
def join_guild(name: str) -> str:
    """Log that a player joins the guild in the path."""
    log_to_kafka({"event_type": "join_guild", "guild": name})
    return "Guild Joined!\n"


@game.route("/purchase", methods=["POST"])
def purchase() -> str | tuple[dict[str, str], int]:
    """Log the purchase that the JSON body describes, or answer 400 with the reason.

    A body is `{"player": "ada", "item": {"name": "sword", "price": 120, "tags": ["steel"]}, "quantity": 1}`.
    `tags` and `quantity` may be absent.
    """
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        body = None
    reason = problem_with(body)
    if reason:
        return {"error": reason}, 400
    item = {"name": body["item"]["name"], "price": body["item"]["price"], "tags": body["item"].get("tags", [])}
    quantity = body.get("quantity", 1)
    log_to_kafka({"event_type": "purchase", "player": body["player"], "item": item, "quantity": quantity})
    return "Item Purchased!\n"


LARGEST_NUMBER = 1_000_000


def problem_with(body: Any) -> str | None:
    """Return why the body is not a purchase, or None if it is one."""
    if not isinstance(body, dict):
        return "the body is not a JSON object"
    item = body.get("item")
    if not isinstance(item, dict):
        return "item is not an object"
    tags = item.get("tags", [])
    for name, text in (("player", body.get("player")), ("item.name", item.get("name"))):
        if not isinstance(text, str) or not text:
            return f"{name} is not a string"
    for name, number, least in (("item.price", item.get("price"), 0), ("quantity", body.get("quantity", 1), 1)):
        if type(number) is not int or not least <= number <= LARGEST_NUMBER:  # True is an int, too
            return f"{name} is not a whole number from {least} to {LARGEST_NUMBER}"
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return "item.tags is not a list of strings"
    return None


def log_to_kafka(event: dict[str, Any]) -> None:
    """Send the event with the request's headers; return when Kafka has acknowledged it."""
    current_app.extensions["events"].append(json.dumps(with_headers(event, request.headers)).encode())


SECRET = {"authorization", "proxy_authorization", "cookie"}


def with_headers(event: dict[str, Any], headers: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the event with the request's headers as further fields.

    Secrets are left out, and so are headers that have the name of a field of the event.
    """
    excluded = SECRET | {normalize(field) for field in event}
    return event | {name: decode(value) for name, value in headers if normalize(name) not in excluded}


def normalize(name: str) -> str:
    """Return the same name for `Event-Type` and `EVENT_TYPE`.

    HTTP and SQL do not distinguish capital and small letters, and web servers replace `_` by `-`.
    """
    return name.lower().replace("-", "_")


def decode(value: str) -> str:
    """Return a header's text as the client sent it.

    Clients send UTF-8, but Python's web servers read the bytes of each header as Latin-1.
    """
    try:
        return value if value.isascii() else value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


class Unacknowledged(Exception):
    """Kafka did not acknowledge the event in time. Kafka may have stored it, or not."""


class EventLog:
    """Sends events to a Kafka topic, and waits until Kafka has stored them.

    All requests share one producer, the object that sends to Kafka. It connects when the first event is sent, so
    the API can start before Kafka.
    """

    TIMEOUT_MS = 4000  # when Kafka does not answer, the player still gets an answer within 5 seconds

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self.bootstrap_servers, self.topic = bootstrap_servers, topic
        self._producer: KafkaProducer | None = None
        self._lock = threading.Lock()

    def append(self, message: bytes) -> None:
        """Send a message, and wait until Kafka has acknowledged it."""
        deadline = time.monotonic() + self.TIMEOUT_MS / 1000
        try:
            future = self.producer().send(self.topic, message)
            future.get(timeout=max(0.0, deadline - time.monotonic()))
        except MessageSizeTooLargeError:
            raise
        except Exception as error:  # whatever the error was, Kafka has not acknowledged the event
            raise Unacknowledged(f"Kafka at {self.bootstrap_servers} did not acknowledge the event") from error

    def producer(self) -> KafkaProducer:
        """Return the producer, which is created at the first call."""
        with self._lock:  # two first requests at the same time must not create two producers
            if self._producer is None:
                self._producer = KafkaProducer(
                    bootstrap_servers=self.bootstrap_servers,
                    # Kafka acknowledges an event when all in-sync replicas (see lesson 1) have stored it.
                    acks="all",
                    # The oldest protocol that works here; newer brokers know it, too. Without it, the client asks
                    # the broker for its version first, and waits while the broker does not run.
                    api_version=(2, 5),
                    # With True, kafka-python 3.0 cannot send any more after a broker was down.
                    enable_idempotence=False,
                    # Send the next events only after the answer to the last ones. Otherwise an event that the
                    # client has to send again could get a place behind later events.
                    max_in_flight_requests_per_connection=1,
                    # How long to wait for the broker, for an acknowledgement, and for each answer.
                    max_block_ms=self.TIMEOUT_MS,
                    delivery_timeout_ms=self.TIMEOUT_MS,
                    # If the last one were shorter, the client would send the event again, and a slow broker would
                    # store it twice.
                    request_timeout_ms=self.TIMEOUT_MS,
                    reconnect_backoff_max_ms=500,
                    metrics_enabled=False,
                )
            return self._producer


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Create the web application. Its settings are environment variables; `config` can replace them."""
    app = Flask(__name__)
    app.config["BOOTSTRAP_SERVERS"] = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:29092")
    app.config["MAX_CONTENT_LENGTH"] = 100_000  # bytes; a longer body gets the status 413
    app.config["TOPIC"] = os.environ.get("EVENTLAB_TOPIC", "events")
    app.config.update(config or {})
    app.extensions["events"] = EventLog(app.config["BOOTSTRAP_SERVERS"], app.config["TOPIC"])
    app.register_blueprint(game)
    # 503: Kafka did not acknowledge the event. 431: with its headers, the event is too large for Kafka.
    app.register_error_handler(Unacknowledged, lambda error: ({"error": str(error)}, 503))
    app.register_error_handler(MessageSizeTooLargeError, lambda error: ({"error": str(error)}, 431))
    return app
