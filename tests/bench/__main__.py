"""`make bench`: every measurement side by side in one run, as a table and as build/bench.json.

Name measurements to run only these: `python -m tests.bench api extraction grading streams kills startup suite`.
`--kills 10` kills fewer processes than 100.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from eventlab.course.run import OFFSETS
from eventlab.settings import ROOT, Settings
from eventlab.stack import fresh_stack
from tests.bench import api, extraction, grading, kills, startup, streams, suite

Measure = Callable[[Settings], list[dict[str, object]]]
ON_A_STACK: dict[str, Measure] = {
    "api": api.measure,
    "extraction": extraction.measure,
    "grading": grading.measure,
    "streams": streams.measure,
    "kills": kills.measure,
}
ALONE: dict[str, Measure] = {"startup": startup.measure, "suite": suite.measure}


FILE = ROOT / "build" / "bench.json"
KEYS = ("name", "value", "unit", "peer", "peer_value", "ratio")
"""What is kept of a row; `aim`, the ratio that was set out for, is shown besides."""
Row = dict[str, object]


def main(names: list[str]) -> None:
    if unknown := set(names) - set(ON_A_STACK | ALONE):
        raise SystemExit(
            f"no measurement is called {', '.join(unknown)}; there are: {', '.join(ON_A_STACK | ALONE)}"
        )
    rows: list[Row] = []
    for name in names or list(ON_A_STACK | ALONE):
        print(f"measuring: {name} ...", file=sys.stderr, flush=True)
        rows += measure(name)
    show(rows)
    save(rows)
    print(f"also in {FILE.relative_to(ROOT)}")


def measure(name: str) -> list[Row]:
    if name in ALONE:
        return ALONE[name](Settings())
    with fresh_stack(ROOT / "build" / "bench-stack", OFFSETS) as stack:
        return ON_A_STACK[name](stack.settings)


def show(rows: list[Row]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in (*KEYS, "aim"):
        table.add_column(heading, justify="left" if heading in ("name", "unit", "peer") else "right")
    for row in rows:
        table.add_row(*(str(row[key]) for key in KEYS), verdict(row))
    Console().print(table)


def verdict(row: Row) -> str:
    aim, ratio = row.get("aim"), row["ratio"]
    if not isinstance(aim, int | float) or not isinstance(ratio, int | float):
        return ""
    return f"{aim} {'met' if ratio >= aim else 'MISSED'}"


def save(rows: list[Row], file: Path = FILE) -> None:
    """Write the rows; those of measurements that did not run now stay as they were."""
    now = {(row["name"], row["peer"]) for row in rows}
    earlier = json.loads(file.read_text()) if file.exists() else []
    kept = [row for row in earlier if (row["name"], row["peer"]) not in now]
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(kept + [{key: row[key] for key in KEYS} for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="MEASUREMENT")
    parser.add_argument("--kills", type=int, default=100)
    arguments = parser.parse_args()
    ON_A_STACK["kills"] = functools.partial(kills.measure, kills=arguments.kills)
    main(arguments.names)
