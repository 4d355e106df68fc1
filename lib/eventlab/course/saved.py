"""Save the messages of a topic to a file before a lesson replaces the topic."""

from __future__ import annotations

import base64
import json
import tempfile
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from eventlab.clients import kafka
from eventlab.settings import Settings

if TYPE_CHECKING:
    from kafka.consumer.fetcher import ConsumerRecord


def save_messages(topic: str, settings: Settings) -> Path | None:
    """Write a topic's messages to a new file, one JSON object per line; return None when there are none."""
    records = kafka.read_topic(settings.bootstrap_servers, topic)
    first = next(records, None)
    if first is None:
        return None
    folder = settings.state_dir / "saved"
    folder.mkdir(parents=True, exist_ok=True)
    prefix = f"{topic}-{time.strftime('%Y%m%d-%H%M%S')}-"
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", prefix=prefix, dir=folder, delete=False) as file:
        file.writelines(to_json_line(record) + "\n" for record in chain([first], records))
    return Path(file.name)


def to_json_line(record: ConsumerRecord) -> str:
    """Return a record as one line of JSON; keys and values that are not UTF-8 are written in base64."""
    fields = {"partition": record.partition, "offset": record.offset, "timestamp_ms": record.timestamp}
    fields |= _text_field("key", record.key) | _text_field("value", record.value)
    if record.headers:
        fields["headers"] = [{"name": name} | _text_field("value", value) for name, value in record.headers]
    return json.dumps(fields)


def _text_field(name: str, value: bytes | None) -> dict[str, str | None]:
    try:
        return {name: value.decode() if value is not None else None}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(value or b"").decode()}
