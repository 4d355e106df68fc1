"""Grade attacks, each followed by a right and by a wrong submission, and print a table of the marks.

`attacks/NAME.toml` is one attack: what it tries, its code, and what must happen. All of them take some minutes:

    .venv/bin/python -m tests.grading.run_attacks [--cell-timeout S] [NAME...]

With `--orders` they are also graded in a random order by two workers, and each on a fresh stack. The marks must be
the same each time.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from eventlab.grading.audit import summary
from eventlab.grading.grade import GradingProgress, grade
from eventlab.grading.jobs import Limits
from eventlab.grading.results import SubmissionRecord
from tests.grading import tiny_lab

FOLDER = Path(__file__).with_name("attacks")
CELL_TIMEOUT_S = 15
FULL = 8
WRONG = {"q3": 'lab.answer("q3", sorted(numbers)[:4])'}
WRONG_LOSES = 2
ORDERS: dict[str, dict[str, Any]] = {
    "in a random order by two workers": {"workers": 2, "shuffle": 1},
    "each on a fresh stack": {"workers": 2, "fresh": True},
}


@dataclass(frozen=True)
class Attack:
    """An attack and what must happen.

    Attributes:
        name: The name of its file.
        tries: What it tries, as a sentence.
        code: The cell.
        cells: Further cells, by question.
        cell: The question whose cell it replaces, or `added` for a cell at the end.
        status: The status of its record, if only one is right.
        points: The points of its record, if only these are right.
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
    cells: Mapping[str, str] = field(default_factory=dict)
    status: str = ""
    points: float | None = None
    lost: Sequence[str] = ()
    prints: str = ""
    never: str = ""
    next: str = ""
    finds: str = ""
    sample: bool = False


@dataclass(frozen=True)
class Outcome:
    """The records of an attack and of the two submissions after it, and what their notebooks printed."""

    attack: Attack
    attacker: SubmissionRecord
    follower: SubmissionRecord
    wrong: SubmissionRecord
    printed: str
    found: str

    @property
    def marks(self) -> tuple[str, ...]:
        """Return status, points and failed checks of all three."""
        return tuple(summary(record) for record in (self.attacker, self.follower, self.wrong))

    @property
    def problems(self) -> list[str]:
        """Return in which respects the attack succeeded, as sentences."""
        attack = self.attack
        lost = [one.id for one in self.attacker.questions if not one.is_full]
        problems = []
        if (self.follower.status, self.follower.points) != ("graded", FULL):
            missed = [f"{one.question}: {one.got[:200]}" for one in self.follower.checks if not one.passed]
            problems.append(f"the next one: {self.follower.status}, {self.follower.points} points {missed}")
        if (self.wrong.status, self.wrong.points) != ("graded", FULL - WRONG_LOSES):
            problems.append(f"the wrong one: {summary(self.wrong)}")
        points = attack.points in (None, self.attacker.points)
        if attack.status not in ("", self.attacker.status) or not points or not set(attack.lost) <= set(lost):
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
    return [_attack(path) for path in paths]


def _attack(path: Path) -> Attack:
    """Read an attack; a line in its code that ends with `.py` is replaced by that file beside this one."""
    read = tomllib.loads(path.read_text())
    read["code"] = re.sub(
        r"^# (\w+\.py)$", lambda name: Path(__file__).with_name(name[1]).read_text(), read["code"], flags=re.M
    )
    return Attack(name=path.stem, **read)


def run(
    chosen: Sequence[Attack],
    base: Path,
    cell_timeout: float = CELL_TIMEOUT_S,
    progress: GradingProgress = lambda done, total, record: None,
    *,
    workers: int = 1,
    shuffle: int | None = None,
    in_order: int = 0,
    fresh: bool = False,
) -> list[Outcome]:
    """Grade each attack, a right and a wrong submission, and return their records in the order of the attacks.

    Args:
        chosen: The attacks.
        base: A folder for the submissions (`submissions`), the lab (`tiny`) and the output (`output`).
        cell_timeout: Seconds that a cell may run.
        progress: Called after each record.
        workers: Submissions graded at the same time.
        shuffle: Seed of a random order. Without it, the right and the wrong submission follow their attack.
        in_order: The first attacks, which come before the others and are not shuffled.
        fresh: Whether each submission has a new stack.
    """
    submissions, output = base / "submissions", base / "output"
    students = [f"student{number:03}" for number in range(3 * len(chosen))]
    if shuffle is not None:
        shuffled = students[3 * in_order :]
        random.Random(shuffle).shuffle(shuffled)
        students[3 * in_order :] = shuffled
    threes = list(zip(students[::3], students[1::3], students[2::3], strict=True))
    _write_submissions(chosen, threes, submissions)
    graded = grade(
        tiny_lab.make(base / "tiny"),
        submissions,
        output,
        limits=Limits(cell_timeout=cell_timeout),
        workers=workers,
        fresh=fresh,
        in_order=True,
        progress=progress,
    )
    records = {record.student: record for record in graded}
    outcomes = []
    for attack, three in zip(chosen, threes, strict=True):
        attacker, follower, wrong = (records[student] for student in three)
        printed, found = _printed(attacker, output), _printed(follower, output)
        outcomes.append(Outcome(attack, attacker, follower, wrong, printed, found))
    return outcomes


def _write_submissions(chosen: Sequence[Attack], threes: Sequence[Sequence[str]], folder: Path) -> None:
    """Write for each attack its submission, a right one and a wrong one, by the names of three students."""
    folder.mkdir(parents=True)
    for attack, three in zip(chosen, threes, strict=True):
        cells = ({**attack.cells, attack.cell: attack.code}, {"added": attack.next}, WRONG)
        for student, replaced in zip(three, cells, strict=True):
            tiny_lab.write(folder / f"{student}.ipynb", **replaced)


def differences(first: Sequence[Outcome], again: Sequence[Outcome]) -> list[str]:
    """Return the attacks for which another grading of the same submissions gave other marks, with the marks."""
    return [
        f"{one.attack.name}: {ours} / {theirs}"
        for one, other in zip(first, again, strict=True)
        for ours, theirs in zip(one.marks, other.marks, strict=True)
        if ours != theirs
    ]


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
    parser.add_argument("--orders", action="store_true", help="also in a random order, and each on a fresh stack")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    chosen = attacks(options.names)
    with tempfile.TemporaryDirectory(prefix="eventlab-attacks-") as base:
        outcomes = run(chosen, Path(base, "in_order"), options.cell_timeout, show)
        print(table(outcomes))
        problems = sum(bool(outcome.problems) for outcome in outcomes)
        for name, order in ORDERS.items() if options.orders else ():
            again = run(chosen, Path(base, name), options.cell_timeout, show, **order)
            found = differences(outcomes, again)
            print(f"{name}: {len(found)} differences in {3 * len(chosen)} submissions", *found, sep="\n  ")
            problems += len(found)
    return problems


def show(done: int, total: int, record: SubmissionRecord | None) -> None:
    """Print a line for each record."""
    if record:
        print(f"{done}/{total} {record.student}: {record.points} points, {record.seconds:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
