"""What a submission leaves in Spark's sandbox or JVM is found there, by real processes, files and JVMs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eventlab.files import delete_folder
from eventlab.grading.environment import sandbox
from eventlab.grading.environment.jvm_class_watch import JvmClassWatch, java_variables
from eventlab.stack import java
from tests.helpers import create_deep_folders

SWEEPS = """
import json, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import services
state = services.settings.state_dir
for name in ("data", "logs", "tmp"):
    (state / name).mkdir(parents=True)
(state / "tmp" / "old").write_text("old")
(state / "tmp" / "gone").write_text("gone")
(state / "logs" / "spark.log").write_text("log")
(state / "lock").touch()
options = {"contained": False, "services": (), "processes": 10**6, "memory": 2**60}
cleaner = services.Cleaner(options, services.Stack(services.settings, ()))
print(json.dumps(cleaner.sweep()["swept"]))
planted = subprocess.Popen(["sleep", "60"])
(state / "tmp" / "new").write_text("new")
(state / "logs" / "spark.log").write_text("more log")
(state / "lock").write_text("held by a start of services")
(state / "logs" / "left").write_text("new")
(state / "tmp" / "old").write_text("changed")
(state / "tmp" / "gone").unlink()
(state / "data" / "rows" / "of a session").mkdir(parents=True)
(state / "data" / "rows" / "of a session" / "part-0").write_text("Spark's own")
print(json.dumps(cleaner.sweep()["swept"]))
print(json.dumps([planted.wait(timeout=10), sorted(path.name for path in state.rglob("*") if path.is_file())]))
"""
DELETES_NEW = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import state_files
folders = [Path(sys.argv[2])]
before = state_files.files_below(folders)
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(state_files.delete_new(folders, before)))
"""
WATCHES = """
import json, subprocess, sys
sys.path.insert(0, sys.argv[1])
import services
look, looks = services.Cleaner.look, []
def fails_once(self):
    looks.append(self)
    if len(looks) == 1:
        raise OSError("a process has just ended")
    look(self)
services.Cleaner.look = fails_once
limits = json.loads(sys.argv[2])
cleaner = services.Cleaner({"contained": False, "services": (), **limits}, services.Stack(services.settings, ()))
holds = [sys.executable, "-c", "held = b'x' * 100_000_000; print(flush=True); import time; time.sleep(60)"]
started = [subprocess.Popen(holds, stdout=subprocess.PIPE) for _ in range(2)]
for one in started:
    one.stdout.readline()
try:
    print([one.wait(timeout=float(sys.argv[3])) for one in started])
except subprocess.TimeoutExpired:
    print("running")
for one in started:
    one.kill()
"""
"""Two processes that hold 100 MB each. The first look at them fails."""
MANY = '''
import os, subprocess, sys, time
sys.path.insert(0, sys.argv[1])
import services
options = {"contained": False, "services": (), "processes": 10**6, "memory": 2**60}
cleaner = services.Cleaner(options, services.Stack(services.settings, ()))
runs = """
import hashlib, sys, threading, time
def busy():
    while True:
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10**5)  # other threads run meanwhile
for work in [busy] * int(sys.argv[1]) + [lambda: time.sleep(60)]:
    threading.Thread(target=work, daemon=True).start()
print(flush=True)
time.sleep(60)
"""
def start(busy):
    started.append(subprocess.Popen([sys.executable, "-c", runs, str(busy)], stdout=subprocess.PIPE))
    started[-1].stdout.readline()
def levels():
    threads = [int(name) for one in started for name in os.listdir(f"/proc/{one.pid}/task")]
    return sorted({os.getpriority(os.PRIO_PROCESS, thread) for thread in threads})
started = []
most = services.processors.MAX_BUSY_THREADS
for busy in (most // 2, most // 2 - 4):  # a process that starts is busy, too
    start(busy)
time.sleep(1)
print(levels())
start(6)
deadline = time.monotonic() + 60
while levels() != [services.processors.LOWEST_NICENESS] and time.monotonic() < deadline:
    time.sleep(0.1)
print(levels())
for one in started:
    one.kill()
'''
"""Busy threads, first as many as a right submission may need, then more."""
RESTARTS = """
import sys
sys.path.insert(0, sys.argv[1])
import services
lists = iter([[11, 12], [12, 13], [13], [13]])
services.other_processes = lambda kept: next(lists)
services.kill = lambda pids: [str(pid) for pid in pids]
print(services.kill_others({1}))
"""
COMPILES = 'class Mine { public static void main(String[] words) { System.out.println("ran"); } }'


