"""Check that a lab's notebook, checks and proof match; report all problems at once."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from nbformat import NotebookNode

from eventlab.labs import cells, points, release
from eventlab.labs.catalogue import Lab, LabError
from eventlab.labs.checks import LabCheck

PARAMETERS = ("student", "seed", "topic", "folder", "group")
OPENED = re.compile(r"\bopen_lab\(\s*[\"']([^\"']*)[\"']")
CHECKED = re.compile(r"\blab\.check\(\s*[\"']([^\"']*)[\"']")
ANSWERED = re.compile(r"\blab\.(?:answer|serve)\(\s*[\"']([^\"']*)[\"']")
READ = re.compile(r"\bevidence\.(?:answer|value|counts|table)\(\s*[\"']([^\"']*)[\"']")


class FitError(LabError):
    """The notebook and the checks of a lab do not fit each other; the message lists all problems."""


def require_fit(problems: Mapping[Lab, Sequence[str]], next_command: str) -> None:
    """Raise an error that lists all problems of all labs.

    Args:
        problems: The problems of each lab.
        next_command: The command to run when they are solved.

    Raises:
        FitError: A lab has a problem.
    """
    listed = []
    for lab, found in problems.items():
        if found:
            count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
            listed += [
                f"{lab.name} has {count}. Edit the files in {lab.folder}:",
                *(f"  - {one}" for one in found),
            ]
    if listed:
        raise FitError("\n".join(listed), next_command)


def problems(lab: Lab) -> list[str]:
    """Return what does not fit, as sentences in the order of the files; [] when everything fits."""
    try:
        notebook = cells.read(lab.instructor)
    except Exception as error:  # any content that is not a notebook
        return [f"instructor.ipynb cannot be read as a notebook: {short(error)}"]
    found = [*_of_names(lab, notebook), *_of_markers(notebook)]
    try:
        checks = lab.checks
    except Exception as error:  # any error of the lab's own code
        return [*found, f"checks.py cannot be imported: {short(error)}"]
    found += [*_of_checks(lab, checks), *_of_points(lab, notebook), *_of_questions(lab, notebook)]
    return list(dict.fromkeys(found))


def _of_names(lab: Lab, notebook: NotebookNode) -> Iterator[str]:
    """Yield problems with the parameters, with the ids of cells and with the lab's name."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    parameters = [cell for cell in code if cells.is_parameters(cell)]
    if len(parameters) != 1:
        yield f"{len(parameters)} cells have the tag `parameters`: tag the one that sets {', '.join(PARAMETERS)}"
    for cell in parameters:
        missing = [name for name in PARAMETERS if not re.search(rf"^{name}\s*=", cell.source, re.MULTILINE)]
        if missing:
            yield f"the cell with the tag `parameters` does not set {', '.join(missing)}"
    ids = Counter(cells.grade_id(cell) for cell in notebook.cells if cells.grade_id(cell))
    yield from (
        f"{count} cells have the grade_id {name!r}: each needs another" for name, count in ids.items() if count > 1
    )
    for number, cell in enumerate(notebook.cells, start=1):
        where = f"cell {number} ({_first_line(cell)})"
        if cell.cell_type == "code" and not cells.grade_id(cell) and not cells.is_parameters(cell):
            yield f"{where} has no grade_id: give it one, for example `setup-2` or `q1-run`"
        if (cells.is_solution(cell) or cells.is_graded(cell)) and not cells.question_of(cell):
            yield f"{where} belongs to no question: {cells.grade_id(cell)!r} does not begin with `q1`, `q2`, ..."
    opened = [name for cell in code for name in OPENED.findall(cell.source)]
    if not opened:
        yield f'no cell opens the lab: lab = open_lab("{lab.name}", student=student, ...)'
    yield from (f"open_lab opens {name!r}, but the folder is {lab.name!r}" for name in opened if name != lab.name)


def _of_markers(notebook: NotebookNode) -> Iterator[str]:
    """Yield markers without a partner, and solutions or hidden tests in cells that are released as they are."""
    for number, cell in enumerate(notebook.cells, start=1):
        try:
            release.released(cell, f"cell {number} ({_first_line(cell)})")
        except release.ReleaseError as error:
            yield error.message


