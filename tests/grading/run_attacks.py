"""Grade attacks, each followed by a right submission, on one worker, and print a table of the marks.

`attacks/NAME.toml` is one attack: what it tries, its code, and what must happen. All of them take some minutes:

    .venv/bin/python -m tests.grading.run_attacks [--cell-timeout S] [NAME...]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

from eventlab.grading.grade import grade
from eventlab.grading.progress import GradingProgress
from eventlab.grading.results import SubmissionRecord
from tests.grading import tiny_lab

FOLDER = Path(__file__).with_name("attacks")
CELL_TIMEOUT_S = 15
FULL = 8


@dataclass(frozen=True)
class Attack:
    """An attack and what must happen.

    Attributes:
        name: The name of its file.
        tries: What it tries, as a sentence.
        code: The cell.
        cell: The question whose cell it replaces, or `added` for a cell at the end.
        status: The status of its record, if only one is right.
        lost: The questions that it loses; what else it loses is its own damage.
        prints: A text that its outputs must contain.
        never: A text that its outputs must not contain.
        next: A cell at the end of the right submission that follows.
        finds: A text that the outputs of that submission must contain.
        sample: Whether `make test` runs it.
    """

    name: str
    tries: str
    code: str
    cell: str = "added"
    status: str = ""
    lost: Sequence[str] = ()
    prints: str = ""
    never: str = ""
    next: str = ""
    finds: str = ""
    sample: bool = False


@dataclass(frozen=True)
class Outcome:
    """The records of an attack and of the right submission after it, and what their notebooks printed."""

    attack: Attack
    attacker: SubmissionRecord
    follower: SubmissionRecord
    printed: str
    found: str

    @property
    def problems(self) -> list[str]:
        """Return in which respects the attack succeeded, as sentences."""
        attack = self.attack
        lost = [one.id for one in self.attacker.questions if one.points < one.max_points]
        problems = []
        if (self.follower.status, self.follower.points) != ("graded", FULL):
            missed = [f"{one.question}: {one.got[:200]}" for one in self.follower.checks if not one.passed]
            problems.append(f"the next one: {self.follower.status}, {self.follower.points} points {missed}")
        if attack.status not in ("", self.attacker.status) or not set(attack.lost) <= set(lost):
            problems.append(f"its own record: {self.attacker.status}, lost {lost} {self.attacker.messages}")
        if attack.prints not in self.printed:
            problems.append(f"it printed {self.printed[:400]!r}, not {attack.prints!r}")
        if attack.never and attack.never in self.printed:
            problems.append(f"it printed {self.printed[:400]!r}")
        if attack.finds not in self.found:
            problems.append(f"the next one printed {self.found[:400]!r}, not {attack.finds!r}")
        return problems


def attacks(names: Iterable[str] = ()) -> list[Attack]:
    """Return the named attacks, or all."""
    paths = [FOLDER / f"{name}.toml" for name in names] or sorted(FOLDER.glob("*.toml"))
    return [Attack(name=path.stem, **tomllib.loads(path.read_text())) for path in paths]


def run(
    chosen: Sequence[Attack],
    base: Path,
    cell_timeout: float = CELL_TIMEOUT_S,
    progress: GradingProgress = lambda done, total, record: None,
) -> list[Outcome]:
    """Grade the attacks one after the other, each followed by a right submission."""
    submissions = base / "submissions"
    submissions.mkdir(parents=True)
    for number, attack in enumerate(chosen):
        tiny_lab.write(submissions / f"{number:03}-{attack.name}.ipynb", **{attack.cell: attack.code})
        tiny_lab.write(submissions / f"{number:03}-{attack.name}~next.ipynb", added=attack.next)
    lab, output = tiny_lab.make(base / "tiny"), base / "output"
    found = grade(lab, submissions, output, workers=1, cell_timeout=cell_timeout, progress=progress)
    records = {record.student: record for record in found}
    outcomes = []
    for number, attack in enumerate(chosen):
        first, second = (records[f"{number:03}-{attack.name}{suffix}"] for suffix in ("", "~next"))
        outcomes.append(Outcome(attack, first, second, _printed(first, output), _printed(second, output)))
    return outcomes


def _printed(record: SubmissionRecord, output: Path) -> str:
    """Return what a submission's notebook printed."""
    if not record.notebook:
        return ""
    cells = nbformat.read(output / record.notebook, as_version=4).cells
    return "".join(str(output.get("text", "")) for cell in cells for output in cell.get("outputs", []))


def table(outcomes: Sequence[Outcome]) -> str:
    """Return one row per attack: its points, those of the next one, seconds, and what went wrong."""
    rows = [f"{'attack':28} {'status':10} points  next    s    s  problems"]
    for one in outcomes:
        points = f"{one.attacker.points!s:>6} {one.follower.points!s:>5}"
        seconds = f"{one.attacker.seconds:4.0f} {one.follower.seconds:4.0f}"
        row = f"{one.attack.name:28} {one.attacker.status:10} {points} {seconds}"
        rows.append(f"{row}  {'; '.join(one.problems) or '-'}")
    return "\n".join(rows)


def main() -> int:
    """Run the attacks and return the number of those that succeeded."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cell-timeout", type=float, default=CELL_TIMEOUT_S)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eventlab-attacks-") as base:
        outcomes = run(attacks(options.names), Path(base), options.cell_timeout, show)
    print(table(outcomes))
    return sum(bool(outcome.problems) for outcome in outcomes)


def show(done: int, total: int, record: SubmissionRecord) -> None:
    """Print a line for each record."""
    print(f"{done}/{total} {record.student}: {record.points} points, {record.seconds:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
