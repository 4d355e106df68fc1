"""Isolation without services: what a submission may not do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from eventlab.grading.environment import access, sandbox
from eventlab.grading.environment.access import Access
from eventlab.grading.worker_process import worker_environment
from eventlab.settings import Settings
from eventlab.stack import config
from tests.grading import run_attacks

CALLS = """
import ctypes, fcntl, os, sys
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
    refused(lambda: libc.vmsplice(os.pipe()[1], None, 0, 0)),
    refused(lambda: libc.timer_create(1, None, ctypes.byref(ctypes.c_void_p()))),
    refused(lambda: fcntl.fcntl(0, 10, 18)),  # F_SETSIG
    refused(lambda: fcntl.fcntl(0, fcntl.F_GETFL)),
])
file = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT)
os.write(file, b"content")
ends = os.pipe()
print([
    refused(lambda: os.splice(file, ends[1], 1, offset_src=0)),
    refused(lambda: libc.tee(ends[0], os.pipe()[1], 1, 0)),
    refused(lambda: os.sendfile(ends[1], file, 0, 1)),
    refused(lambda: os.setxattr(sys.argv[2], "user.a", b"b")),
    refused(lambda: os.setxattr(sys.argv[2], "user.a", b"b", follow_symlinks=False)),
    refused(lambda: os.setxattr(file, "user.a", b"b")),
    refused(lambda: libc.syscall(463, -100, sys.argv[2].encode(), 0, b"user.a", None, 0)),  # setxattrat
    refused(lambda: libc.syscall(444, None, 0, 1)),  # landlock_create_ruleset
])
print([
    refused(lambda: libc.inotify_init1(0)),
    refused(lambda: libc.fanotify_init(0, 0)),
    refused(lambda: libc.syscall({"x86_64": 317, "aarch64": 277}[os.uname().machine], 0, 0, None)),  # seccomp
    refused(lambda: libc.prctl(22, 1, None, 0, 0)),  # PR_SET_SECCOMP
    refused(lambda: libc.prctl(15, b"renamed", 0, 0, 0)),  # PR_SET_NAME
])
print([
    refused(lambda: fcntl.fcntl(file, 37, bytes(32))),  # F_OFD_SETLK
    refused(lambda: fcntl.fcntl(file, 38, bytes(32))),  # F_OFD_SETLKW
    refused(lambda: fcntl.lockf(file, fcntl.LOCK_EX)),
    refused(lambda: libc.syscall(436, 1000, 1001, 2)),  # close_range with CLOSE_RANGE_UNSHARE
])
clone = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
for flags in (0x10000, 0x400 | 17, 0x10000000 | 17):  # CLONE_THREAD or CLONE_FILES alone, CLONE_NEWUSER
    print(refused(lambda: libc.syscall(clone, flags, 0, 0, 0, 0)))
session = os.getsid(0)
assert session != os.getpid()
os.setsid()
print(os.getsid(0) == session)
import shutil, socket
shutil.copy2(sys.argv[2], sys.argv[2] + ".copy")
sender, receiver = socket.socketpair()
print(open(sys.argv[2] + ".copy").read(), sender.sendfile(open(sys.argv[2], "rb")))
if os.fork() == 0:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.wait()[1]))
import signal, subprocess, threading
thread = threading.Thread(target=lambda: print(subprocess.check_output(["echo", "works"], text=True).strip()))
thread.start()
thread.join()
ended = subprocess.run(["timeout", "0.1", "sleep", "9"], stderr=subprocess.PIPE)
print(ended.returncode, ended.stderr)
signal.signal(signal.SIGALRM, lambda number, frame: print(number))
signal.setitimer(signal.ITIMER_REAL, 0.01)
signal.pause()
"""


@pytest.mark.programs
@pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine not in ("x86_64", "aarch64"), reason="Linux only"
)
def test_calls_that_hide_memory_or_leave_the_namespaces_are_refused_and_all_others_work(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CALLS, str(sandbox.INSIDE), str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    refused = [
        "[38, 38, 1, 1, 38, 38, 1, 0]",
        "[38, 38, 22, 95, 95, 95, 95, 38]",
        "[38, 38, 38, 22, 0]",
        *("[1, 1, 0, 38]", "1", "1", "1"),
    ]
    assert done.stdout.splitlines() == [*refused, "True", "content 7", "7", "works", "124 b''", "14"]


@pytest.mark.programs
@pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine not in ("x86_64", "aarch64"), reason="Linux only"
)
def test_a_filter_that_cannot_be_installed_is_an_error() -> None:
    """The second filter is not installed, because the first one refuses it."""
    twice = CALLS.partition("libc =")[0] + "print(rights.restrict_calls(required=False)); rights.restrict_calls()"
    done = subprocess.run([sys.executable, "-c", twice, str(sandbox.INSIDE)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "False\n")
    assert done.stderr.splitlines()[-1] == "OSError: [Errno 22] a filter of system calls: Invalid argument"


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


@pytest.mark.programs
@pytest.mark.parametrize("contained", [True, False])
def test_no_process_of_a_grading_reads_the_instructors_settings_file(tmp_path: Path, contained: bool) -> None:
    """It can name a Kafka or HDFS of others, which would be cleaned after each submission."""
    program = [sys.executable, "-c", "from eventlab.settings import settings_file; print(settings_file())"]
    for env in (worker_environment(tmp_path, contained), sandbox.variables(Settings(state_dir=tmp_path))):
        seen = subprocess.run(program, capture_output=True, text=True, check=True, env=env)
        assert seen.stdout == "None\n"


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


def test_there_are_at_least_sixty_attacks_and_each_says_what_it_tries() -> None:
    attacks = run_attacks.attacks()
    assert len(attacks) >= 60
    assert all(attack.tries.endswith(".") for attack in attacks)
    assert all(attack.finds for attack in attacks if attack.next)
