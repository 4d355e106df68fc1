"""What the command line shows: progress while it works, tables when it is done."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from eventlab.clients import ports
from eventlab.settings import Settings
from eventlab.stack.startup import Report
from eventlab.stack.status import Status

LIGHTS = {"running": "green", "stopped": "dim", "crashed": "red"}
DONE = ("ready", "stopped")


def console() -> Console:
    """Progress goes to standard error, so that standard output stays what was asked for.

    A notebook's `!command` has a terminal too (IPython makes one), but keeps every redrawn line: plain ones there.
    """
    return Console(stderr=True, force_terminal=False if in_notebook() else None)


def in_notebook() -> bool:
    """Whether a Jupyter kernel is this command's parent (jupyter_client sets the variable for kernels)."""
    return "JPY_PARENT_PID" in os.environ


@contextmanager
def show_phases() -> Iterator[Report]:
    """A line per service with what happens to it; plain lines where there is no terminal."""
    screen = console()
    started = time.monotonic()
    if not screen.is_terminal:

        def tell(name: str, phase: str) -> None:
            told = "died" if "\n" in phase else phase
            screen.print(f"{time.monotonic() - started:6.1f} s  {name} {told}", highlight=False)
            if told != phase:
                screen.print(phase, highlight=False, markup=False)

        yield tell
        return
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description:<10}"),
        TextColumn("{task.fields[phase]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=screen) as progress:
        tasks: dict[str, int] = {}

        def show(name: str, phase: str) -> None:
            if "\n" in phase:  # a service died: its own words stay above what goes on
                progress.console.print(phase, highlight=False, markup=False)
                phase = "died"
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=1, phase=phase)
            progress.update(tasks[name], phase=phase, completed=1 if phase in DONE else 0)  # type: ignore[arg-type]

        yield show


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A spinner and the seconds while something without steps goes on; nothing where there is no terminal."""
    screen = console()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        progress.add_task(what, total=None)
        yield


def show_status(found: Sequence[Status]) -> None:
    """The table of `status` and `up`, with the stack's memory at its foot."""
    total = sum(service.rss_bytes for service in found)
    table = Table(show_footer=True, box=None, pad_edge=False)
    table.add_column("service", footer="total")
    table.add_column("state")
    table.add_column("address", overflow="fold")
    table.add_column("memory", justify="right", footer=_mebibytes(total))
    table.add_column("up for", justify="right")
    table.add_column("pid", justify="right")
    for service in found:
        table.add_row(
            service.name,
            f"[{LIGHTS[service.state]}]{service.state}",
            service.address.partition("?")[0],
            _mebibytes(service.rss_bytes),
            f"{service.uptime_s:.0f} s" if service.pid else "",
            str(service.pid or ""),
        )
    Console(no_color=in_notebook(), force_terminal=False if in_notebook() else None).print(table)


def show_down(found: Sequence[Status], still_open: Sequence[int], some: bool = False) -> None:
    """The table of what still runs, empty as it should be, and the proof that the ports are closed.

    some: only the services in `found` were to go down, not all.
    """
    running = [service for service in found if service.state != "stopped"]
    named = ", ".join(service.name for service in found)
    if running:
        show_status(running)
    else:
        _say("service   state   address   memory", f"({named}: stopped)" if some else "(none is running)")
    if still_open:
        _say(*(f"Port {port} is open: {ports.holder(port)} holds it." for port in still_open))
        return
    closed = f"The ports of {named} are closed." if some else "All ports are closed."
    _say(f"{closed} Topics, events and files stay for the next: eventlab up")


def _say(*lines: str) -> None:
    for line in lines:
        Console().print(line, highlight=False, markup=False, soft_wrap=True)


def follow_file(path: Path) -> Iterator[str]:
    """What is appended to a file, as it comes; a file that is replaced is read from its new beginning."""
    file = path.open(errors="replace")
    file.seek(0, 2)
    while True:
        if chunk := file.read():
            yield chunk
            continue
        time.sleep(0.2)
        if path.exists() and path.stat().st_ino != _inode(file):
            file.close()
            file = path.open(errors="replace")


def _inode(file) -> int:
    return os.fstat(file.fileno()).st_ino


def run_setup(settings: Settings, relock: bool) -> None:
    """`eventlab setup`, with a bar for the download and a line per service while archives are made."""
    from eventlab.stack import jars, java
    from eventlab.stack import setup as steps

    screen = console()
    if relock:
        for environment in jars.ENVIRONMENTS:
            screen.print(f"{environment}: {jars.lock(environment)} jars locked")
    found = java.find_or_fetch()
    screen.print(f"Java {found.major} ({found.found_in}): {found.home}", highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=screen) as progress:
        task = progress.add_task("jars", total=None)
        fetched = jars.sync(lambda count: progress.advance(task, count))
        progress.update(task, visible=bool(fetched))
    screen.print(f"jars: {len(fetched)} fetched, every one as locked" if fetched else "jars: all there, as locked")
    with show_phases() as report:
        recorded = steps.record_archives(report)
    screen.print("archives: made; the stack starts faster from now on" if recorded else "archives: all there")


def walk_course(notebooks: Sequence[Path], output: Path, in_place: bool) -> None:
    """`eventlab run`: a line per notebook as it goes, the report, and an error that says where to look."""
    from eventlab.course import refresh, report
    from eventlab.course import run as course_run

    screen = console()
    results = []
    offsets = (0,) if in_place else course_run.OFFSETS  # the committed outputs show the default ports
    with show_phases() as phases, course_run.own_stack(phases, offsets=offsets) as own:
        with _show_walk(screen) as progress:
            for result in course_run.walk(notebooks, output, progress):
                results.append(result)
                progress(result.name, -1, result.cells)
        page = output / "report.html"
        report.write(results, page)
        failure = results[-1].failure if results else None
        if failure:
            logs = own.state_dir / "logs"
            kept = output / "logs"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(logs, kept)
    if failure:
        raise course_run.WalkError(
            f"{results[-1].name}, cell {failure.cell}: {failure.error.strip()}\n\n{failure.source}\n\n"
            f"The executed copy: {output / results[-1].name}.ipynb\nThe services' logs: {kept}"
        )
    if in_place:
        for notebook, result in zip(notebooks, results, strict=True):
            changed = refresh.renew(notebook, result.node)
            screen.print(f"{result.name}: {'renewed' if changed else 'as it was'}")
    screen.print(f"{len(results)} notebooks ran through. The report: {page}")


@contextmanager
def _show_walk(screen: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A live line per notebook with cells done and seconds; where there is no terminal, a line when it is done."""
    started: dict[str, float] = {}

    def line(name: str, done: int, total: int) -> str:
        seconds = time.monotonic() - started[name]
        return f"{name:<24} {total if done < 0 else done:>3}/{total} cells {seconds:6.1f} s"

    if not screen.is_terminal:

        def tell(name: str, done: int, total: int) -> None:
            started.setdefault(name, time.monotonic())
            if done < 0 or (done and done % 5 == 0 and done < total):
                screen.print(line(name, done, total), highlight=False)

        yield tell
        return
    with Live(console=screen, refresh_per_second=8, transient=True) as live:

        def show(name: str, done: int, total: int) -> None:
            started.setdefault(name, time.monotonic())
            live.update(_Now(lambda: line(name, done, total)))
            if done < 0:
                live.console.print(line(name, done, total), highlight=False)
                live.update("")

        yield show


class _Now:
    """Text that is made anew at every refresh, so that the seconds run."""

    def __init__(self, text: Callable[[], str]) -> None:
        self.text = text

    def __rich__(self) -> str:
        return self.text()


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB" if count else ""
