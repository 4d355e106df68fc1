"""kafkacat has the results of kcat."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter

import pytest

from tests.commands.kafkacat.helpers import BROKERS, Result, cat, new_topic
from tests.skips import requires_tool

KCAT = shutil.which("kcat")


compared_with_kcat = requires_tool("kcat")


def kcat(*argv: str, stdin: bytes = b"") -> Result:
    """Run kcat."""
    return subprocess.run([KCAT or "kcat", "-b", BROKERS, *argv], input=stdin, capture_output=True, timeout=60)


def messages_of(stderr: bytes) -> list[str]:
    """Return the lines without librdkafka's log, sorted: partitions end in any order."""
    lines = [line.removesuffix(": exiting") for line in stderr.decode().splitlines()]
    return sorted(line for line in lines if not line.startswith("%4|"))


@compared_with_kcat
@pytest.mark.parametrize(
    "argv",
    [
        ["-C", "-e"],
        ["-C", "-e", "-q"],
        ["-Cep0"],
        ["-C", "-e", "-p", "1", "-K", ":"],
        ["-C", "-e", "-p", "1", "-K", r"\t\x21"],
        ["-C", "-e", "-p", "0", "-f", r"%t,%p,%o,%k,%K,%s,%S,%T,%h,%%\n\t\x41"],
        ["-C", "-e", "-p", "1", "-f", "%R%s"],
        ["-C", "-e", "-p", "1", "-f", "%k %s|"],
        ["-C", "-e", "-p", "0", "-o", "-2"],
        ["-C", "-e", "-p", "0", "-o", "3"],
        ["-C", "-e", "-p", "0", "-o", "end"],
        ["-C", "-p", "0", "-c", "7"],
        ["-C", "-e", "-p", "0", "-c", "8"],
        ["-C", "-e", "-p", "9"],
        ["-C", "-e", "-p", "0", "-f", "%q"],
        ["-C", "-e", "-u", "-p", "0"],
        ["-L"],
    ],
    ids=" ".join,
)
def test_reading_has_the_results_of_kcat(mixed: str, argv: list[str]) -> None:
    ours, theirs = (run(*argv, "-t", mixed) for run in (cat, kcat))
    assert ours.returncode == theirs.returncode
    assert sorted(ours.stdout.split(b"\n")) == sorted(theirs.stdout.split(b"\n"))
    assert messages_of(ours.stderr) == messages_of(theirs.stderr)


@compared_with_kcat
@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("mode", ["-C", "-L"])
def test_a_missing_topic_is_reported_as_by_kcat(mode: str) -> None:
    ours, theirs = (run(mode, "-t", "nosuch", "-e") for run in (cat, kcat))
    assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)


@compared_with_kcat
@pytest.mark.parametrize(
    ("stdin", "argv"),
    [
        (b"a\n\nb", []),
        (b"a\r\nb\n\n", []),
        (b"k:v\n:v\nk:\nnone\na:b:c\n", ["-K:"]),
        (b"k::v:w\n", ["-K", "::"]),
        (b"1\n2\n3\n", ["-c", "2"]),
        (b"1\n", ["-p", "0"]),
        (b"1\n", ["-p", "5"]),
        (b"", []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else repr(value[:12]),
)
def test_writing_has_the_results_of_kcat(topic: str, stdin: bytes, argv: list[str]) -> None:
    """Both write to one topic. The added messages, exit codes and outputs are equal."""
    count, results = 0, []
    for run in (cat, kcat):
        result = run("-P", "-t", topic, *argv, stdin=stdin)
        added = cat("-C", "-t", topic, "-eq", "-o", str(count), "-f", "[%k %K %s %S %h]").stdout
        count += added.count(b"]")
        results.append((result.returncode, result.stdout, added))
    assert results[0] == results[1]


@compared_with_kcat
def test_a_message_that_is_too_large_ends_the_run_after_the_messages_before_it_are_sent(topic: str) -> None:
    """kcat ends immediately; whether it has sent the messages before differs."""
    lines = b"a\n" + b"x" * 1_000_100
    ours = cat("-P", "-t", topic, stdin=lines)
    sent = cat("-C", "-t", topic, "-eq", "-f", "[%s]").stdout
    theirs = kcat("-P", "-t", topic, stdin=lines)

    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout) == (1, b"")
    assert sent == b"[a]"


@compared_with_kcat
@pytest.mark.usefixtures("stack")
def test_a_key_selects_the_partition_that_kcat_selects() -> None:
    with new_topic(partitions=3) as name:
        for run in (cat, kcat):
            run("-P", "-t", name, "-K:", stdin=b"".join(b"key-%d:x\n" % number for number in range(40)))
        keys = Counter(cat("-C", "-t", name, "-eq", "-f", "%p %k\n").stdout.splitlines())
    assert len(keys) == 40
    assert set(keys.values()) == {2}
