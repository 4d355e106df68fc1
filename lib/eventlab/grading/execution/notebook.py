"""Matching the student's cells with the instructor's by `grade_id`.

The order, the locked cells and the checks are always the instructor's: deleted ones are restored and duplicates
are dropped. Solution cells are the student's. Cells that the student added run after the cell that they followed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from eventlab.errors import EventlabError
from eventlab.labs import cells, points, release
from eventlab.signals import FROM_OUTSIDE

MAX_BYTES = 150 * 1024**2
READ_APART_BYTES = 4 * 1024**2
"""A file above this size is read in a process with a limit on memory: its JSON can take 24 times its size."""
READ_MEMORY, READ_TIMEOUT_S = 1024**3, 60
NO_FILE = 3  # the exit code when the machine cannot read the file
MAX_SOURCE_CHARS = 512 * 1024
MAX_CELLS = 2000
NOT_RUN = "did not run"


class UnreadableError(EventlabError):
    """The file is not a notebook; the message says why."""


class InterruptedReadError(EventlabError):
    """The machine ended the process that was reading the notebook, or was too slow for it."""


@dataclass(frozen=True)
class Step:
    """A cell to execute or to show.

    Attributes:
        question: The question that it belongs to; None for cells that all questions share.
        own: Whether the student wrote it.
        is_check: Whether it runs the checks of its question.
        is_untouched: Whether the student has not changed the released cell, or emptied it.
    """

    kind: str
    source: str
    question: str | None = None
    own: bool = False
    is_check: bool = False
    grade_id: str | None = None
    parameters: bool = False
    is_untouched: bool = False

    @property
    def is_code(self) -> bool:
        """Return whether the cell is code."""
        return self.kind == "code"

    @property
    def is_added(self) -> bool:
        """Return whether the student added the cell to the notebook."""
        return self.own and self.grade_id is None


@dataclass(frozen=True)
class Matched:
    """What to execute, in order, and messages about cells that were restored or replaced."""

    steps: tuple[Step, ...]
    messages: tuple[str, ...] = ()

    @property
    def not_run(self) -> tuple[str, ...]:
        """Return the messages about cells that did not run; they are for the student, too."""
        return tuple(message for message in self.messages if message.endswith(NOT_RUN))

    @property
    def sources(self) -> dict[str, str]:
        """Return the student's code by question."""
        found: dict[str, list[str]] = {}
        for step in self.steps:
            if step.own and step.question and step.is_code:
                found.setdefault(step.question, []).append(step.source)
        return {question: "\n".join(sources) for question, sources in found.items()}

    def check_steps(self, questions: Sequence[str]) -> dict[str, int]:
        """Return, by question, the number of the step after which its checks run.

        This is its check cell; without one its last cell; without any the last cell of the notebook.
        """
        last = {question: len(self.steps) - 1 for question in questions}
        for kind in (lambda step: not step.is_added, lambda step: step.is_check):
            found = {step.question: n for n, step in enumerate(self.steps) if step.is_code and kind(step)}
            last |= {question: n for question, n in found.items() if question in last}
        return last

    def until(self, questions: Collection[str], check_steps: Mapping[str, int]) -> tuple[Matched, dict[str, int]]:
        """Return the steps up to the last check of these questions, and the check steps among them."""
        end = max(check_steps[question] for question in questions)
        return replace(self, steps=self.steps[: end + 1]), {q: n for q, n in check_steps.items() if n <= end}


def read(path: Path) -> list[dict[str, Any]]:
    """Read the cells of a notebook of any format, without outputs.

    Raises:
        UnreadableError: The file is not a notebook, or it is too large.
        InterruptedReadError: The machine may be the reason that it was not read.
        OSError: The machine cannot read the file.
    """
    size = path.stat().st_size
    if size == 0:
        raise UnreadableError("the file is empty")
    if size > MAX_BYTES:
        raise UnreadableError(f"the file has {size:,} bytes; {MAX_BYTES:,} are allowed")
    return _read_apart(path) if size > READ_APART_BYTES else _read(path)


