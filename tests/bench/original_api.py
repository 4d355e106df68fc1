"""The original course's game API, as published, but for its Kafka address: the peer of `make bench`.

It answers before the broker has anything (fire and forget), connects while it is imported, and runs under
`flask run`. Keep it as it is: it is what ours is measured against.
"""

import json
import os

from flask import Flask, request
from kafka import KafkaProducer

app = Flask(__name__)
producer = KafkaProducer(bootstrap_servers=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "kafka:29092"))
TOPIC = os.environ.get("EVENTLAB_TOPIC", "events")


def log_to_kafka(topic, event):
    event.update(request.headers)
    producer.send(topic, json.dumps(event).encode())


@app.route("/")
def default_response():
    default_event = {"event_type": "default"}
    log_to_kafka(TOPIC, default_event)
    return "This is the default response!\n"


@app.route("/purchase_a_sword")
def purchase_a_sword():
    purchase_sword_event = {"event_type": "purchase_sword"}
    log_to_kafka(TOPIC, purchase_sword_event)
    return "Sword Purchased!\n"
