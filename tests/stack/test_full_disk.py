"""A full disk loses no acknowledged event and no finished file."""

import contextlib
import gc
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError

from eventlab.settings import Settings
from eventlab.stack import Stack
from tests.helpers import wait_until
from tests.stack.helpers import get_file, put_file, received, send

pytestmark = pytest.mark.services


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a file system of a few MiB on the folder; skip the test where that is not permitted."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def grow(disk: Path, size: str) -> None:
    """Change the size of the file system."""
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


needs_tmpfs = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("mount"), reason="needs Linux's tmpfs"
)


def fill_up(settings: Settings) -> list[int]:
    """Send events of half a MiB until one is refused; return the numbers of the acknowledged ones."""
    producer = KafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, acks="all", delivery_timeout_ms=4000, request_timeout_ms=3000
    )
    acknowledged = []
    try:
        for number in range(1000):
            event = json.dumps({"number": number, "filling": "x" * 500_000}).encode()
            producer.send(settings.topic, event).get(timeout=6)
            acknowledged.append(number)
    except KafkaError:
        return acknowledged
    finally:
        producer.close(timeout=1)
    raise AssertionError("everything fits")


@needs_tmpfs
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk_loses_no_acknowledged_event(unused: Settings):
    with small_disk(unused.state_dir / "data", "24m") as disk:
        Stack(unused).up(["kafka"])
        acknowledged = fill_up(unused)
        assert acknowledged

        grow(disk, "200m")
        Stack(unused).up(["kafka"])

        numbers = [json.loads(message)["number"] for message in received(unused)]
        assert [number for number in numbers if number in acknowledged] == acknowledged
        send(unused, b'{"number": "after"}')
        assert b'{"number": "after"}' in received(unused)
        Stack(unused).down()
        gc.collect()  # kafka-python forgets sockets that did not connect


@needs_tmpfs
def test_a_full_disk_loses_no_finished_file(unused: Settings):
    with small_disk(unused.state_dir / "data", "64m") as disk:
        Stack(unused).up(["namenode", "datanode"])
        put_file(unused, "/tmp/finished", b"finished")
        fill(disk / "filler")
        with pytest.raises(httpx.HTTPError):
            put_file(unused, "/tmp/too-large", bytes(10 * 2**20))

        (disk / "filler").unlink()
        Stack(unused).up(["namenode", "datanode"])

        assert get_file(unused, "/tmp/finished") == b"finished"
        wait_until(lambda: is_writable(unused), timeout_s=120)  # one attempt may take 20 s
        Stack(unused).down()


def fill(path: Path) -> None:
    """Write to the file until there is no space left."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(2**16))


def is_writable(settings: Settings) -> bool:
    """Return whether HDFS accepts a file and returns its content."""
    try:
        put_file(settings, "/tmp/after", b"after")
        return get_file(settings, "/tmp/after") == b"after"
    except httpx.HTTPError:
        return False