def _read_apart(path: Path) -> list[dict[str, Any]]:
    """Read a notebook in another process."""
    command = [sys.executable, "-m", "eventlab.grading.execution.notebook", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=READ_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise InterruptedReadError(f"to read the notebook takes more than {READ_TIMEOUT_S} s") from error
    if -done.returncode in FROM_OUTSIDE:  # its own limit on memory ends it otherwise
        raise InterruptedReadError("the process that read the notebook was killed; the machine may lack memory")
    if done.returncode == NO_FILE:
        raise OSError(f"the notebook cannot be read: {done.stderr.decode(errors='replace')}")
    if done.returncode:
        raise UnreadableError("not a notebook: it takes too much memory to read")
    if isinstance(answer := json.loads(done.stdout), str):
        raise UnreadableError(answer)
    return answer


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnreadableError(f"not a notebook: {type(error).__name__}: {str(error)[:200]}") from error
    if not isinstance(found, dict):
        raise UnreadableError("not a notebook: JSON, but not an object")
    found_cells = found.get("cells")
    if found_cells is None and isinstance(found.get("worksheets"), list):  # nbformat 3 and older
        lists = [sheet.get("cells") for sheet in found["worksheets"] if isinstance(sheet, dict)]
        found_cells = [cell for some in lists if isinstance(some, list) for cell in some]
    if not isinstance(found_cells, list):
        raise UnreadableError("not a notebook: it has no cells")
    read_cells = [cell for cell in map(_cell, found_cells[: MAX_CELLS + 1]) if cell is not None]
    if not read_cells:
        raise UnreadableError("the notebook has no cells")
    return read_cells


def _cell(raw: Any) -> dict[str, Any] | None:
    if not isinstance(raw, dict):
        return None
    source = raw.get("source", raw.get("input", ""))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    metadata = raw.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    kind = raw.get("cell_type")
    return {
        "kind": kind if kind == "code" else "markdown",
        "source": source if isinstance(source, str) else "",
        "metadata": {
            "nbgrader": {"grade_id": _grade_id(metadata)},
            "tags": ["parameters"] if _is_parameters(metadata) else [],
        },
    }


def match(student: list[dict[str, Any]], instructor: NotebookNode) -> Matched:
    """Merge the cells; the instructor's cells are used as they were released, without hidden tests."""
    known = {found for cell in instructor.cells if (found := cells.grade_id(cell))}
    given = {points.without_points(cell.source) for cell in instructor.cells if not cells.grade_id(cell)}
    own, behind, messages = _sort(student[:MAX_CELLS], known, given)
    if len(student) > MAX_CELLS:
        messages.append(
            f"the notebook has more than {MAX_CELLS:,} cells: those after cell {MAX_CELLS:,} {NOT_RUN}"
        )
    steps: list[Step] = list(behind.get(None, []))
    parameters = [cell["source"] for cell in student if _is_parameters(cell["metadata"])]
    if None not in behind and not parameters:
        messages.append("the cell with the parameters was deleted: put back")
    for cell in instructor.cells:
        grade_id = cells.grade_id(cell)
        if cells.is_parameters(cell):
            steps.insert(0, Step("code", cell.source, parameters=True))
            size = sum(map(len, parameters))  # a line of two characters takes 50 bytes when it is compared
            if size > MAX_SOURCE_CHARS or cells.more_than_values(parameters, cell.source):
                messages.append(f"what was added to the cell with the parameters {NOT_RUN}")
        if grade_id is None:
            continue
        steps += _steps(cell, grade_id, own.get(grade_id, []), messages)
        steps += [replace(step, question=cells.question_of(cell)) for step in behind.get(grade_id, [])]
    return Matched(tuple(steps), tuple(messages))


def _steps(cell: NotebookNode, grade_id: str, theirs: list[str], messages: list[str]) -> list[Step]:
    """Return the steps for one of the instructor's cells: one, or more for copies with cell magics."""
    question, kind = cells.question_of(cell), cell.cell_type
    if not cells.is_solution(cell):
        if not theirs:
            messages.append(f"{grade_id} was deleted: put back")
        elif len(theirs) > 1:
            messages.append(f"{grade_id} was there {len(theirs)} times: the instructor's ran once")
        elif _released(cell) != theirs[0].strip():
            messages.append(f"{grade_id} was edited: the instructor's ran in its place")
        return [Step(kind, _released(cell), question, is_check=cells.is_check(cell), grade_id=grade_id)]
    if not theirs:
        messages.append(f"{grade_id} was deleted: nothing to grade")
    elif len(theirs) > 1:
        messages.append(f"{grade_id} was there {len(theirs)} times: all count, in order")
    *before, source = cells.merged_copies(theirs, _stub(cell))
    if (size := len("\n\n".join(theirs))) > MAX_SOURCE_CHARS:
        messages.append(f"{grade_id} has {size:,} characters: it {NOT_RUN}")
        before, source = [], ""
    is_untouched = source.strip() in ("", _stub(cell))
    last = Step(kind, source, question, own=True, grade_id=grade_id, is_untouched=is_untouched)
    return [*(replace(last, source=copy, grade_id=None) for copy in before), last]


def _sort(
    student: list[dict[str, Any]], known: set[str], given: set[str]
) -> tuple[dict[str, list[str]], dict[str | None, list[Step]], list[str]]:
    """Return the student's cells by grade_id, the others by the cell that they follow, and messages."""
    own: dict[str, list[str]] = {}
    behind: dict[str | None, list[Step]] = {}
    messages: list[str] = []
    last: str | None = None
    for cell in student:
        grade_id = _grade_id(cell["metadata"])
        if grade_id in known and grade_id is not None:
            own.setdefault(grade_id, []).append(cell["source"])
            last = grade_id
        elif _is_parameters(cell["metadata"]):
            continue
        elif len(cell["source"]) > MAX_SOURCE_CHARS:
            messages.append(f"a cell has {len(cell['source']):,} characters: it {NOT_RUN}")
        else:
            is_given = cell["kind"] == "markdown" and points.without_points(cell["source"]) in given
            step = Step(cell["kind"], cell["source"], own=True, is_untouched=is_given)
            behind.setdefault(last, []).append(step)
    return own, behind, messages


def _released(cell: NotebookNode) -> str:
    return release.without_region(cell.source, "HIDDEN TESTS", "instructor.ipynb").strip()


def _stub(cell: NotebookNode) -> str:
    return release.without_region(release.stub_of(cell), "HIDDEN TESTS", "instructor.ipynb").strip()


def _grade_id(metadata: Mapping[str, Any]) -> str | None:
    found = metadata.get("nbgrader")
    grade_id = found.get("grade_id") if isinstance(found, dict) else None
    return grade_id if isinstance(grade_id, str) else None


def _is_parameters(metadata: Mapping[str, Any]) -> bool:
    """Return whether a cell has papermill's tag, or is the cell that papermill has added."""
    tags = metadata.get("tags")
    return isinstance(tags, list) and ("parameters" in tags or "injected-parameters" in tags)


def instructor_steps(instructor: NotebookNode) -> Matched:
    """Return the steps of the instructor's notebook, with its solutions."""
    own = [_cell({**cell, "metadata": dict(cell.metadata)}) for cell in instructor.cells]
    return match([cell for cell in own if cell is not None], instructor)


def main(path: str) -> None:
    """Print the cells of a notebook, or as text why it cannot be read, as JSON."""
    from eventlab.grading.inside.rights import limit_memory

    limit_memory(READ_MEMORY)
    try:
        print(json.dumps(_read(Path(path))))
    except UnreadableError as error:
        print(json.dumps(error.message))
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(NO_FILE)


if __name__ == "__main__":
    main(sys.argv[1])
