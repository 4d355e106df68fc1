"""Options with which Spark's Kafka source and sink give up within 15 seconds when no broker answers.

With its own defaults, Spark waits for minutes. Spark has no configuration for these times, because they are
options of each reader and writer. So the kit changes pyspark's readers and writers: those of the format `kafka`
get these options, unless the program sets them itself.

One more option makes the second and each further read of a topic faster by up to half a second.
"""

import functools
import importlib
from collections.abc import Mapping
from typing import Any

KAFKA_READ_OPTIONS = {
    "kafka.default.api.timeout.ms": "9000",
    "kafka.request.timeout.ms": "4000",
    "fetchOffset.numRetries": "1",
    "kafkaConsumer.pollTimeoutMs": "8000",
}
"""Kafka's client repeats a request within the first of these times, so Spark need not repeat them all: one attempt
of nine seconds finds a broker of a busy machine that two attempts of three seconds miss."""
FETCH_OPTIONS = {"kafka.fetch.max.wait.ms": "10"}
"""A consumer that has read all messages asks for more, and the broker waits this long for one to arrive. Spark
keeps the consumer, and its next read begins with this wait; Kafka's default is 500 ms."""
KAFKA_WRITE_OPTIONS = {
    "kafka.max.block.ms": "7000",
    "kafka.request.timeout.ms": "4000",
    "kafka.delivery.timeout.ms": "9000",
}
REQUEST_TIMEOUT = "kafka.request.timeout.ms"
LINGER = "kafka.linger.ms"
TOTAL_TIMEOUTS = ("kafka.default.api.timeout.ms", "kafka.delivery.timeout.ms")
"""Times for all attempts; Kafka refuses a client in which one is less than a request's time plus `linger.ms`."""
READERS = {"DataFrameReader": KAFKA_READ_OPTIONS | FETCH_OPTIONS, "DataStreamReader": KAFKA_READ_OPTIONS}
WRITERS = {"DataFrameWriter": KAFKA_WRITE_OPTIONS, "DataStreamWriter": KAFKA_WRITE_OPTIONS}
MODULES = (
    "pyspark.sql.readwriter",
    "pyspark.sql.streaming.readwriter",
    "pyspark.sql.connect.readwriter",
    "pyspark.sql.connect.streaming.readwriter",
)


def shorten_fetches() -> None:
    """Make batches of a Connect session read a topic again sooner; they wait for a broker as long as before."""
    shorten_kafka_waits(("pyspark.sql.connect.readwriter",), {"DataFrameReader": FETCH_OPTIONS})


def shorten_kafka_waits(
    modules: tuple[str, ...] = MODULES, options: Mapping[str, Mapping[str, str]] = READERS | WRITERS
) -> None:
    """Change pyspark's readers and writers in these modules: those of the format `kafka` get further options.

    Args:
        modules: Their modules.
        options: The options by the name of the class; by default those with which it gives up soon.
    """
    for module_name in modules:
        try:
            module = importlib.import_module(module_name)
        except Exception:  # a Python without Spark Connect
            continue
        for name, defaults in options.items():
            builder_class = getattr(module, name, None)
            if (
                builder_class is not None
                and builder_class.__module__ == module_name
                and not hasattr(builder_class.format, "kafka_options")
            ):
                _set_defaults(builder_class, defaults)


def _set_defaults(builder_class: Any, defaults: Mapping[str, str]) -> None:
    """Make a class of readers or writers record the program's options and add the defaults that these allow."""
    set_option, set_options, set_format = builder_class.option, builder_class.options, builder_class.format

    def add_defaults(builder: Any) -> None:
        if getattr(builder, "_eventlab_format", "") == "kafka":
            for name, value in missing_defaults(defaults, program_options(builder)).items():
                set_option(builder, name, value)

    @functools.wraps(set_option)
    def option(builder: Any, key: str, value: Any) -> Any:
        program_options(builder)[key.lower()] = value
        result = set_option(builder, key, value)
        add_defaults(builder)
        return result

    @functools.wraps(set_options)
    def options(builder: Any, **values: Any) -> Any:
        program_options(builder).update({key.lower(): value for key, value in values.items()})
        result = set_options(builder, **values)
        add_defaults(builder)
        return result

    @functools.wraps(set_format)
    def format(builder: Any, source: str) -> Any:
        builder._eventlab_format = str(source).lower()
        result = set_format(builder, source)
        add_defaults(builder)
        return result

    format.kafka_options = defaults  # type: ignore[attr-defined]
    builder_class.option, builder_class.options, builder_class.format = option, options, format


def program_options(builder: Any) -> dict[str, Any]:
    """Return the options that the program has set on a reader or writer so far, by name in lower case."""
    if not hasattr(builder, "_eventlab_options"):
        builder._eventlab_options = {}
    options: dict[str, Any] = builder._eventlab_options
    return options


def missing_defaults(defaults: Mapping[str, str], chosen: Mapping[str, Any]) -> dict[str, str]:
    """Return the defaults that a program has not set, with values that Kafka accepts with its options."""
    result = {name: value for name, value in defaults.items() if name.lower() not in chosen}
    if REQUEST_TIMEOUT not in defaults:
        return result
    try:
        linger = int(chosen.get(LINGER, 0))
        least = int(chosen.get(REQUEST_TIMEOUT, defaults[REQUEST_TIMEOUT])) + linger
    except (TypeError, ValueError):  # the program's mistake, which Kafka reports
        return result
    for name in TOTAL_TIMEOUTS:
        if name in result:
            result[name] = str(max(int(result[name]), least))
    for name in TOTAL_TIMEOUTS:
        if str(chosen.get(name, "")).isdigit() and REQUEST_TIMEOUT in result:
            result[REQUEST_TIMEOUT] = str(min(int(result[REQUEST_TIMEOUT]), max(1, int(chosen[name]) - linger)))
    return result
