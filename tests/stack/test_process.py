"""A service's process is recognized by its id and start, and ended with all that it started."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from eventlab.settings import Settings
from eventlab.stack import launcher, process

READY = "import time, signal; {}; print('ready', flush=True); time.sleep(600)"


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state")


def start(own: Settings, code: str = "pass", name: str = "kafka") -> psutil.Process:
    """Start a Python program as a service; return when it has run `code`."""
    command = [sys.executable, "-c", READY.format(code)]
    started = process.start(own, name, command, dict(os.environ), Path("/"))
    deadline = time.monotonic() + 10
    while "ready" not in process.log_tail(own, name):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return started


def forge(own: Settings, content: str, name: str = "kafka") -> None:
    file = process.record_file(own, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def test_a_started_service_is_found_again(own: Settings):
    started = start(own)

    assert process.find(own, "kafka") == started
    process.stop(started)


def test_its_output_is_in_its_log_and_the_last_runs_log_is_kept(own: Settings):
    process.stop(start(own, "print('first')"))
    process.stop(start(own, "import sys; print('second', file=sys.stderr)"))

    assert "second" in process.log_file(own, "kafka").read_text()
    assert "first" in process.log_file(own, "kafka").with_suffix(".log.1").read_text()


def test_a_service_outlives_the_command_that_started_it_and_has_no_terminal(own: Settings):
    started = start(own)

    assert os.getsid(started.pid) == started.pid
    assert started.parent() is None or started.parent().pid != os.getpid()
    process.stop(started)


def test_a_record_of_another_process_is_not_believed(own: Settings, other_process: psutil.Process):
    forge(own, f'{{"pid": {other_process.pid}, "since_boot": 1.0, "command": []}}')

    assert process.find(own, "kafka") is None


def test_a_record_of_a_process_that_is_gone_is_not_believed(own: Settings):
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        since_boot = launcher.since_boot(psutil.Process(gone.pid))
    forge(own, f'{{"pid": {gone.pid}, "since_boot": {since_boot}, "command": []}}')

    assert process.find(own, "kafka") is None


def test_a_process_that_ended_and_was_not_collected_is_gone(own: Settings):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        zombie = psutil.Process(ended.pid)
        while zombie.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        forge(own, f'{{"pid": {ended.pid}, "since_boot": {launcher.since_boot(zombie)}, "command": []}}')

        assert process.find(own, "kafka") is None
        assert not process.alive(zombie)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"pid": "x", "since_boot": 0}', '{"pid": 1}', "\x00"])
def test_a_damaged_record_counts_as_none(own: Settings, content: str):
    forge(own, content)

    assert process.find(own, "kafka") is None


@pytest.mark.parametrize("pid", [0, -1, 2**31 - 1, 2**70])
def test_a_record_of_an_impossible_process_counts_as_none(own: Settings, pid: int):
    forge(own, f'{{"pid": {pid}, "since_boot": 0.0}}')

    assert process.find(own, "kafka") is None


def test_a_command_that_does_not_exist_is_an_error_with_its_reason(own: Settings):
    with pytest.raises(OSError, match="No such file"):
        process.start(own, "kafka", ["/no/such/command"], dict(os.environ), Path("/"))


def test_a_log_folder_that_cannot_be_written_is_an_error_with_its_reason(own: Settings):
    own.state_dir.mkdir()
    (own.state_dir / "logs").touch()

    with pytest.raises(OSError, match="File exists"):
        process.start(own, "kafka", [sys.executable, "-c", ""], dict(os.environ), Path("/"))


def test_stop_ends_the_children_too(own: Settings):
    started = start(own, "import subprocess; subprocess.Popen(['sleep', '600'])")
    family = [started, *started.children()]
    assert len(family) == 2

    process.stop(started, grace_s=0.5)

    assert not any(process.alive(member) for member in family)


def test_a_process_that_ignores_the_request_to_end_is_killed_after_the_grace(own: Settings):
    started = start(own, "signal.signal(signal.SIGTERM, signal.SIG_IGN)")

    before = time.monotonic()
    process.stop(started, grace_s=0.5)

    assert not process.alive(started)
    assert 0.5 <= time.monotonic() - before < 5


def test_a_process_that_is_held_up_ends_without_waiting_for_the_grace(own: Settings):
    started = start(own)
    os.kill(started.pid, signal.SIGSTOP)

    before = time.monotonic()
    process.stop(started, grace_s=20)

    assert not process.alive(started)
    assert time.monotonic() - before < 5


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_a_service_counts_as_ended_where_nobody_collects_ended_processes(own: Settings):
    stops = f"""if True:
        import os, sys, time
        from pathlib import Path
        from eventlab.settings import Settings
        from eventlab.stack import process
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        own = Settings(state_dir="{own.state_dir}")
        started = process.start(own, "kafka", command, dict(os.environ), Path("/"))
        before = time.monotonic()
        process.stop(started, grace_s=5)
        print(time.monotonic() - before)
    """
    never_collects = f"""if True:
        import ctypes, subprocess, sys
        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: orphans become its children, as process 1's do
        subprocess.run([sys.executable, "-c", {stops!r}], check=True)
    """
    done = subprocess.run([sys.executable, "-c", never_collects], capture_output=True, text=True, check=True)

    assert float(done.stdout) < 2


def test_a_service_does_not_inherit_the_starters_sockets(own: Settings):
    with socket.create_server(("127.0.0.1", 0)) as server:
        os.set_inheritable(server.fileno(), True)
        started = start(own)

    assert started.net_connections() == []
    process.stop(started)


def test_the_memory_of_a_process_counts_its_children(own: Settings):
    started = start(
        own, "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    )

    assert process.resident_bytes(started) > started.memory_info().rss
    process.stop(started, grace_s=0.5)


def test_the_end_of_a_large_log_is_read_without_the_rest(own: Settings):
    log = process.log_file(own, "kafka")
    log.parent.mkdir(parents=True)
    with log.open("wb") as file:
        file.truncate(100 * 2**20)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + b"".join(b"line %d\n" % number for number in range(50)))

    before = time.monotonic()
    tail = process.log_tail(own, "kafka", lines=3)

    assert tail == "line 47\nline 48\nline 49"
    assert time.monotonic() - before < 0.1


def test_a_log_that_is_not_utf8_is_still_shown(own: Settings):
    log = process.log_file(own, "kafka")
    log.parent.mkdir(parents=True)
    log.write_bytes(b"caf\xe9\n")

    assert process.log_tail(own, "kafka") == "caf�"


def test_a_service_whose_starter_has_ended_does_not_start(own: Settings, other_process: psutil.Process):
    record, log = process.record_file(own, "kafka"), process.log_file(own, "kafka")
    record.parent.mkdir(parents=True)
    log.parent.mkdir(parents=True)
    service = [sys.executable, "-c", "print('it runs')"]
    command_line = [sys.executable, launcher.__file__, str(other_process.pid), str(record), str(log), *service]

    done = subprocess.run(command_line, capture_output=True, text=True)

    assert done.returncode == 1
    assert "has ended" in done.stderr
    assert log.read_text() == ""
    assert not record.exists()


def test_what_happened_is_told_without_the_frames_of_a_stack_trace():
    log = "started\nError: no such luck\n\tat kafka.Kafka.main(Kafka.scala)\n\t... 18 more\nCaused by: it\n"

    assert process.significant_lines(log) == "started\nError: no such luck\nCaused by: it"
