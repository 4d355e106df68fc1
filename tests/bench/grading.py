"""A class of twelve graded by nbgrader and by us, on one machine with the same time a cell; then larger classes.

Eight are right, one is wrong, one raises, one never ends, one kills its kernel. nbgrader finds its services
running; our time includes the start of the workers' own.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from eventlab.grading import results
from eventlab.labs import cells
from eventlab.labs.catalogue import find
from eventlab.labs.points import with_points
from eventlab.labs.release import release_for_nbgrader
from eventlab.settings import Settings
from eventlab.stack import config, environment
from tests.bench.rows import row

LAB = find("lab02_extract")
CELL_TIMEOUT_S = 30
COPIES = (12, 48, 96)
BROKEN = {
    "wrong": ("q3", ("order by arrived_at)", "order by arrived_at desc)")),
    "raising": ("q3", ("### BEGIN SOLUTION", "raise ValueError('no')")),
    "endless": ("q2", ("### BEGIN SOLUTION", "while True: pass")),
    "killing": ("q2", ("### BEGIN SOLUTION", "import os; os._exit(1)")),
}
"""Student -> the question that is broken, and the edit that breaks the instructor's solution."""
INTACT = "points of the 4 broken ones for the questions that they solved"
TWELVE_AIM_S, FIRST_AIM_S, COPY_AIM_S = 75, 15, 3
Marks = dict[str, dict[str, float]]
"""Points by student and question."""


def measure(stack: Settings) -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory(prefix="eventlab-bench-") as name:
        folder = Path(name)
        class_ = twelve()
        own_s, first_s, own = by_us(class_, folder / "own")
        warm_s, warm = by_nbgrader(class_, folder / "warm", environment.full(stack))
        plain_s, _ = by_nbgrader(class_, folder / "plain", _spark_per_notebook(stack))
        config.render(stack)
        rows = [
            row("grade 12 submissions", own_s, "s", "nbgrader, a Spark per notebook", plain_s),
            row("grade 12 submissions", own_s, "s", "nbgrader, warm Spark", warm_s),
            row("grade 12 submissions", own_s, "s", "aim", TWELVE_AIM_S, aim=1),
            row("first record of 12 submissions", first_s, "s", "aim", FIRST_AIM_S, aim=1),
            row(INTACT, intact(own), "points", "nbgrader", intact(warm), is_rate=True),
            row(INTACT, intact(own), "points", "all points", intact(full()), aim=1, is_rate=True),
        ]
        return rows + _copies(folder)


def twelve() -> dict[str, NotebookNode]:
    """Student -> notebook. The markers are gone, as from what a student hands in; nbgrader needs the points."""
    right = cells.read(LAB.instructor)
    right.cells = [with_points(cell, LAB) for cell in right.cells]
    class_ = {f"right{number}": copy.deepcopy(right) for number in range(1, 9)}
    for student, (question, (old, new)) in BROKEN.items():
        class_[student] = _edited(right, question, old, new)
    return {student: _handed_in(node) for student, node in class_.items()}


def full() -> Marks:
    """All points of each question, for each student."""
    return {student: {question: LAB.points(question) for question in LAB.questions} for student in BROKEN}


def intact(marks: Marks) -> float:
    """Sum the points that the four broken submissions have for the questions that are not broken."""
    return sum(
        points
        for student, (broken, _) in BROKEN.items()
        for question, points in marks.get(student, {}).items()
        if question != broken
    )


def by_us(class_: Mapping[str, NotebookNode], folder: Path) -> tuple[float, float, Marks]:
    """Seconds of `eventlab grade`, all of it, seconds to the first record, and the marks."""
    _write(class_, folder / "submissions", "{}.ipynb")
    command = [sys.executable, "-m", "eventlab.cli", "grade", LAB.name, "submissions", "--output", "output"]
    command += ["--cell-timeout", str(CELL_TIMEOUT_S)]
    started, first_s, quiet = time.monotonic(), 0.0, subprocess.DEVNULL
    with subprocess.Popen(command, cwd=folder, stdout=quiet, stderr=quiet) as grading:
        while grading.poll() is None:
            time.sleep(0.1)
            if not first_s and any(folder.glob("output/records/*.json")):
                first_s = time.monotonic() - started
    seconds = time.monotonic() - started
    if grading.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {grading.returncode}")
    records = results.load_all(folder / "output")
    return seconds, first_s, {r.student: {q.id: q.points or 0 for q in r.questions} for r in records if r.has_mark}


