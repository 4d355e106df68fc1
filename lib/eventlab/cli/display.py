"""What the commands show: progress lines while they work, and tables of their results."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from eventlab.clients import ports

if TYPE_CHECKING:
    from eventlab.doctor import CheckResult
    from eventlab.stack.stack import Status

COLORS = {"running": "green", "stopped": "dim", "crashed": "red"}
FINAL_PHASES = ("ready", "stopped")
PLAIN_STEP = 5
"""Without a terminal, a counter gets a new line after this many steps."""


def in_notebook() -> bool:
    """Return whether a Jupyter kernel started this command (jupyter_client sets the variable for kernels)."""
    return "JPY_PARENT_PID" in os.environ


def console(*, stderr: bool = True) -> Console:
    """Return a console; progress goes to standard error and results go to standard output.

    A notebook's `!command` has a terminal too, but keeps every redrawn line. It gets plain lines.
    """
    return Console(stderr=stderr, force_terminal=False if in_notebook() else None)


def print_line(text: str) -> None:
    """Print a line to standard error without markup."""
    console().print(text, highlight=False, markup=False, soft_wrap=True)


class PlainLines:
    """Progress where there is no terminal: a new line for each change."""

    def __init__(self, screen: Console) -> None:
        self.screen = screen
        self.started = time.monotonic()
        self.printed: dict[str, str | int] = {}

    def update(self, name: str, text: str, done: int = 0, total: int = 1) -> None:
        """Show what happens to a service, a notebook or a stage.

        Args:
            name: The name at the beginning of the line.
            text: What happens now.
            done: Number of completed steps.
            total: Number of all steps.
        """
        change = text if total == 1 else done
        if (total == 1 or done == total or done % PLAIN_STEP == 0) and self.printed.get(name) != change:
            self.printed[name] = change
            self.log(f"{time.monotonic() - self.started:6.1f} s  {name} {text}")

    def log(self, text: str) -> None:
        """Print a text that stays."""
        self.screen.print(text, highlight=False, markup=False, soft_wrap=True)

    def report_phase(self, service: str, phase: str) -> None:
        """Show what happens to a service; a text of several lines is the end of the log of one that died."""
        short = "died" if "\n" in phase else phase
        self.update(service, short, int(short in FINAL_PHASES))
        if short != phase:
            self.log(phase)


class LiveLines(PlainLines):
    """Progress in a terminal: one line per name that is redrawn."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress.console)
        self.progress = progress
        self.tasks: dict[str, TaskID] = {}

    def update(self, name: str, text: str, done: int = 0, total: int = 1) -> None:
        """Redraw the line of a service, a notebook or a stage."""
        if name not in self.tasks:
            self.tasks[name] = self.progress.add_task(name, total=total, phase=text)
        self.progress.update(self.tasks[name], phase=text, completed=done, total=total)


class _CounterBar(BarColumn):
    """A bar for tasks that are counted in steps."""

    def render(self, task: Task):
        return super().render(task) if (task.total or 0) > 1 and not task.finished else ""


@contextmanager
def show_progress() -> Iterator[PlainLines]:
    """Show progress lines during a command."""
    screen = console()
    if not screen.is_terminal:
        yield PlainLines(screen)
        return
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description:<10}"),
        TextColumn("{task.fields[phase]}"),
        _CounterBar(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=screen) as progress:
        yield LiveLines(progress)


def show_status(statuses: Sequence[Status]) -> None:
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


def show_down(statuses: Sequence[Status], still_open: Sequence[int], *, named: bool) -> None:
    """Print which services still run and which ports are still open after `down`.

    Args:
        statuses: The services that were stopped.
        still_open: Their ports that still accept connections.
        named: Whether only the services in `statuses` were to be stopped, not all.
    """
    screen = console(stderr=False)
    running = [status for status in statuses if status.state != "stopped"]
    names = ", ".join(status.name for status in statuses)
    closed = f"The ports of {names} are closed." if named else "All ports are closed."
    lines = [f"Port {port} is open: {ports.holder(port)} holds it." for port in still_open]
    lines = lines or [f"{closed} Topics, events and files stay for the next: eventlab up"]
    if running:
        show_status(running)
    else:
        lines = [
            "service   state   address   memory",
            f"({names}: stopped)" if named else "(none is running)",
            *lines,
        ]
    for line in lines:
        screen.print(line, highlight=False, markup=False, soft_wrap=True)


def show_checks(results: Sequence[CheckResult]) -> None:
    """Print the table of `eventlab doctor`, with the command that fixes it below each failed check."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("verdict")
    table.add_column("check", no_wrap=True)
    table.add_column("detail", overflow="fold")
    for result in results:
        table.add_row(_verdict(result), result.name, escape(result.detail))
        if not result.ok:
            table.add_row("", "", f"[bold]{escape(result.remedy)}")
    console(stderr=False).print(table)


def follow_file(path: Path) -> Iterator[str]:
    """Yield what is appended to a file; a file that is replaced is read from its beginning."""
    file = path.open(errors="replace")
    file.seek(0, 2)
    while True:
        if chunk := file.read():
            yield chunk
            continue
        time.sleep(0.2)
        if path.exists() and path.stat().st_ino != os.fstat(file.fileno()).st_ino:
            file.close()
            file = path.open(errors="replace")


def _verdict(result: CheckResult) -> str:
    if not result.ok:
        return "[red]FAIL"
    return "[yellow]NOTE" if result.note else "[green]OK"


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB" if count else ""
