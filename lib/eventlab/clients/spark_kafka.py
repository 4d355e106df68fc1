"""Spark's Kafka source and sink give up within 15 seconds when no broker answers; its defaults wait for minutes.

Spark has no configuration for these times: they are options of a reader or writer. So the readers and writers of
pyspark set them for the format `kafka`. An option of the program counts more.
"""

import functools
import importlib
from collections.abc import Mapping
from typing import Any

KAFKA_READ_OPTIONS = {
    "kafka.default.api.timeout.ms": "3000",
    "kafka.request.timeout.ms": "3000",
    "fetchOffset.numRetries": "2",
    "kafkaConsumer.pollTimeoutMs": "8000",
}
KAFKA_WRITE_OPTIONS = {
    "kafka.max.block.ms": "7000",
    "kafka.request.timeout.ms": "4000",
    "kafka.delivery.timeout.ms": "9000",
}
REQUEST_TIMEOUT = "kafka.request.timeout.ms"
LINGER = "kafka.linger.ms"
AT_LEAST_THE_REQUEST = ("kafka.default.api.timeout.ms", "kafka.delivery.timeout.ms")
"""Kafka refuses to start a client when one of these is less than the time of a request (and `linger.ms`)."""
READERS = {"DataFrameReader": KAFKA_READ_OPTIONS, "DataStreamReader": KAFKA_READ_OPTIONS}
WRITERS = {"DataFrameWriter": KAFKA_WRITE_OPTIONS, "DataStreamWriter": KAFKA_WRITE_OPTIONS}
MODULES = (
    "pyspark.sql.readwriter",
    "pyspark.sql.streaming.readwriter",
    "pyspark.sql.connect.readwriter",
    "pyspark.sql.connect.streaming.readwriter",
)


def shorten_kafka_waits(modules: tuple[str, ...] = MODULES) -> None:
    """Give each reader and writer of the format `kafka` the options with which it gives up within 15 seconds."""
    for module_name in modules:
        try:
            module = importlib.import_module(module_name)
        except Exception:  # a Python without Spark Connect
            continue
        for name, defaults in (READERS | WRITERS).items():
            kind = getattr(module, name, None)
            if kind is not None and kind.__module__ == module_name and not hasattr(kind.format, "kafka_options"):
                _set_defaults(kind, defaults)


def _set_defaults(kind: Any, defaults: Mapping[str, str]) -> None:
    """Let a class of readers or writers note the program's options, and add the defaults that fit them."""
    set_option, set_options, set_format = kind.option, kind.options, kind.format

    def complete(builder: Any) -> None:
        if getattr(builder, "_eventlab_format", "") == "kafka":
            for name, value in fitting(defaults, noted(builder)).items():
                set_option(builder, name, value)

    @functools.wraps(set_option)
    def option(builder: Any, key: str, value: Any) -> Any:
        noted(builder)[key.lower()] = value
        result = set_option(builder, key, value)
        complete(builder)
        return result

    @functools.wraps(set_options)
    def options(builder: Any, **values: Any) -> Any:
        noted(builder).update({key.lower(): value for key, value in values.items()})
        result = set_options(builder, **values)
        complete(builder)
        return result

    @functools.wraps(set_format)
    def format(builder: Any, source: str) -> Any:
        builder._eventlab_format = str(source).lower()
        result = set_format(builder, source)
        complete(builder)
        return result

    format.kafka_options = defaults  # type: ignore[attr-defined]
    kind.option, kind.options, kind.format = option, options, format


def noted(builder: Any) -> dict[str, Any]:
    """Return the options that the program has set on a reader or writer, by their names in small letters."""
    if not hasattr(builder, "_eventlab_options"):
        builder._eventlab_options = {}
    options: dict[str, Any] = builder._eventlab_options
    return options


def fitting(defaults: Mapping[str, str], chosen: Mapping[str, Any]) -> dict[str, str]:
    """Return the defaults that a program has not set itself, and that Kafka accepts together with its options."""
    result = {name: value for name, value in defaults.items() if name.lower() not in chosen}
    try:
        linger = int(chosen.get(LINGER, 0))
        least = int(chosen.get(REQUEST_TIMEOUT, defaults[REQUEST_TIMEOUT])) + linger
    except (TypeError, ValueError):  # the program's mistake, which Kafka reports
        return result
    for name in AT_LEAST_THE_REQUEST:
        if name in result:
            result[name] = str(max(int(result[name]), least))
    for name in AT_LEAST_THE_REQUEST:
        if str(chosen.get(name, "")).isdigit() and REQUEST_TIMEOUT in result:
            result[REQUEST_TIMEOUT] = str(min(int(result[REQUEST_TIMEOUT]), max(1, int(chosen[name]) - linger)))
    return result