def by_nbgrader(class_: Mapping[str, NotebookNode], folder: Path, env: dict[str, str]) -> tuple[float, Marks]:
    """Seconds of `nbgrader autograde`, and the marks (0 where it gives none)."""
    assignment = LAB.name
    release_for_nbgrader(LAB, folder)
    _write(class_, folder / "submitted", f"{{}}/{assignment}/{LAB.name}.ipynb")
    course = [f"--course-dir={folder}", "--log-level=ERROR"]
    _timed(["-m", "nbgrader", "generate_assignment", assignment, *course], folder, env)
    timeout = f"--ExecutePreprocessor.timeout={CELL_TIMEOUT_S}"
    seconds = _timed(["-m", "nbgrader", "autograde", assignment, timeout, *course], folder, env, frozenset({0, 1}))
    return seconds, _gradebook(folder, assignment)


def _gradebook(folder: Path, assignment: str) -> Marks:
    script = (
        "import json, sys; from nbgrader.api import Gradebook\n"
        "with Gradebook(sys.argv[1]) as book:\n"
        "    print(json.dumps({submission.student.id:\n"
        "        {grade.name.partition('-')[0]: grade.score for n in submission.notebooks for grade in n.grades}\n"
        "        for submission in book.assignment_submissions(sys.argv[2])}))"
    )
    database = f"sqlite:///{folder / 'gradebook.db'}"
    done = subprocess.run(
        [sys.executable, "-c", script, database, assignment], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def _copies(folder: Path) -> list[dict[str, object]]:
    """Seconds a submission for classes of right solutions, the start of the stacks included."""
    right = twelve()["right1"]
    each: dict[int, float] = {}
    for count in COPIES:
        seconds, _, marks = by_us({f"s{number:03}": right for number in range(count)}, folder / f"copies{count}")
        points = sorted(sum(questions.values()) for questions in marks.values())
        if set(points) != {LAB.points()} or len(points) != count:
            raise RuntimeError(f"{count} copies of the right solution: {points}")
        each[count] = seconds / count
    first, *more = COPIES
    rows = [row(f"a submission of {n} copies", each[n], "s", f"of {first} copies", each[first]) for n in COPIES]
    return rows + [row(f"a submission of {n} copies", each[n], "s", "aim", COPY_AIM_S, aim=1) for n in more]


def _spark_per_notebook(stack: Settings) -> dict[str, str]:
    """The environment in which a notebook's getOrCreate() starts a Spark of its own."""
    plain = Settings(**{**stack.model_dump(), "external_spark_remote": "local[*]"})
    config.render(plain)
    env = environment.full(plain)
    env.pop("SPARK_REMOTE", None)
    return env


def _edited(right: NotebookNode, question: str, old: str, new: str) -> NotebookNode:
    changed = copy.deepcopy(right)
    cell = next(cell for cell in changed.cells if cells.grade_id(cell) == question)
    if cell.source.count(old) != 1:
        raise RuntimeError(f"{LAB.name}'s solution of {question} does not hold {old!r} once")
    cell.source = cell.source.replace(old, new)
    return changed


def _handed_in(node: NotebookNode) -> NotebookNode:
    """Hidden tests and markers taken out."""
    from eventlab.labs.release import without_region

    for cell in node.cells:
        source = without_region(cell.source, "HIDDEN TESTS", LAB.name)
        cell.source = "\n".join(line for line in source.split("\n") if not line.strip().startswith("### "))
    return node


def _write(notebooks: Mapping[str, NotebookNode], folder: Path, name: str) -> None:
    for student, node in notebooks.items():
        path = folder / name.format(student)
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(node, path)


def _timed(arguments: list[str], cwd: Path, env: dict[str, str], codes: frozenset[int] = frozenset({0})) -> float:
    cwd.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=env, cwd=cwd)
    if done.returncode not in codes:
        raise RuntimeError(f"{' '.join(arguments)}\n{done.stderr[-3000:]}")
    return time.monotonic() - started
