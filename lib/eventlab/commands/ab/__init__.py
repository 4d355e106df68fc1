"""ApacheBench's flags and report for machines without `ab`, as a command and as a function for notebooks."""

from __future__ import annotations

from collections.abc import Mapping

from eventlab.commands.ab.cli import main
from eventlab.commands.ab.engine import Aborted, Engine, Plan
from eventlab.commands.ab.report import Report, Timing
from eventlab.commands.ab.request import Target, build

__all__ = ["Aborted", "Engine", "Plan", "Report", "Target", "Timing", "bench", "main"]


def bench(
    url: str,
    requests: int = 10,
    concurrency: int = 1,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    body: bytes | None = None,
    content_type: str = "text/plain",
    keep_alive: bool = False,
) -> Report:
    """Send `requests` requests, `concurrency` at a time; `print` the report to see what `ab` would print.

    Raises ValueError for a URL that `ab` would refuse and Aborted when the server cannot be reached.
    """
    target = Target.parse(url)
    lines = [f"{name}: {value}" for name, value in (headers or {}).items()]
    request = build(target, lines, method, body, content_type, keep_alive)
    plan = Plan(target, request, requests, concurrency, keep_alive=keep_alive, has_body=body is not None)
    return Engine(plan).run()
