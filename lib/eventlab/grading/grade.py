"""Grade a lab's submissions: find them, keep what is graded already, share the rest among workers.

A worker that ends, however, costs the submission that it had in hand a `died` record, and is replaced.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from queue import Empty, SimpleQueue

import psutil

from eventlab import ROOT
from eventlab.grading import records, sandbox
from eventlab.grading.records import Record
from eventlab.grading.submissions import Submission, find
from eventlab.grading.worker import Order, unreadable
from eventlab.labs.catalogue import Lab
from eventlab.labs.seeds import seed_of

Progress = Callable[[int, int, Record | None], None]
"""Called with the number of records there are, of submissions, and the record that has just come."""

MEMORY_OF_WORKER = 2300 * sandbox.MIB
SUBMISSIONS_A_WORKER = 6
"""Below so many a second stack costs more than it saves."""
VERSIONS = ("pyspark", "kafka-python", "ipykernel", "pandas")
LARGEST_HASHED = 512 * sandbox.MIB


class GradingError(RuntimeError):
    """Nothing could be graded; the message says why and what to try."""


def grade(
    lab: Lab,
    submissions: Path,
    output: Path,
    *,
    workers: int | None = None,
    cell_timeout: float = 60,
    memory_mib: int = 1024,
    force: bool = False,
    progress: Progress = lambda done, total, record: None,
) -> list[Record]:
    """Every submission's record, by student. Those whose notebook, checks, seed and versions did not change stay.

    Interrupted, it ends what it started and keeps the records that are there; called again, it continues.
    """
    output.mkdir(parents=True, exist_ok=True)
    found = find(submissions, output / ".submissions")
    secret = _secret(output)
    orders = [_order(lab, one, secret, cell_timeout, memory_mib) for one in found]
    kept = {} if force else _kept(orders, output)
    todo = [order for order in orders if order.student not in kept]
    for done, old in enumerate(kept.values(), start=1):
        progress(done, len(orders), old)
    if todo:
        count = min(workers or default_workers(len(todo)), len(todo))
        _Grading(lab, output, todo, count, cell_timeout, memory_mib, len(kept), len(orders), progress).run()
    there = (records.load(order.student, output) for order in orders)
    return [record for record in there if record]


def default_workers(submissions: int) -> int:
    """As many as cores and memory allow, and no more than pay for the start of their stack."""
    if not sandbox.walls().bubblewrap:
        return 1  # without network namespaces a student could reach another worker's stack
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = int(psutil.virtual_memory().available // MEMORY_OF_WORKER)
    return max(1, min(cores, memory, -(-submissions // SUBMISSIONS_A_WORKER)))


def fingerprint(lab: Lab, one: Submission, seed: int, cell_timeout: float, memory_mib: int) -> str:
    """Changes when the notebook or its files, the lab, the grader, the seed, the limits or a version does."""
    digest = hashlib.sha256()
    about = [lab.name, str(seed), str(cell_timeout), str(memory_mib), sys.version, one.trouble]
    about += [version(name) for name in VERSIONS]
    digest.update("\0".join(about).encode("utf-8", "surrogatepass"))
    own = [path for folder in (Path(__file__).parent, ROOT / "lib/eventlab/labs") for path in folder.rglob("*.py")]
    theirs = [one.notebook] if one.notebook else []
    if one.files:
        theirs += [path for path in one.files.rglob("*") if path.is_file() and not path.is_symlink()]
    for path in [*sorted(lab.folder.glob("*.*")), *sorted(own), *sorted(theirs)]:
        if path.is_file():
            digest.update(os.fsencode(path.name))
            digest.update(_digest(path))
    return digest.hexdigest()


def _digest(path: Path) -> bytes:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
    return b""


def _secret(output: Path) -> str:
    """Of this output folder: nobody can compute the seeds, and they stay when grading continues."""
    path = output / ".seed"
    if not path.exists():
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_hex(16))
    return path.read_text().strip()


def _order(lab: Lab, one: Submission, secret: str, cell_timeout: float, memory_mib: int) -> Order:
    seed = seed_of(one.student, lab.name, f"grading {secret}")
    return Order(
        student=one.student,
        notebook=str(one.notebook.absolute()) if one.notebook else None,
        files=str(one.files.absolute()) if one.files else None,
        trouble=one.trouble,
        fingerprint=fingerprint(lab, one, seed, cell_timeout, memory_mib),
        seed=seed,
    )


def _kept(orders: Iterable[Order], output: Path) -> dict[str, Record]:
    found = {}
    for order in orders:
        record = records.load(order.student, output)
        if record and record.fingerprint == order.fingerprint and record.student == order.student:
            found[order.student] = record
    return found


class _Grading:
    """The workers at work: one thread here watches each."""

    def __init__(
        self,
        lab: Lab,
        output: Path,
        todo: list[Order],
        workers: int,
        cell_timeout: float,
        memory_mib: int,
        done: int,
        total: int,
        progress: Progress,
    ) -> None:
        self.lab, self.output, self.workers = lab, output, workers
        self.cell_timeout, self.memory_mib = cell_timeout, memory_mib
        self.done, self.total, self.progress = done, total, progress
        self.walls = sandbox.walls()
        self.waiting: SimpleQueue[Order] = SimpleQueue()
        for order in todo:
            self.waiting.put(order)
        self.finished: SimpleQueue[Record | BaseException | None] = SimpleQueue()
        self.stopped = threading.Event()
        self.processes: list[subprocess.Popen[str]] = []

    def run(self) -> None:
        """Until all are graded; an interruption ends all workers at once."""
        threads = [threading.Thread(target=self._serve, args=(n,), daemon=True) for n in range(self.workers)]
        trouble: BaseException | None = None
        try:
            for thread in threads:
                thread.start()
            left = len(threads)
            while left:
                try:
                    came = self.finished.get(timeout=0.5)
                except Empty:
                    continue
                if isinstance(came, Record):
                    self.done += 1
                    self.progress(self.done, self.total, came)
                else:
                    left -= 1
                    trouble = trouble or came
        finally:
            self.stopped.set()
            for process in self.processes:
                _end(process, patience_s=0.5)
            for thread in threads:
                thread.join(timeout=15)
        if trouble:
            raise trouble

    def _serve(self, number: int) -> None:
        """Keep a worker in work; one that ends with a submission in hand leaves a record, and another starts."""
        try:
            failures = 0
            while not self.stopped.is_set() and not self.waiting.empty():
                before = self.done
                run = Path(tempfile.mkdtemp(prefix="eg"))
                run.chmod(0o755)
                try:
                    self._with_worker(number, run)
                except GradingError:
                    failures += 1
                    if failures > 2 and self.done == before:
                        raise
                finally:
                    shutil.rmtree(run, ignore_errors=True)
            self.finished.put(None)
        except BaseException as error:
            self.finished.put(error)

    def _with_worker(self, number: int, run: Path) -> None:
        log = (self.output / f"worker-{number}.log").open("w")
        process = subprocess.Popen(
            self._command(number, run),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=_environment(run, self.walls.bubblewrap),
            start_new_session=True,
        )
        self.processes.append(process)
        assert process.stdin is not None
        assert process.stdout is not None
        order: Order | None = None
        try:
            if not process.stdout.readline():
                process.wait()
                raise GradingError(f"worker {number} could not start its stack:\n{_tail(Path(log.name))}")
            while not self.stopped.is_set():
                order = self._next()
                if order is None:
                    break
                if not self._one(process, order):
                    break
                order = None
        finally:
            _end(process)
            process.stdout.close()
            log.close()
        if order is not None and not self.stopped.is_set():
            self._died(order, _tail(Path(log.name)))

    def _next(self) -> Order | None:
        with contextlib.suppress(Empty):
            return self.waiting.get_nowait()
        return None

    def _one(self, process: subprocess.Popen[str], order: Order) -> bool:
        """Have a submission graded; False when the worker has ended."""
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps(asdict(order)) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            if json.loads(line).get("graded") == order.student:
                record = records.load(order.student, self.output)
                if record:
                    self.finished.put(record)
                return True
        return False

    def _died(self, order: Order, told: str) -> None:
        record = unreadable(self.lab, order, "the submission ended its worker", self.walls.described)
        record = replace(record, status="died", messages=(*record.messages, told[-1500:]))
        records.save(record, self.output)
        self.finished.put(record)

    def _command(self, number: int, run: Path) -> list[str]:
        wanted = {
            "lab": str(self.lab.folder),
            "number": number,
            "run": str(run),
            "output": str(self.output.absolute()),
            "cell_timeout": self.cell_timeout,
            "memory_mib": self.memory_mib,
            "contained": self.walls.bubblewrap,
            "containment": self.walls.described,
        }
        command = [sys.executable, "-m", "eventlab.grading.worker", json.dumps(wanted)]
        return sandbox.of_worker(command) if self.walls.bubblewrap else command


def _environment(run: Path, contained: bool) -> dict[str, str]:
    """The worker's: its stack is its own, wherever the instructor's may be."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("EVENTLAB_")}
    env.pop("SPARK_REMOTE", None)
    return env | {
        "EVENTLAB_STATE_DIR": str(run / "client"),
        "EVENTLAB_PORT_OFFSET": "0" if contained else str(_free_offset()),
        "GRPC_ENABLE_FORK_SUPPORT": "0",
    }


def _free_offset() -> int:
    from eventlab.settings import Settings
    from eventlab.stack import ports
    from eventlab.stack.services import COURSE, SERVICES

    first = int(os.environ.get("EVENTLAB_PORT_OFFSET", "0"))
    for offset in range(first + 20, first + 3000, 20):
        moved = Settings(port_offset=offset)
        if all(ports.is_free(port) for name in COURSE for port in SERVICES[name].port_numbers(moved)):
            return offset
    raise GradingError("no ports are free for a stack. End what holds them, or set EVENTLAB_PORT_OFFSET")


def _end(process: subprocess.Popen[str], patience_s: float = 6) -> None:
    """End a worker: it stops its stack when its input ends, and all is killed with it when it does not."""
    with contextlib.suppress(OSError):
        process.stdin.close()  # type: ignore[union-attr]
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=patience_s)
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        for member in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
    process.kill()
    process.wait()


def _tail(log: Path) -> str:
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-15:])
