"""The clock of limits is slow when others use the processors, and stands still while the grader is suspended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from eventlab.grading import fair_time, machine_faults
from eventlab.grading.fair_time import SLOWEST, FairClock, Usage, measure, speed
from eventlab.grading.jobs import Job, Limits
from eventlab.grading.judge import Judge
from eventlab.grading.results import SubmissionRecord
from eventlab.grading.worker import Outcome, Worker
from tests.grading import tiny_lab
from tests.helpers import wait_until

START = Usage(100.0, busy=50.0, own=10.0, others=20.0, waits={7: 1.0})
CLOCK = """
import sys, time
from eventlab.grading import fair_time
fair_time.TICK_S, fair_time.PAUSE_S = 0.05, 0.5
clock = fair_time.clock()
started = time.monotonic()
print("ready", flush=True)
sys.stdin.readline()
time.sleep(0.2)
print(time.monotonic() - started, clock.now(), clock.suspended_s)
"""
RENAMED = """
import ctypes, subprocess, sys, time
ctypes.CDLL(None).prctl(15, b"\\xff) \\n", 0, 0, 0)
spins = "import time; end = time.process_time() + 0.3\\nwhile time.process_time() < end: pass"
subprocess.Popen([sys.executable, "-c", spins + "\\nprint(flush=True); time.sleep(30)"]).wait()
"""
SPINS = """
import os, sys, time
cpu, file, begun = sys.argv[1:]
os.sched_setaffinity(0, {int(cpu)})
open(begun, "w").close()
end = time.monotonic() + 60
while os.path.exists(file) and time.monotonic() < end:
    pass
"""
"""It computes until a file is deleted."""


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (Usage(102.0, busy=54.0, own=14.0, waits={7: 3.0}), 1.0),
        (Usage(102.0, busy=54.0, own=10.0, waits={7: 1.0}), 1.0),
        (Usage(102.0, busy=54.0, own=11.0, waits={7: 2.6}), 0.4),
        (Usage(102.0, busy=54.0, own=11.0, waits={7: 1.0, 8: 1.6}), 0.4),
        (Usage(102.0, busy=54.0, own=10.0, waits=dict.fromkeys(range(50), 9.0)), 0.0),
        (Usage(102.0, busy=54.0, own=3.0, waits={}), 1.0),
        (Usage(102.0, busy=51.0, own=11.0, stolen=3.0, waits={7: 1.0}), 0.25),
        (Usage(102.0, busy=50.01, stolen=0.1, waits={7: 1.0}), 0.95),
        (Usage(102.0, busy=54.0, own=11.0, others=20.5, waits={7: 3.0}), 0.875),
        (Usage(102.0, busy=82.0, own=12.0, others=50.0, waits={7: 1.0}, bound=2.0, bound_waits={8: 9.0}), 1.0),
        (
            Usage(102.0, busy=82.0, own=11.0, others=51.0, waits={7: 1.0}, bound=1.0, bound_waits={8: 9.0}),
            0.515625,
        ),
        (Usage(102.0, busy=82.0, own=10.0, others=50.0, waits={7: 1.0}, bound_waits={8: 9.0}), 1.0),
        (Usage(102.0, busy=150.0, own=14.0, waits={7: 9.0}, cores=2), 1.0),
        (Usage(102.0, busy=150.0, own=12.0, waits={7: 9.0}, cores=2), 0.5),
        (Usage(102.0), 1.0),
    ],
    ids=[
        *("waits for its own programs", "only sleeps", "waits for others", "a new thread waits for others"),
        *("many threads wait", "processes have ended", "another virtual machine runs", "sleeps meanwhile"),
        *("time without a trace", "programs on one processor wait for each other", "and for others"),
        *("which run without a trace", "has all processors of a container", "has half of them"),
        "the system says nothing",
    ],
)
def test_time_counts_less_only_if_this_worker_waits_while_others_run(now: Usage, expected: float) -> None:
    assert speed(START, now) == pytest.approx(expected)


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of a system with this process and one of another user, which has used three seconds."""
    ticks = "S 0 0 0 0 0 0 0 0 0 0 {} 0 0 0"
    for name, content in {
        "stat": "cpu 400 0 0 0 0 0 0 0",
        f"{os.getpid()}/stat": f"{os.getpid()} (python) {ticks.format(100)}",
        "1/stat": f"1 (init) {ticks.format(300)}",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to(fair_time.ALL_PROCESSES)
    monkeypatch.setattr(fair_time, "PROC", tmp_path)
    monkeypatch.setattr(fair_time, "CPU_LIMIT", tmp_path / "cpu.max")
    return tmp_path


def test_the_time_of_others_is_known_only_where_their_processes_can_be_seen(proc: Path) -> None:
    """With `hidepid`, a user sees only own processes."""
    assert measure().others == 300 / fair_time.TICKS_PER_S
    (proc / "1/stat").unlink()
    assert measure().others is None


def test_a_program_on_one_processor_is_told_from_one_on_all() -> None:
    used, before, affinity = time.process_time(), measure(), os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(affinity)})
    try:
        now = measure()
    finally:
        os.sched_setaffinity(0, affinity)
    assert now.bound >= used - 0.1 > 0  # `now.own` has the time of children, too, which other tests may have left
    assert threading.main_thread().native_id in now.bound_waits
    if len(affinity) > 1:
        assert before.bound < now.bound
        assert threading.main_thread().native_id in before.waits


