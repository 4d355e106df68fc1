#!/usr/bin/env python
import json

from flask import Flask, request
from kafka import KafkaProducer

app = Flask(__name__)
producer = KafkaProducer(bootstrap_servers="kafka:29092")


def log_to_kafka(topic, event):
    event.update(request.headers)
    producer.send(topic, json.dumps(event).encode())


@app.route("/")
def default_response():
    log_to_kafka("events", {"event_type": "default", "description": "a look around"})
    return "This is the default response!\n"


@app.route("/purchase_a_sword")
def purchase_a_sword():
    log_to_kafka("events", {"description": "long sword", "event_type": "purchase_sword"})
    return "Sword Purchased!\n"


@app.route("/purchase_a_knife")
def purchase_a_knife():
    log_to_kafka("events", {"event_type": "purchase_knife", "description": "very sharp knife"})
    return "Knife Purchased!\n"
