"""`-X property=value` and configuration files: librdkafka's names, translated to kafka-python's.

Only properties that kafka-python can honour are known; any other is refused, as kcat refuses a misspelled
one, because a setting that is silently ignored is worse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from eventlab.kafkacat.options import Options
from eventlab.kafkacat.report import Fatal, info

Properties = dict[str, Any]
"""kafka-python's parameter names and values."""


def _boolean(value: str) -> bool:
    choices = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
    return choices[value.lower()]


def _acks(value: str) -> int:
    return -1 if value == "all" else int(value)


def _reset(value: str) -> str:
    choices = {
        "smallest": "earliest",
        "beginning": "earliest",
        "largest": "latest",
        "end": "latest",
        "error": "none",
    }
    policy = choices.get(value, value)
    if policy not in ("earliest", "latest", "none"):
        raise ValueError
    return policy


def _codec(value: str) -> str | None:
    if value not in ("none", "gzip", "snappy", "lz4", "zstd"):
        raise ValueError
    return None if value == "none" else value


def _partitioner(value: str) -> str:
    if value not in ("consistent_random", "murmur2_random", "random"):
        raise ValueError
    return value


def _mechanism(value: str) -> str:
    return value.upper()


KNOWN: dict[str, tuple[str, Callable[[str], Any]]] = {
    "acks": ("acks", _acks),
    "auto.commit.interval.ms": ("auto_commit_interval_ms", int),
    "auto.offset.reset": ("auto_offset_reset", _reset),
    "batch.size": ("batch_size", int),
    "bootstrap.servers": ("bootstrap_servers", str),
    "check.crcs": ("check_crcs", _boolean),
    "client.id": ("client_id", str),
    "compression.codec": ("compression_type", _codec),
    "compression.type": ("compression_type", _codec),
    "delivery.timeout.ms": ("delivery_timeout_ms", int),
    "enable.auto.commit": ("enable_auto_commit", _boolean),
    "enable.idempotence": ("enable_idempotence", _boolean),
    "fetch.max.bytes": ("fetch_max_bytes", int),
    "fetch.min.bytes": ("fetch_min_bytes", int),
    "fetch.wait.max.ms": ("fetch_max_wait_ms", int),
    "group.id": ("group_id", str),
    "isolation.level": ("isolation_level", str),
    "linger.ms": ("linger_ms", int),
    "max.partition.fetch.bytes": ("max_partition_fetch_bytes", int),
    "message.max.bytes": ("max_request_size", int),
    "message.timeout.ms": ("delivery_timeout_ms", int),
    "metadata.broker.list": ("bootstrap_servers", str),
    "partitioner": ("partitioner", _partitioner),
    "request.required.acks": ("acks", _acks),
    "request.timeout.ms": ("request_timeout_ms", int),
    "retries": ("retries", int),
    "sasl.mechanism": ("sasl_mechanism", _mechanism),
    "sasl.mechanisms": ("sasl_mechanism", _mechanism),
    "sasl.password": ("sasl_plain_password", str),
    "sasl.username": ("sasl_plain_username", str),
    "security.protocol": ("security_protocol", _mechanism),
    "session.timeout.ms": ("session_timeout_ms", int),
    "socket.timeout.ms": ("request_timeout_ms", int),
    "ssl.ca.location": ("ssl_cafile", str),
    "ssl.certificate.location": ("ssl_certfile", str),
    "ssl.key.location": ("ssl_keyfile", str),
    "ssl.key.password": ("ssl_password", str),
    "transactional.id": ("transactional_id", str),
}


def translate(pairs: Iterable[tuple[str, str]]) -> Properties:
    """kafka-python's parameters for these properties; a later one replaces an earlier one.

    Raises Fatal for an unknown property or an impossible value.
    """
    translated: Properties = {}
    for name, value in pairs:
        known = KNOWN.get(name.removeprefix("topic."))
        if known is None:
            raise Fatal(f'No such configuration property: "{name}"')
        parameter, convert = known
        try:
            translated[parameter] = convert(value)
        except (KeyError, ValueError):
            raise Fatal(f'Invalid value "{value}" for configuration property "{name}"') from None
    return translated


def gather(options: Options, environment: Mapping[str, str]) -> Properties:
    """The properties of the configuration files and, above them, of the command line."""
    pairs = [pair for path in _files(options, environment) for pair in read_file(path)]
    return translate([*pairs, *options.properties])


def read_file(path: Path) -> list[tuple[str, str]]:
    """The `property=value` lines of a file; blank lines and `#` comments are skipped. Raises Fatal."""
    try:
        lines = path.read_text().splitlines()
    except OSError as wrong:
        raise Fatal(f"Failed to open {path}: {wrong.strerror}") from wrong
    pairs = []
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not name or not equals:
            raise Fatal(f"{path}:{number}: expected property=value")
        pairs.append((name.strip(), value.strip()))
    return pairs


def _files(options: Options, environment: Mapping[str, str]) -> list[Path]:
    """The files that kcat reads: -F, else $KCAT_CONFIG, else the one in the home folder where it exists."""
    if options.config_files:
        paths = [Path(name) for name in options.config_files if name not in ("-", "none")]
        if not options.quiet:
            for path in paths:
                info(f"Reading configuration from file {path}")
        return paths
    if environment.get("KCAT_CONFIG"):
        return [Path(environment["KCAT_CONFIG"])]
    home = environment.get("HOME")
    default = Path(home, ".config", "kcat.conf") if home else None
    return [default] if default and default.is_file() else []