def test_a_container_may_use_fewer_processors_than_the_machine_has(proc: Path) -> None:
    unlimited = len(os.sched_getaffinity(0))
    assert measure().cores == unlimited
    (proc / "cpu.max").write_text("max 100000\n")
    assert measure().cores == unlimited
    (proc / "cpu.max").write_text("50000 100000\n")
    assert measure().cores == 0.5


def test_a_second_counts_as_much_as_the_machine_gave_but_never_nothing() -> None:
    clock = FairClock()
    clock._last = START
    clock.tick(Usage(101.0, busy=52.0, own=11.0, waits={7: 1.4}))
    assert clock._time == pytest.approx(0.8)
    assert clock.starved_s == 0

    clock.tick(Usage(102.0, busy=54.0, own=11.0, waits={7: 9.0}))
    assert clock._time == pytest.approx(0.8 + SLOWEST)
    assert (clock.starved_s, clock.suspended_s) == (pytest.approx(1), 0)


@pytest.mark.programs
def test_time_in_which_the_grader_was_suspended_does_not_count() -> None:
    """As with Ctrl-Z, or when the whole machine stands still."""
    with subprocess.Popen(
        [sys.executable, "-c", CLOCK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        process.send_signal(signal.SIGCONT)
        passed, counted, suspended = map(float, process.communicate("\n")[0].split())
    assert passed > 2
    assert counted < passed - 1.5
    assert suspended > 1.5


@pytest.mark.programs
@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare")
def test_a_machine_that_was_suspended_is_noticed_by_a_clock_that_goes_on_meanwhile() -> None:
    """`time.monotonic` stands still while a laptop is closed; a time namespace moves only the other clock."""
    program = (
        "import time; from eventlab.grading import fair_time; print(fair_time.measure().at - time.monotonic())"
    )
    command = [
        "unshare",
        "--map-root-user",
        "--time",
        "--boottime",
        "1000",
        "--fork",
        sys.executable,
        "-c",
        program,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no time namespace: {done.stderr.strip()}")
    assert float(done.stdout) > 900


@pytest.mark.programs
@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the system counts no waits")
def test_a_program_that_competes_with_those_of_others_gets_more_time_and_with_its_own_not_more(
    tmp_path: Path,
) -> None:
    cpu, affinity = min(os.sched_getaffinity(0)), os.sched_getaffinity(0)
    file, begun = tmp_path / "spin", [tmp_path / str(number) for number in range(4)]
    file.touch()
    for one in begun:  # their parent ends at once, so that they are not of this process
        command = [sys.executable, "-c", "import subprocess, sys; subprocess.Popen(sys.argv[1:])"]
        subprocess.run([*command, sys.executable, "-c", SPINS, str(cpu), file, one], check=True)
    try:
        wait_until(lambda: all(one.exists() for one in begun), timeout_s=30)
        os.sched_setaffinity(0, {cpu})
        before, used, end = measure(), time.process_time(), time.monotonic() + 2
        while time.monotonic() < end:
            pass
        now, used = measure(), time.process_time() - used
    finally:
        file.unlink()
        os.sched_setaffinity(0, affinity)
    assert speed(before, now) < 0.7
    assert now.own - before.own == pytest.approx(used, abs=0.1)


@pytest.mark.programs
def test_what_a_program_has_started_counts_as_its_own_also_after_its_end() -> None:
    before = measure().own
    children_before = os.times().children_user
    subprocess.run([sys.executable, "-c", "sum(range(10_000_000))"], check=True)
    used = os.times().children_user - children_before
    assert used > 0.05
    assert measure().own - before >= used - 0.05


@pytest.mark.programs
def test_a_process_is_of_those_that_started_it_whatever_their_names_are() -> None:
    """A name may be any bytes; one that is no text must not make the children of its process those of others."""
    before = measure().own
    with subprocess.Popen([sys.executable, "-c", RENAMED], stdout=subprocess.PIPE, process_group=0) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"\n"
            assert measure().own - before >= 0.25
        finally:
            os.killpg(process.pid, signal.SIGKILL)


SHORT, LONG, PAUSE = 23, 60, 30


@pytest.mark.parametrize(
    ("points", "step_s", "steps", "reason"),
    [
        (6, 1, LONG, machine_faults.NO_TIME.format(LONG)),
        (8, 1, LONG, ""),
        (6, 1, SHORT, ""),
        (6, PAUSE, 1, machine_faults.SUSPENDED.format(PAUSE)),
        (8, PAUSE, 1, ""),
    ],
    ids=["a long time", "nothing was lost", "a short time", "suspended", "suspended and nothing was lost"],
)
def test_marks_that_were_lost_while_the_grader_had_no_time_are_not_the_submissions_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: float, step_s: int, steps: int, reason: str
) -> None:
    """A short time is not enough: idle services of a submission that only sleeps wait on a busy machine, too."""
    clock = FairClock()
    clock._last = START
    monkeypatch.setattr(fair_time, "clock", lambda: clock)

    class Starved(Worker):
        def _outcome(self, job: Job) -> Outcome:
            for step in range(1, steps + 1):
                clock.tick(Usage(100.0 + step * step_s, busy=50.0 + 2 * step, own=10.0, waits={7: 1.0 + 9 * step}))
            return Outcome.of(SubmissionRecord("ada", "tiny", "graded", points, 8.0))

    lab = tiny_lab.make(tmp_path / "tiny")
    stack = SimpleNamespace(clean=lambda: None, forget_logs=lambda: None)
    starved = Starved(lab, stack, Judge(lab), Limits(), "")  # type: ignore[arg-type]
    outcome = starved.grade(Job("ada", None, None, "", "", 1))

    assert outcome.reason == reason
    assert outcome.kind == ("infrastructure_failed" if reason else "graded")
