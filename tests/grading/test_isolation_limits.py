"""The parts of isolation that need no services: what is counted, refused, and a reason for a new Spark."""

from __future__ import annotations

import fcntl
import importlib
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from eventlab.grading.environment import access, sandbox, watches
from eventlab.grading.environment.access import Access
from eventlab.grading.environment.class_watch import CLASSES, LIBRARIES, ClassWatch
from eventlab.grading.environment.cleanup import differences
from eventlab.grading.environment.sandbox import MIB, ProcessLimits
from eventlab.settings import ROOT, Settings
from eventlab.stack import config
from tests.grading import run_attacks

SCRIPT = "org.apache.spark.sql.execution.BaseScriptTransformationWriterThread"
GRAPH = "org.apache.spark.sql.pipelines.graph"
JAR = f"file:{ROOT}/.venv/pyspark/jars"


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import modules that run inside the sandbox."""
    monkeypatch.syspath_prepend(str(sandbox.INSIDE))
    return importlib.import_module


# what is counted


def test_a_file_without_a_name_counts_as_memory_although_nobody_maps_it(inside: Any) -> None:
    memory: ModuleType = inside("memory")
    before = memory.by_descriptors([os.getpid()])
    file = os.memfd_create("held")
    os.write(file, b"x" * 5 * MIB)
    copy = os.dup(file)
    assert memory.by_descriptors([os.getpid()]) - before == 5 * MIB, "once, although it is open twice"
    os.close(file)
    os.close(copy)


def test_sockets_and_pipes_count_as_full(inside: Any) -> None:
    memory: ModuleType = inside("memory")
    before = memory.by_descriptors([os.getpid()])
    pair, pipe = socket.socketpair(), os.pipe()
    assert memory.by_descriptors([os.getpid()]) - before == 2 * memory.SOCKET_BYTES + memory.PIPE_BYTES
    for one in pair:
        one.close()
    for end in pipe:
        os.close(end)


def test_a_queue_of_tcp_that_looks_like_four_gigabytes_is_a_negative_number_and_holds_nothing(inside: Any) -> None:
    memory = inside("memory")

    assert [memory.in_queue(number) for number in ("00000000", "0000C350", "FFFFFF38")] == [0, 50_000, 0]


def test_what_waits_in_tcp_sockets_counts(inside: Any) -> None:
    memory: ModuleType = inside("memory")
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as sender,
    ):
        receiver, _ = server.accept()
        before = min(memory.in_tcp() for _ in range(20))  # other programs of this machine read and send, too
        sender.sendall(b"x" * 50_000)
        assert max(memory.in_tcp() for _ in range(20)) - before >= 50_000
        assert memory.at_most_in_tcp() >= memory.in_tcp()
        receiver.close()


def test_each_tcp_socket_is_looked_at_only_when_all_of_them_together_could_be_too_much(
    inside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory: ModuleType = inside("memory")
    own = [os.getpid()]
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as sender,
        server.accept()[0],
    ):
        held, sender_is_full = 0, False
        sender.setblocking(False)
        while not sender_is_full:
            try:
                held += sender.send(b"x" * MIB)
            except BlockingIOError:
                sender_is_full = True
        assert held > 2 * MIB
        assert memory.at_most_in_tcp() >= held
        used = memory.proportional(own) + memory.by_descriptors(own)
        assert memory.holds_more(own, used + held // 2)
        monkeypatch.setattr(memory, "in_tcp", lambda: pytest.fail("each socket was looked at"))
        assert not memory.holds_more(own, memory.resident(own) + 1024 * MIB)


def test_locks_of_files_count_for_the_process_that_has_them(inside: Any, tmp_path: Path) -> None:
    memory: ModuleType = inside("memory")
    with (tmp_path / "file").open("w") as file:
        for place in range(100):
            fcntl.lockf(file, fcntl.LOCK_EX, 1, 2 * place)
        assert memory.by_locks([os.getpid()], MIB) >= 100 * memory.LOCK_BYTES
        assert memory.by_locks([1], MIB) < 100 * memory.LOCK_BYTES


LOCKED = """
import fcntl, sys, time
files = [open(f"{sys.argv[1]}/{number}", "w") for number in range(60)]
for file in files:
    for place in range(1000):
        fcntl.lockf(file, fcntl.LOCK_EX, 1, 2 * place)
