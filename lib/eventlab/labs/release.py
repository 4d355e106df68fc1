"""The student's files of a lab, made from the instructor's; the same input gives the same bytes.

Points are filled in from `checks.py`. Left out are solutions (from `BEGIN SOLUTION` to `END SOLUTION`), hidden
tests (from `BEGIN HIDDEN TESTS` to `END HIDDEN TESTS`, in notebooks and `checks.py`), outputs, and all other files
but the generator. A marker without its partner is an error: the text that it should hide would be released.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from eventlab.files import write_if_changed
from eventlab.labs import cells
from eventlab.labs.catalogue import Lab, LabError
from eventlab.labs.points import with_points
from eventlab.lessons import METADATA

STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
TEXT_STUB = ("YOUR ANSWER HERE",)
HIDDEN = re.compile(r"\bhidden\s*=\s*True\b|\bMUTANTS\b|\bMutant\b")


class ReleaseError(LabError):
    """The instructor's files cannot be released; the message names the cell or the line."""


def student_notebook(lab: Lab) -> str:
    """Return the text of `student.ipynb`."""
    notebook = cells.read(lab.instructor)
    student_cells = [
        released(with_points(cell, lab), f"{lab.instructor.name}, cell {number}")
        for number, cell in enumerate(notebook.cells, 1)
    ]
    for number, cell in enumerate(student_cells, start=1):
        cell.id = f"cell-{number:03}"
    return (
        nbformat.writes(nbformat.v4.new_notebook(cells=student_cells, metadata=METADATA, nbformat_minor=5)) + "\n"
    )


def student_checks(lab: Lab) -> str:
    """Return the `checks.py` that students get: public checks, and the number of hidden ones.

    Raises:
        ReleaseError: A hidden check, or a marker without its partner, would be released.
    """
    source = (lab.folder / "checks.py").read_text(encoding="utf-8")
    public = without_region(source, "HIDDEN TESTS", f"{lab.name}/checks.py").rstrip()
    if outside := HIDDEN.search(public):
        raise ReleaseError(
            f"{lab.name}/checks.py: {outside[0]!r} is outside of BEGIN and END HIDDEN TESTS and would be released"
        )
    counts = {question: lab.hidden(question) for question in lab.questions}
    return f"{public}\n\nHIDDEN_CHECKS = {json.dumps(counts)}\n"


def release(lab: Lab, output: Path) -> Path:
    """Write the folder that students get to OUTPUT/<lab>: the notebook, its data generator, the public checks.

    Raises:
        ReleaseError: The output is the lab's own folder, or something hidden would be released.
    """
    target = output / lab.name
    if target.resolve() == lab.folder.resolve():
        raise ReleaseError(f"{target} is the lab's own folder; release it to another one")
    texts = {f"{lab.name}.ipynb": student_notebook(lab), "checks.py": student_checks(lab)}
    generator = lab.folder / "generate.py"
    if generator.exists():
        texts["generate.py"] = without_region(generator.read_text(encoding="utf-8"), "HIDDEN TESTS", "generate.py")
    target.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (target / name).write_text(text, encoding="utf-8", newline="\n")
    return target


def release_for_nbgrader(lab: Lab, course: Path) -> Path:
    """Write the instructor's notebook with its points to COURSE/source/<lab>, from where nbgrader releases it."""
    notebook = cells.read(lab.instructor)
    notebook.cells = [with_points(cell, lab) for cell in notebook.cells]
    target = course / "source" / lab.name / f"{lab.name}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")
    return target


def renew(lab: Lab) -> bool:
    """Write the lab's `student.ipynb` and return whether it changed."""
    return write_if_changed(lab.student, student_notebook(lab))


def without_region(text: str, marker: str, where: str, stub: tuple[str, ...] = ()) -> str:
    """Return the text with each region from `BEGIN <marker>` to `END <marker>` replaced by the stub.

    Raises:
        ReleaseError: A marker has no partner.
    """
    lines: list[str] = []
    inside = False
    for number, line in enumerate(text.split("\n"), start=1):
        begins, ends = f"BEGIN {marker}" in line, f"END {marker}" in line
        if (begins and inside) or (ends and not inside):
            raise ReleaseError(f"{where}, line {number}: {line.strip()!r} has no partner")
        if begins:
            indent = line[: len(line) - len(line.lstrip())]
            lines += [indent + text for text in stub]
        if not (begins or ends or inside):
            lines.append(line)
        inside = begins or (inside and not ends)
    if inside:
        raise ReleaseError(f"{where}: BEGIN {marker} has no END")
    return "\n".join(lines)


def stub_of(cell: NotebookNode, where: str = "instructor.ipynb") -> str:
    """Return what students get in the place of the instructor's cell, with hidden tests: its stub or its source.

    Raises:
        ReleaseError: A marker has no partner.
    """
    stub = STUB if cell.cell_type == "code" else TEXT_STUB
    source = without_region(cell.source, "SOLUTION", where, stub)
    return "\n".join(stub) if cells.is_solution(cell) and source == cell.source else source


def released(cell: NotebookNode, where: str) -> NotebookNode:
    """Return what students get of a cell of the instructor's.

    Args:
        cell: The cell.
        where: The place of the cell, for an error.

    Raises:
        ReleaseError: A marker has no partner, or the cell's metadata do not fit its markers.
    """
    source = stub_of(cell, where)
    if source != cell.source and not cells.is_solution(cell):
        raise ReleaseError(f"{where} contains a solution, but its metadata does not say so")
    shown = without_region(source, "HIDDEN TESTS", where)
    if shown != source and not cells.is_check(cell):
        raise ReleaseError(f"{where} contains hidden tests, but its metadata does not say so")
    return _clean(cell, shown.rstrip("\n"))


def _clean(cell: NotebookNode, source: str) -> NotebookNode:
    """Return the cell without outputs and with the necessary metadata only."""
    metadata = {key: cell.metadata[key] for key in ("nbgrader", "tags") if key in cell.metadata}
    if cells.grade_id(cell):
        metadata["deletable"] = False
        if not cells.is_solution(cell):
            metadata["editable"] = False
    clean = {"cell_type": cell.cell_type, "metadata": NotebookNode(metadata), "source": source}
    return NotebookNode(clean | ({"execution_count": None, "outputs": []} if cell.cell_type == "code" else {}))
