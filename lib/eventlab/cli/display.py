"""The output of the commands: progress lines during the work, and tables of the results."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from eventlab.cli.signals import terminable
from eventlab.errors import END_OF_LOG, StackError
from eventlab.settings import Settings

if TYPE_CHECKING:
    from eventlab.doctor import HealthCheck
    from eventlab.stack import Stack
    from eventlab.stack.stack import ServiceStatus

COLORS = {"running": "green", "stopped": "dim", "crashed": "red"}
FINAL_PHASES = ("ready", "stopped")
NOT_RUNNING = ("died", "not stopped")
"""The beginnings of phases after which nothing more happens."""
PLAIN_STEP = 5
"""Without a terminal, a counter prints one line per this number of steps."""
REPORT_INTERVAL_S = 15.0
"""Without a terminal, after this time without a line, one line says what still runs."""


def console(*, stderr: bool = True) -> Console:
    """Return a console; progress goes to standard error and results go to standard output.

    A notebook's `!command` has a terminal that keeps every redrawn line, so it gets plain lines. jupyter_client
    sets the variable JPY_PARENT_PID for kernels.
    """
    return Console(stderr=stderr, force_terminal=False if "JPY_PARENT_PID" in os.environ else None)


class _CounterBar(BarColumn):
    """A bar for tasks that are counted in steps."""

    def render(self, task: Task):
        return super().render(task) if (task.total or 0) > 1 and not task.finished else ""


class ProgressLines:
    """Progress by name: one line that is redrawn in a terminal, and elsewhere a new line for each change."""

    def __init__(self, screen: Console) -> None:
        self.screen = screen
        self.started = time.monotonic()
        self.printed: dict[str, str | int] = {}
        self.running: dict[str, str] = {}
        self.lock = Lock()
        self.last_line = self.started
        self.tasks: dict[str, TaskID] = {}
        self.errors: set[str] = set()
        self.live = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description:<10}"),
            TextColumn("{task.fields[phase]}"),
            _CounterBar(),
            TimeElapsedColumn(),
            console=screen,
            disable=not screen.is_terminal,
        )

    def update(self, name: str, text: str, done: int = 0, total: int = 1) -> None:
        """Show the current action of a service, a notebook or a stage, and the number of its completed steps."""
        if self.screen.is_terminal:
            if name not in self.tasks:
                self.tasks[name] = self.live.add_task(name, total=total, phase=text)
            self.live.update(self.tasks[name], phase=text, completed=done, total=total)
            return
        with self.lock:
            self.running.pop(name, None)
            if done < total and not text.startswith(NOT_RUNNING):
                self.running[name] = text
        change = text if total == 1 else done
        if (total == 1 or done == total or done % PLAIN_STEP == 0) and self.printed.get(name) != change:
            self.printed[name] = change
            self._print(f"{time.monotonic() - self.started:6.1f} s  {name} {text}")

    def report_service(self, service: str, phase: str) -> None:
        """Show the phase of a service; several lines are the error and the log of a service that ended."""
        self.update(service, "died" if "\n" in phase else phase, int(phase in FINAL_PHASES))
        if "\n" in phase:
            self.errors.add(phase)
            self._print(phase)

    @contextmanager
    def report_long_steps(self, interval_s: float = REPORT_INTERVAL_S) -> Iterator[None]:
        """Without a terminal, print what still runs after each interval without a line."""
        ended = Event()

        def watch() -> None:
            while not ended.wait(self.last_line + interval_s - time.monotonic()):
                if time.monotonic() < self.last_line + interval_s:
                    continue
                with self.lock:  # also while the line is printed: a step may end meanwhile
                    running = ", ".join(f"{name} {text.partition('. ')[0]}" for name, text in self.running.items())
                    if running:
                        self._print(f"{time.monotonic() - self.started:6.1f} s  still at work: {running}")
                self.last_line = time.monotonic()

        watcher = Thread(target=watch, daemon=True)
        if not self.screen.is_terminal:
            watcher.start()
        try:
            yield
        finally:
            ended.set()

    def _print(self, text: str) -> None:
        self.last_line = time.monotonic()
        self.screen.print(text, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def show_progress() -> Iterator[ProgressLines]:
    """Show progress lines during a command, which SIGTERM interrupts like Ctrl-C; print the end of a log once."""
    lines = ProgressLines(console())
    with lines.live, lines.report_long_steps(), terminable():
        try:
            yield lines
        except StackError as error:
            if str(error) not in lines.errors:
                raise
            what = error.message.partition(END_OF_LOG)[0]
            raise StackError(f"{what}; the end of its log is above", error.next_command) from error


@contextmanager
def open_stack(settings: Settings, services: Iterable[str] = ()) -> Iterator["Stack"]:
    """Yield a stack of the services (default: all), and show their phases."""
    from eventlab.stack import Stack
    from eventlab.stack.services import SERVICES

    with show_progress() as progress:
        yield Stack(settings, services or SERVICES, progress.report_service)


def show_status(statuses: Sequence["ServiceStatus"]) -> None:
    """Print the table of `status` and `up`, with the memory of all services in the last row."""
    table = Table(show_footer=True, box=None, pad_edge=False)
    table.add_column("service", footer="total")
    table.add_column("state")
    table.add_column("address", overflow="fold")
    table.add_column("memory", justify="right", footer=_mebibytes(sum(status.rss_bytes for status in statuses)))
    table.add_column("up for", justify="right")
    table.add_column("pid", justify="right")
    for status in statuses:
        table.add_row(
            status.name,
            f"[{COLORS[status.state]}]{status.state}",
            status.address.partition("?")[0],
            _mebibytes(status.rss_bytes),
            f"{status.uptime_s:.0f} s" if status.pid else "",
            str(status.pid or ""),
        )
    console(stderr=False).print(table)


def show_down(statuses: Sequence["ServiceStatus"], still_open: Sequence[int]) -> None:
    """Print which services still run after `down`, and which ports other programs use."""
    from eventlab.clients import ports
    from eventlab.stack.services import SERVICES

    names, named = ", ".join(status.name for status in statuses), len(statuses) < len(SERVICES)
    if running := [status for status in statuses if status.state != "stopped"]:
        show_status(running)
    else:
        stopped = f"Stopped: {names}." if named else "No service is running."
        closed = "Their ports are closed." if named else "All ports are closed."
        click.echo(stopped if still_open else f"{stopped} {closed}")
    for port in still_open:
        click.echo(f"Port {port} is open: {ports.process_on(port)} uses it.")
    if not still_open:
        click.echo("Topics, events and files stay for the next: eventlab up")


def show_checks(results: Sequence["HealthCheck"]) -> None:
    """Print the table of `eventlab doctor`, with the command that fixes it below each failed check."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("verdict")
    table.add_column("check", no_wrap=True)
    table.add_column("detail", overflow="fold")
    for result in results:
        passed = "[yellow]NOTE" if result.note else "[green]OK"
        table.add_row(passed if result.ok else "[red]FAIL", result.name, escape(result.detail))
        if not result.ok:
            table.add_row("", "", f"[bold]{escape(result.remedy)}")
    console(stderr=False).print(table)


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB" if count else ""
