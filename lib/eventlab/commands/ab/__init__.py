"""ApacheBench (`ab`) in Python, as a command and as a function for notebooks.

The course uses `ab`, and a learner without administrator rights cannot install it. This package has the options,
requests, report and exit codes of ApacheBench 2.3. It parses responses itself, as ab.c does: h11 needs 50 µs for a
response, which is longer than a whole request takes, and it rejects malformed responses that `ab` counts.
"""

from collections.abc import Mapping
from typing import Any

from eventlab.commands.ab.cli import main
from eventlab.commands.ab.engine import Aborted, Engine
from eventlab.commands.ab.plan import Plan
from eventlab.commands.ab.report import Report, Timing

__all__ = ["Aborted", "Engine", "Plan", "Report", "Timing", "bench", "main"]


def bench(
    url: str, requests: int = 10, concurrency: int = 1, headers: Mapping[str, str] | None = None, **options: Any
) -> Report:
    """Send requests, `concurrency` at a time, and return the report; `print` it to see what `ab` prints.

    `headers` extend or replace those of `ab`; `options` are other fields of `Plan`.

    Raises:
        ValueError: `ab` rejects the URL.
        Aborted: The server cannot be reached or does not respond.
    """
    lines = [f"{name}: {value}" for name, value in (headers or {}).items()]
    return Engine(Plan(url, requests, concurrency, lines, **options)).run()