print("locked", flush=True)
time.sleep(60)
"""
"""The kernel of the machine stores 11 MiB for these locks."""


def test_locks_are_counted_in_each_tenth_look_at_the_memory_of_a_kernel(inside: Any, tmp_path: Path) -> None:
    memory, kernels = inside("memory"), inside("kernels")
    command = [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])"]
    holder = [sys.executable, "-c", LOCKED, str(tmp_path)]
    with subprocess.Popen([*command, *holder], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"locked\n"
        server, kernel = kernels.ForkServer({}), kernels.ForkedKernel(process.pid)
        used = memory.proportional(server.members(kernel)) + memory.by_descriptors(kernel.members)
        server.options = {"memory": used + 6 * MIB, "namespaces": False, "limits": {"NPROC": 60}}
        server.kernels["k1"] = kernel
        next(server.looks)
        for _ in range(kernels.LOCKS_EVERY - 1):
            server.watch()
            assert kernel.why is None
        server.watch()
        assert kernel.why == "memory"


def test_areas_of_memory_count_when_many_processes_have_them(inside: Any) -> None:
    memory: ModuleType = inside("memory")
    with open("/proc/self/maps") as file:
        areas = len(file.readlines())
    assert memory.by_areas([os.getpid()] * 2) == 0
    assert memory.by_areas([os.getpid()] * 100) >= 0.9 * 100 * areas * memory.AREA_BYTES


def test_memory_in_files_and_sockets_is_held_against_the_limit(inside: Any) -> None:
    memory: ModuleType = inside("memory")
    used = memory.proportional([os.getpid()]) + memory.by_descriptors([os.getpid()])
    file = os.memfd_create("held")
    os.write(file, b"x" * 64 * MIB)
    assert not memory.holds_more([os.getpid()], used + 96 * MIB)
    assert memory.holds_more([os.getpid()], used + 32 * MIB)
    os.close(file)


def test_the_disk_watch_tells_once_when_too_much_is_stored(tmp_path: Path) -> None:
    exceeded = threading.Event()
    watch = watches.DiskWatch([tmp_path], ProcessLimits(disk_mib=1), lambda reason: exceeded.set())
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "large").write_bytes(b"x" * 2 * MIB)
    assert exceeded.wait(5)
    watch.stop()


def test_many_files_are_too_much_as_well_and_sparse_ones_count_what_they_take(tmp_path: Path) -> None:
    reasons: list[str] = []
    watch = watches.DiskWatch([tmp_path], ProcessLimits(files=50), reasons.append)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10 * 2**30)
    assert watches.usage([tmp_path])[0] < MIB
    for number in range(60):
        (tmp_path / str(number)).touch()
    watch._thread.join(timeout=5)
    watch.stop()
    assert reasons == ["more than 50 files were stored in Kafka, HDFS or Spark"]


# what is refused

CALLS = """
import ctypes, os, sys
sys.path.insert(0, sys.argv[1])
import rights
rights.give_up(0)
assert rights.restrict_calls()
libc = ctypes.CDLL(None, use_errno=True)
def refused(call):
    try:
        result = call()
    except OSError as error:
        return error.errno
    return ctypes.get_errno() if result == -1 else 0
