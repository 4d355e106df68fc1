"""What kafkacat prints and how it splits its input."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from eventlab.commands.kafkacat.consume import select_partitions
from eventlab.commands.kafkacat.format import renderer
from eventlab.commands.kafkacat.metadata import format_listing
from eventlab.commands.kafkacat.options import FatalError, unescape
from eventlab.commands.kafkacat.produce import split_key, split_lines
from tests.commands.kafkacat.helpers import message


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (b"%s", b"sword"),
        (b"%k=%s\\n", b"ann=sword\n"),
        (b"%t [%p] at %o", b"events [2] at 40"),
        (b"%S %K %T", b"5 3 1700000000000"),
        (b"%R", b"\x00\x00\x00\x05"),
        (b"100%% %s%%", b"100% sword%"),
        (b"%%s %s", b"%s sword"),
        (b"\\t\\x41\\x0a\\065\\101\\\\\\q", b"\tA\n5e\\q"),
        (b"<\\x00>", b"<\x00>"),
        (b"", b""),
    ],
)
def test_a_format_renders(spec: bytes, text: bytes) -> None:
    assert renderer(spec)(message()) == text


def test_missing_keys_and_payloads_are_empty() -> None:
    assert renderer(b"%k,%K,%s,%S")(message(value=None, key=None)) == b",-1,,-1"


def test_headers_render_as_a_list_of_names_and_values() -> None:
    assert renderer(b"%h")(message(headers=[("a", b"1"), ("b", None), ("c", b"")])) == b"a=1,b=NULL,c="


@pytest.mark.parametrize(("spec", "message"), [(b"%z", "Unsupported formatter: %z"), (b"a%", "Empty formatter")])
def test_an_unknown_formatter_is_rejected(spec: bytes, message: str) -> None:
    with pytest.raises(FatalError, match=message):
        renderer(spec)


PIECES = st.one_of(
    st.binary(max_size=8).map(lambda raw: (b"".join(b"\\0%03o" % byte for byte in raw), raw)),
    st.from_regex(rb"[a-z0-9 \[\]:,{}\"]{0,8}", fullmatch=True).map(lambda raw: (raw, raw)),
    st.sampled_from(
        [(b"%s", b"sword"), (b"%k", b"ann"), (b"%o", b"40"), (b"%p", b"2"), (b"%%", b"%"), (b"\\n", b"\n")]
    ),
)


@given(st.lists(PIECES))
def test_a_format_is_the_concatenation_of_its_pieces(pieces: list[tuple[bytes, bytes]]) -> None:
    # a digit after \0NN would belong to the escape
    spec = b"%%".join(spec for spec, _ in pieces)
    assert renderer(spec)(message()) == b"%".join(text for _, text in pieces)


@given(st.binary())
def test_any_format_renders_or_is_rejected(spec: bytes) -> None:
    try:
        render = renderer(spec)
    except FatalError:
        return
    assert isinstance(render(message()), bytes)


@given(st.binary())
def test_any_bytes_can_be_written_as_escapes(raw: bytes) -> None:
    assert b"".join(unescape(b"\\x%x" % byte) for byte in raw) == raw


def test_the_default_output_is_key_delimiter_payload_newline() -> None:
    assert renderer()(message()) == b"sword\n"
    assert renderer(key_delimiter=b"%")(message()) == b"ann%sword\n"
    assert renderer(b"%o", key_delimiter=b"%")(message()) == b"40"


def test_empty_lines_are_skipped_and_the_last_line_needs_no_newline() -> None:
    assert list(split_lines([b"a\n\nb\n", b"\nc"])) == [b"a", b"b", b"c"]


@given(
    st.binary(max_size=200) | st.lists(st.sampled_from([b"\n", b"ab"])).map(b"".join),
    st.lists(st.integers(0, 200)),
)
def test_the_lines_do_not_depend_on_the_size_of_the_reads(data: bytes, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    chunks = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert list(split_lines(chunks)) == [part for part in data.split(b"\n") if part]


def test_a_line_is_returned_before_the_input_ends() -> None:
    def endless() -> Iterator[bytes]:
        yield b"first\nsec"
        raise AssertionError("read more before the first line was returned")

    assert next(split_lines(endless())) == b"first"


def test_a_line_that_is_too_large_is_rejected_without_reading_all_of_it() -> None:
    with pytest.raises(FatalError, match="Input is too large, maximum size is 10"):
        list(split_lines(iter(lambda: b"xxxx", b""), limit=10))


@pytest.mark.parametrize(
    ("delimiter", "line", "pair"),
    [
        (None, b"a:b", (None, b"a:b")),
        (b":", b"a:b:c", (b"a", b"b:c")),
        (b":", b"ab", (None, b"ab")),
        (b":", b":b", (b"", b"b")),
        (b":", b"a:", (b"a", b"")),
        (b"::", b"a:b::c", (b"a:b", b"c")),
    ],
)
def test_a_line_is_split_into_key_and_payload(
    delimiter: bytes | None, line: bytes, pair: tuple[bytes | None, bytes]
) -> None:
    assert split_key(line, delimiter) == pair


def test_a_topic_without_partitions_is_unknown_or_invalid() -> None:
    unknown = SimpleNamespace(topic="nosuch", error=KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
    with pytest.raises(FatalError, match="Topic nosuch error: Broker: Unknown topic or partition"):
        select_partitions(unknown, -1)
    invalid = SimpleNamespace(topic="bad topic", error=KafkaError(KafkaError.TOPIC_EXCEPTION))
    with pytest.raises(FatalError, match="Topic bad topic error: Broker: Invalid topic"):
        select_partitions(invalid, -1)


BROKER = SimpleNamespace(id=1, host="127.0.0.1", port=29092)


PARTITION = SimpleNamespace(id=0, leader=1, replicas=[1], isrs=[1], error=None)


LEADERLESS = SimpleNamespace(id=1, leader=-1, replicas=[1, 2], isrs=[], error=KafkaError(5))


TOPICS = {
    "events": SimpleNamespace(error=None, partitions={0: PARTITION, 1: LEADERLESS}),
    "nosuch": SimpleNamespace(error=KafkaError(3), partitions={}),
}


@pytest.mark.parametrize("answered_by", [1, -1], ids=["broker 1", "a broker whose number is not known yet"])
def test_a_listing_has_the_lines_of_kcat(answered_by: int) -> None:
    cluster = SimpleNamespace(orig_broker_id=answered_by, controller_id=1, brokers={1: BROKER}, topics=TOPICS)
    assert format_listing("", cluster) == [
        "Metadata for all topics (from broker 1: 127.0.0.1:29092/1):",
        " 1 brokers:",
        "  broker 1 at 127.0.0.1:29092 (controller)",
        " 2 topics:",
        '  topic "events" with 2 partitions:',
        "    partition 0, leader 1, replicas: 1, isrs: 1",
        "    partition 1, leader -1, replicas: 1,2, isrs: , Broker: Leader not available",
        '  topic "nosuch" with 0 partitions: Broker: Unknown topic or partition',
    ]
