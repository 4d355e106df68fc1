"""Explains errors of kafka-python while the broker runs: values, sizes, deserializers, groups and positions."""

import ast
import json
import linecache
import re
import time
from collections.abc import Iterator
from typing import Any

from eventlab.clients import kafka
from eventlab.explain.edits import python_correction, source_of, statement_correction, with_keyword
from eventlab.explain.explanation import RUN_FIRST, Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.json_values import json_module
from eventlab.explain.kafka import may_lack_messages
from eventlab.explain.syntax_trees import python_tree
from eventlab.settings import Settings

SHOWN = 60
"""Characters of a message that a proof shows."""


def clients(cell: FailedCell, kind: str) -> Iterator[tuple[str, Any]]:
    """Yield the cell's kafka-python clients of a class: (variable, client)."""
    yield from ((name, value) for name, value in cell.variables.items() if _is_client(value, kind))


def _is_client(value: object, kind: str) -> bool:
    return type(value).__name__ == kind and type(value).__module__.startswith("kafka.")


def value_is_no_bytes(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a message's value or key is a string or a dictionary, which Kafka does not store.

    Remedy: The line with `.encode()` or `json.dumps(...).encode()`.
    """
    for part, position in (("value", 1), ("key", 2)):
        if not cell.matches(rf"Unsupported type for serialized {part}: <class '(\w+)'>"):
            continue
        for name, producer in clients(cell, "KafkaProducer"):
            sends = _sends(cell, name)
            if len(sends) != 1 or producer.config[f"{part}_serializer"] is not None:
                continue
            keyword = next((item.value for item in sends[0].keywords if item.arg == part), None)
            node = keyword or (sends[0].args[position] if len(sends[0].args) > position else None)
            if node is None:
                continue
            code = source_of(cell, node)
            is_text = cell.matches(r"serialized \w+: <class 'str'>")
            default = "" if _is_json(cell, part) else ", default=str"
            new = f"{_in_parentheses(node, code)}.encode()" if is_text else ""
            new = new or f"{json_module(cell)}.dumps({code}{default}).encode()"
            kind = "a string" if is_text else "a Python object"
            if cell.matches(r"class '\w*(function|method)\w*'"):
                new, kind = f"{code}()", "a function: parentheses are missing"
            proof = f"{name} has no {part}_serializer, and kafka-python reports: {cell.error}"
            return python_correction(cell, node, new, f"Kafka stores bytes, but this {part} is {kind}.", proof)
    return None


def _sends(cell: FailedCell, producer: str) -> list[ast.Call]:
    """Return the calls of a producer's method `send`."""
    return [call for call in cell.calls("send") if source_of(cell, call.func) == f"{producer}.send"]


def _is_json(cell: FailedCell, part: str) -> bool:
    """Return whether JSON can represent the value or the key that kafka-python got: a time is no value of JSON."""
    try:
        json.dumps(cell.trace[-1].tb_frame.f_locals.get(part))
    except (TypeError, ValueError):
        return False
    return True


def _in_parentheses(node: ast.expr, code: str) -> str:
    return code if isinstance(node, ast.Constant | ast.Name | ast.JoinedStr | ast.Call) else f"({code})"


def message_too_large(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a message is larger than the limit of the producer or of the topic.

    Remedy: A producer and a topic with a higher limit.
    """
    if not cell.matches(r"MessageSizeTooLargeError|RecordTooLargeException"):
        return None
    for name, producer in clients(cell, "KafkaProducer"):
        sends = [call for call in _sends(cell, name) if call.args]
        topic = cell.text_of(sends[0].args[0]) if sends else None
        if topic is None:
            continue
        topic_limit = _topic_limit(settings.bootstrap_servers, topic)
        producer_limit = producer.config["max_request_size"]
        proof = f"the producer's max_request_size is {producer_limit:,} bytes; the topic's max.message.bytes is "
        proof += f"{topic_limit:,}"
        size = _size(cell.error)
        what = f"The message is larger than the {'producer' if size else 'broker'} accepts."
        what += f" It has {size:,} bytes." if size else ""
        needed = 2 * (size or producer_limit)
        lines, written = [], cell.assignment_of(name) or ""
        instruction = "Large messages slow Kafka down. To raise the limit, run this, then run the cell again"
        if size:
            statement = with_keyword(written, "max_request_size", str(needed))
            if statement is None:
                continue  # a new producer would lack the options of this one
            if written in cell.source and topic_limit >= needed:
                return statement_correction(cell, written, statement, what, proof)
            if written in cell.source:
                instruction = instruction.replace(
                    "run the cell again", f"write max_request_size={needed} in the producer of the cell"
                )
            else:
                lines += [f"{name}.close()", statement]
        if topic_limit < needed:
            lines.append(
                "from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient; "
                f"KafkaAdminClient(bootstrap_servers={settings.bootstrap_servers!r}).alter_configs("
                f"[ConfigResource(ConfigResourceType.TOPIC, {topic!r}, {{'max.message.bytes': '{needed}'}})])"
            )
        return Explanation(what, proof, "\n".join(lines), instruction) if lines else None
    return None


def _topic_limit(bootstrap_servers: str, topic: str) -> int:
    """Return the topic's `max.message.bytes`, as the broker reports it."""
    from kafka.admin import ConfigResource, ConfigResourceType

    with kafka.open_admin(bootstrap_servers) as admin:
        answer = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    found = re.search(r"'max\.message\.bytes': (?:\{.*?'value': )?'?(\d+)", str(answer))
    if found is None:
        raise LookupError("max.message.bytes")
    return int(found[1])


def _size(error: BaseException | None) -> int:
    """Return the message's size in the producer's error; 0 in the broker's, which has none."""
    words = str(error).split()
    return next((int(word) for word in words if word.isdigit() and int(word) > 10_000), 0)


def deserializer_failed(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the consumer's deserializer raised an error for one message. Show the message.

    Remedy: A function that skips such messages.
    """
    message = _message_in_traceback(cell)
    for name, _ in clients(cell, "KafkaConsumer") if message else ():
        part, topic, partition, offset, value = message  # type: ignore[misc]
        function = next(iter(_keyword(cell.assignment_of(name) or "", f"{part}_deserializer")), None)
        if function is None:
            continue
        return Explanation(
            f"The {part}_deserializer of {name} cannot read one message: {type(cell.error).__name__}.",
            f"the {'key' if part == 'key' else 'message'} at offset {offset} of partition {partition} of topic "
            f"{topic!r} is {value!r:.{SHOWN}}",
            f"def {part}_or_none({part}):\n"
            "    try:\n"
            f"        return ({function})({part})\n"
            "    except Exception:\n"
            "        return None",
            f"To skip such {part}s, run this; then write {part}_deserializer={part}_or_none in the cell",
        )
    return None


def _keyword(statement: str, name: str) -> Iterator[str]:
    """Yield the code of the keyword arguments with this name in a statement."""
    for node in ast.walk(python_tree(statement)):
        if isinstance(node, ast.keyword) and node.arg == name:
            yield ast.get_source_segment(statement, node.value) or ""


def _message_in_traceback(cell: FailedCell) -> tuple[str, str, int, int, bytes | None] | None:
    """Return "key" or "value", topic, partition, offset, and this part of the message that kafka-python read."""
    for trace in reversed(cell.trace):
        variables, file = trace.tb_frame.f_locals, trace.tb_frame.f_code.co_filename
        record: Any = variables.get("record")
        place: Any = variables.get("tp") or variables.get("topic_partition")
        part = re.search(r"\b(key|value)_deserializer\b", linecache.getline(file, trace.tb_lineno))
        if "/kafka/" in file and hasattr(record, "offset") and place is not None and part:
            return part[1], place.topic, place.partition, record.offset, getattr(record, part[1])
    return None


def left_its_group(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the consumer was removed from its group: it did not poll in time, or the group has changed.

    Remedy: The line with a longer `max_poll_interval_ms`, or a line with which the consumer joins again.
    """
    if not cell.matches(r"^kafka\.errors\.CommitFailedError"):
        return None
    for name, consumer in clients(cell, "KafkaConsumer"):
        interval, group = consumer.config["max_poll_interval_ms"], consumer.config["group_id"]
        waited_s = time.monotonic() - _last_poll(consumer)
        if waited_s * 1000 < interval:
            return Explanation(
                f"The group {group!r} has changed since {name!r} read its messages: another consumer joined or "
                "left it, or the broker heard nothing of this one. So the broker refused the commit.",
                f"{name} polled {waited_s:.1f} s ago, which is within its max_poll_interval_ms of {interval:,}",
                f"{name}.poll(5000)",
                "With this, the consumer joins the group again and reads the messages that are not committed",
            )
        what = f"The consumer {name!r} left its group {group!r}: the cell worked longer on messages than its "
        what += "max_poll_interval_ms allows between two polls."
        proof = f"max_poll_interval_ms of {name} is {interval:,}; its last poll was {waited_s:.1f} s ago"
        new = str(max(300_000, 10 * interval))
        keywords = [item for call in cell.calls("KafkaConsumer") for item in call.keywords]
        keyword = next((item for item in keywords if item.arg == "max_poll_interval_ms"), None)
        if keyword:
            return python_correction(cell, keyword.value, new, what, proof)
        statement = cell.assignment_of(name) or ""
        if fixed := with_keyword(statement, "max_poll_interval_ms", new):
            if statement in cell.source:
                return statement_correction(cell, statement, fixed, what, proof)
            return Explanation(what, proof, f"{name}.close(autocommit=False)\n{fixed}", RUN_FIRST)
    return None


def _last_poll(consumer: Any) -> float:
    """Return the monotonic time of the consumer's last poll; it is not public in kafka-python."""
    return float(consumer._coordinator.heartbeat.last_poll)


def starts_at_the_end(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a consumer waits for new messages, because it starts at `latest`, or its group has read all.

    This is also the reason why a learner interrupts a loop over a consumer.

    Remedy: The line with `auto_offset_reset="earliest"`, or with another group.
    """
    if isinstance(cell.error, KeyboardInterrupt):
        return no_message_for_consumer(cell, settings) if _interrupted(cell) else None
    if not cell.matches(r"^builtins\.(StopIteration|IndexError)") or not may_lack_messages(cell):
        return None
    return no_message_for_consumer(cell, settings)


def _has_read(consumer: Any) -> bool:
    """Return whether a consumer has read messages in the last seconds; False for one that is closed."""
    fetched = (consumer.metrics() or {}).get("consumer-fetch-manager-metrics", {})
    return bool(fetched.get("records-consumed-rate", 0))


def _interrupted(cell: FailedCell) -> Any:
    """Return the consumer that waited for its first message when the learner interrupted the cell, or None."""
    waiting: Iterator[Any] = (trace.tb_frame.f_locals.get("self") for trace in cell.trace)
    consumers = (value for value in waiting if _is_client(value, "KafkaConsumer"))
    return next((consumer for consumer in consumers if not _has_read(consumer)), None)


def no_message_for_consumer(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain why a consumer of the cell gets no message of a topic that has messages."""
    servers, named = settings.bootstrap_servers, list(clients(cell, "KafkaConsumer"))
    interrupted = _interrupted(cell)
    if interrupted is not None and all(consumer is not interrupted for _, consumer in named):
        named.insert(0, ("", interrupted))
    for name, consumer in named:
        shown = f"The consumer {name!r}" if name else "The consumer"
        for topic in (consumer.subscription() or ()) if not (cell.error and _has_read(consumer)) else ():
            offsets = kafka.topic_offsets(servers, topic)
            if not offsets or not offsets.count:
                continue
            group = consumer.config["group_id"]
            committed = kafka.committed_offsets(servers, group, topic) if group else {}
            rows = ", ".join(f"partition {number} ends at offset {end}" for number, end in offsets.end.items())
            if group and committed and all(committed.get(number, 0) >= end for number, end in offsets.end.items()):
                what = f"The group {group!r} has read all messages of the topic {topic!r}; it gets only new ones."
                proof = f"{rows}; the group's committed offsets are {', '.join(map(str, committed.values()))}"
                if explanation := _with_option(cell, name, "group_id", repr(f"{group}-2"), what, proof):
                    return explanation
                seek = f"{name}.poll(1000); {name}.seek_to_beginning()"
                return Explanation(what, proof, seek) if name else None
            if consumer.config["auto_offset_reset"] == "latest" and not committed and not _has_read(consumer):
                what = f"{shown} starts at the end of topic {topic!r} and gets only new messages."
                proof = f"its auto_offset_reset is 'latest'; {topic!r} has {offsets.count} messages, and {rows}"
                return _with_option(cell, name, "auto_offset_reset", '"earliest"', what, proof)
    return None


def _with_option(
    cell: FailedCell, name: str, option: str, value: str, what: str, proof: str
) -> Explanation | None:
    """Propose another option of a consumer: in the cell, or in the statement that created the consumer."""
    calls = [call for call in cell.calls("KafkaConsumer") if not name]
    statement = source_of(cell, calls[0]) if len(calls) == 1 else cell.assignment_of(name)
    changed = with_keyword(statement or "", option, value)
    return statement_correction(cell, statement, changed, what, proof) if statement and changed else None


EXPLANATIONS: list[Explain] = [
    value_is_no_bytes,
    message_too_large,
    deserializer_failed,
    left_its_group,
    starts_at_the_end,
]