def _of_checks(lab: Lab, checks: tuple[LabCheck, ...]) -> Iterator[str]:
    """Yield problems of `checks.py` alone."""
    if not callable(getattr(lab.module, "prepare", None)):
        yield "checks.py has no function prepare(namespace, seed), which creates the lab's data"
    tree = ast.parse((lab.folder / "checks.py").read_text(encoding="utf-8"))
    names = Counter(node.name for node in tree.body if isinstance(node, ast.FunctionDef))
    yield from (
        f"checks.py defines {name} {count} times: only the last one counts"
        for name, count in names.items()
        if count > 1
    )
    for check in checks:
        if not cells.QUESTION.fullmatch(check.question):
            yield f"the check {check.name!r} names the question {check.question!r}: write q1, q2, ..."
        if not check.points > 0:
            yield f"the check {check.name!r} of {check.question} has {check.points:g} points: give it more than 0"
        if not check.hint.strip():
            yield f"the check {check.name!r} of {check.question} has no hint"
    try:
        release.student_checks(lab)
    except release.ReleaseError as error:
        yield error.message


def _of_points(lab: Lab, notebook: NotebookNode) -> Iterator[str]:
    """Yield points in the notebook that differ from those of the checks."""
    for number, cell in enumerate(notebook.cells, start=1):
        for question, found in points.written(cell):
            if question in lab.all_questions and found != lab.points(question):
                yield (
                    f"cell {number} ({_first_line(cell)}) gives {question} {found:g} points, its checks have "
                    f"{lab.points(question):g}: remove the points from the notebook, checks.py has them"
                )


def _of_questions(lab: Lab, notebook: NotebookNode) -> Iterator[str]:
    """Yield questions without checks, checks without cells, and answers that nobody declares or reads."""
    in_cells = {question: None for cell in notebook.cells if (question := cells.question_of(cell))}
    for question in in_cells:
        if question not in lab.all_questions:
            yield f"{question} has cells, but checks.py has no check and no text_question of it"
    to_fill_in = {cells.question_of(cell) for cell in notebook.cells if cells.is_solution(cell)}
    graded = {cells.question_of(cell) for cell in notebook.cells if cells.is_graded(cell)}
    for question in lab.text_questions:
        if question not in to_fill_in & graded:
            needed = f"grade_id `{question}`, solution and grade: true"
            yield f"{question} has a rubric, but no cell for the text ({needed})"
    for question in lab.questions:
        if question not in to_fill_in:
            yield f"{question} has checks, but no cell to fill in (grade_id `{question}`, solution: true)"
        if question not in graded:
            yield f"{question} has checks, but no check cell (grade_id `{question}-check`, grade: true)"
    sources = [(cells.question_of(cell), cell.source) for cell in notebook.cells if cell.cell_type == "code"]
    for question, source in sources:
        for name in dict.fromkeys(CHECKED.findall(source)):
            if name != question:
                yield f'a cell of {question or "no question"} contains lab.check("{name}"): use the same name'
    declared = {name for _, source in sources for name in ANSWERED.findall(source)}
    yield from (
        f'lab.answer("{name}", ...) answers no question of checks.py'
        for name in sorted(declared - set(lab.all_questions))
    )
    for check in lab.checks:
        for name in dict.fromkeys(READ.findall(_source_of(check))):
            if name not in declared:
                yield f'the check {check.name!r} reads answer {name}, but no cell has lab.answer("{name}", ...)'


def _source_of(check: LabCheck) -> str:
    try:
        return inspect.getsource(check.function)
    except (OSError, TypeError):  # not a function with a file
        return ""


def _first_line(cell: NotebookNode) -> str:
    """Return what identifies a cell to its author: its grade_id, or the beginning of its text."""
    lines = cell.source.strip().splitlines() or ["empty"]
    return cells.grade_id(cell) or (lines[0] if len(lines[0]) <= 40 else f"{lines[0][:40]}…")


def short(error: Exception) -> str:
    """Return the type and message of an error on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