@pytest.mark.programs
def test_new_processes_are_killed_and_new_changed_and_missing_files_are_named(tmp_path: Path) -> None:
    env = os.environ | {"EVENTLAB_STATE_DIR": str(tmp_path / "state")}
    command = [sys.executable, "-c", SWEEPS, str(sandbox.INSIDE)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    before, after, [code, files] = map(json.loads, done.stdout.splitlines())

    assert before == []
    assert after[0] == "sleep"
    assert {(line.partition(",")[0], Path(line).name) for line in after[1:]} == {
        ("a file of its own", "old"),
        ("a file of its own", "new"),
        ("a file of its own", "left"),
        ("a file is missing", "gone"),
    }
    assert (code, files) == (-9, ["left", "lock", "new", "old", "spark.log"]), (
        "Spark's own files are deleted, and no others"
    )


@pytest.mark.programs
def test_folders_that_are_too_deep_for_recursion_are_named(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DELETES_NEW, str(sandbox.INSIDE), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        create_deep_folders(tmp_path)
        found, _ = process.communicate("deep\n")
    delete_folder(tmp_path)
    assert f"a file of its own, {tmp_path / 'dddddddd'}" in json.loads(found)


@pytest.mark.programs
def test_a_process_that_starts_while_others_are_killed_is_killed_too() -> None:
    command = [sys.executable, "-c", RESTARTS, str(sandbox.INSIDE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['11', '12', '13']"


@pytest.mark.programs
@pytest.mark.parametrize(
    ("processes", "memory", "ends"),
    [(2, 2**30, "running"), (1, 2**30, "[-9, -9]"), (2, 150_000_000, "[-9, -9]")],
    ids=["within the limits", "one too many", "too much memory"],
)
def test_processes_beside_the_services_are_killed_when_they_exceed_a_limit(
    tmp_path: Path, processes: int, memory: int, ends: str
) -> None:
    env = os.environ | {"EVENTLAB_STATE_DIR": str(tmp_path / "state")}
    limits = json.dumps({"processes": processes, "memory": memory})
    command = [sys.executable, "-c", WATCHES, str(sandbox.INSIDE), limits, "1" if ends == "running" else "30"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ends


@pytest.mark.programs
def test_many_busy_threads_beside_the_services_get_the_lowest_priority(tmp_path: Path) -> None:
    env = os.environ | {"EVENTLAB_STATE_DIR": str(tmp_path / "state")}
    command = [sys.executable, "-c", MANY, str(sandbox.INSIDE)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert done.stdout.splitlines() == [f"[{own}]", "[19]"]


@pytest.mark.programs
def test_the_jvm_reports_what_runs_in_it_and_nothing_can_attach_to_it(tmp_path: Path) -> None:
    watch = JvmClassWatch(tmp_path / "classes", [])
    watch.started()
    (tmp_path / "Mine.java").write_text(COMPILES)
    command = [str(java.find().executable), "-XX:+PrintFlagsFinal", str(tmp_path / "Mine.java")]
    env = os.environ | java_variables(watch)
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    found = watch.found()
    watch.close()

    flags = {line.split()[1]: line.split()[3] for line in done.stdout.splitlines() if line.count("=") == 1}
    assert flags["DisableAttachMechanism"] == "true"
    assert any("jdk.compiler" in reason for reason in found), found
