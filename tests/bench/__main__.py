"""`make bench`: every measurement side by side in one run, as a table and as build/bench.json.

Name measurements to run only these: `python -m tests.bench api extraction grading startup suite`.
"""

from __future__ import annotations

import json
import sys

from rich.console import Console
from rich.table import Table

from eventlab.notebooks import walk
from eventlab.settings import ROOT, Settings
from tests.bench import api, extraction, grading, startup, suite

ON_A_STACK = {"api": api.measure, "extraction": extraction.measure, "grading": grading.measure}
ALONE = {"startup": startup.measure, "suite": suite.measure}


def main(names: list[str]) -> None:
    if unknown := set(names) - set(ON_A_STACK | ALONE):
        raise SystemExit(
            f"no measurement is called {', '.join(unknown)}; there are: {', '.join(ON_A_STACK | ALONE)}"
        )
    wanted = names or list(ON_A_STACK | ALONE)
    rows: list[dict[str, object]] = []
    for name in wanted:
        print(f"measuring: {name} ...", file=sys.stderr, flush=True)
        if name in ALONE:
            rows += ALONE[name](Settings())
            continue
        with walk.own_stack(folder=ROOT / "build" / "bench-stack") as stack:
            rows += ON_A_STACK[name](stack)
    show(rows)
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(rows, indent=2) + "\n")
    print(f"also in {target.relative_to(ROOT)}")


def show(rows: list[dict[str, object]]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "value", "unit", "peer", "peer_value", "ratio"):
        table.add_column(heading, justify="left" if heading in ("name", "unit", "peer") else "right")
    for row in rows:
        table.add_row(*(str(row[column.header]) for column in table.columns))
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