print([
    refused(lambda: os.memfd_create("held")),
    refused(lambda: libc.shmget(0, 4096, 0o1600)),
    refused(lambda: libc.unshare(0x10000000)),
    refused(lambda: os.sched_setaffinity(0, {0})),
])
if os.fork() == 0:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.wait()[1]))
import subprocess, threading
threading.Thread(target=lambda: print(subprocess.check_output(["echo", "works"], text=True).strip())).start()
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine not in ("x86_64", "aarch64"), reason="Linux only"
)
def test_calls_that_hide_memory_or_leave_the_namespaces_are_refused_and_all_others_work() -> None:
    command = [sys.executable, "-c", CALLS, str(sandbox.INSIDE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[38, 38, 1, 1]", "7", "works"]


def test_of_java_only_the_program_java_is_visible(tmp_path: Path) -> None:
    words = sandbox._without_java_tools()
    visible = [words[at + 2] for at, word in enumerate(words) if word == "--ro-bind"]
    assert [Path(path).name for path in visible] == ["java"]
    assert str(Path(visible[0]).parent) in words


def test_submissions_may_use_topics_and_nothing_of_the_cluster_that_changes_it() -> None:
    rules = {(str(rule.operation.name), rule.permission_type.name, rule.resource_pattern.resource_type.name)
             for rule in access._acls()}  # fmt: skip
    allowed = {operation for operation, permission, kind in rules if (permission, kind) == ("ALLOW", "CLUSTER")}
    assert allowed == {"DESCRIBE", "DESCRIBE_CONFIGS", "CREATE", "IDEMPOTENT_WRITE"}
    assert ("ALL", "DENY", "TOPIC") in rules


def test_the_graders_configuration_replaces_the_courses(tmp_path: Path) -> None:
    opened = Access.create(Settings())
    for service in ("data", "spark", "client"):
        state = Settings(state_dir=tmp_path / service)
        opened.configure(state.state_dir, service)
        config.render(state)
    broker = (tmp_path / "data/conf/kafka/server.properties").read_text()
    assert re.findall(r"^listeners=.*", broker, re.MULTILINE)[-1].count("GRADER://") == 1
    assert "\nauthorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n" in broker
    core = (tmp_path / "data/conf/hdfs/core-site.xml").read_text()
    assert core.rstrip().endswith("</configuration>")
    assert "hadoop.security.authorization" in core
    nodes = (tmp_path / "data/conf/hdfs/hdfs-site.xml").read_text()
    for setting in (
        "dfs.block.access.token.enable</name><value>true",
        "dfs.namenode.top.enabled</name><value>false",
    ):
        assert setting in nodes
    assert "spark.authenticate true" in (tmp_path / "spark/conf/spark/spark-defaults.conf").read_text()
    secrets = (opened.password, opened.superuser, opened.datanode)
    seen = "".join(
        path.read_text()
        for name in ("spark", "client")
        for path in (tmp_path / name).rglob("*.*")
        if path.is_file()
    )
    assert not [secret for secret in secrets if secret in seen]


# what is a reason for a new Spark


@pytest.fixture
def watch(tmp_path: Path) -> Any:
    opened = ClassWatch(tmp_path / "classes", [ROOT])
    opened._take(f"org.apache.ivy.Ivy source: {JAR}/derby-10.16.1.1.jar")
    opened.started()
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"{SCRIPT} source: shared objects file", "a script (TRANSFORM)"),
        ("org.apache.spark.sql.connect.common.UdfPacket source: shared objects file", "a serialized function"),
        ("org.apache.spark.api.python.PythonWorkerFactory source: shared objects file", "a Python function"),
        ("Mine source: file:/tmp/mine.jar", "a class of its own, Mine"),
        (f"org.apache.hive.X source: {JAR}/hive-exec-2.3.10-core.jar", "a library that no submission needs"),
        ("sun.tools.attach.X source: jrt:/jdk.attach", "a library that no submission needs, jdk.attach"),
        (
            f"{GRAPH}.PipelineExecution source: {JAR}/spark-pipelines_2.13-4.2.0.jar",
            "a library that no submission",
        ),
        (
            f"org.apache.spark.sql.hive.HiveUDF source: {JAR}/spark-hive_2.13-4.2.0.jar",
            "a library that no submission",
        ),
    ],
)
def test_what_runs_other_code_is_a_reason(watch: ClassWatch, line: str, reason: str) -> None:
    watch._take(line)
    (found,) = watch.found()
    assert found.startswith(reason)


@pytest.mark.parametrize(
    "line",
    [
        f"org.apache.parquet.X source: {JAR}/parquet-column-1.17.0.jar",
        f"org.apache.spark.sql.hive.orc.OrcFileFormat$$anon$1 source: {JAR}/spark-hive_2.13-4.2.0.jar",
        f"{GRAPH}.PipelineUpdateContext source: {JAR}/spark-pipelines_2.13-4.2.0.jar",
        "java.util.X source: jrt:/java.base",
        "org.apache.spark.X source: shared objects file (top)",
        "org.apache.spark.X$$Lambda/0x1 source: org.apache.spark.X",
        f"org.apache.derby.X source: {JAR}/derby-10.16.1.1.jar",  # as when Spark started
    ],
)
def test_what_ordinary_submissions_load_is_none(watch: ClassWatch, line: str) -> None:
    watch._take(line)
    assert watch.found() == []


def test_each_line_of_the_list_of_libraries_is_the_beginning_of_a_name() -> None:
    assert "java.base" in LIBRARIES
    assert [line for line in (*LIBRARIES, *CLASSES) if not re.fullmatch(r"[A-Za-z][\w.-]+", line)] == []
    assert not "hive-exec-2.3.10-core.jar".startswith(LIBRARIES)


def test_a_difference_says_where_it_is() -> None:
    before = {"folders": {"/tmp": {"permission": "1777", "owner": "student"}}, "groups": []}
    now = {"folders": {"/tmp": {"permission": "000", "owner": "student"}}, "groups": ["left"]}
    assert differences(before, now) == "folders /tmp permission: '1777' became '000'; groups: [] became ['left']"


# the attacks themselves


def test_there_are_at_least_sixty_attacks_and_each_says_what_it_tries() -> None:
    attacks = run_attacks.attacks()
    assert len(attacks) >= 60
    assert all(attack.tries.endswith(".") for attack in attacks)
    assert all(attack.finds for attack in attacks if attack.next)
