"""The similarity of the submissions that a learning platform exported."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from eventlab.grading import collect, folders
from eventlab.grading.execution import notebook
from eventlab.grading.similarity.compare import Comparison, Document, compare
from eventlab.grading.similarity.tokens import MAX_CHARS, names_of
from eventlab.labs import cells
from eventlab.labs.catalogue import Lab
from eventlab.labs.release import student_notebook

QUOTED = re.compile(r"`([^`\n]+)`")
"""Names in the text of a notebook, such as those of columns."""
INSTRUCTOR = "the instructor's solution"


@dataclass(frozen=True, eq=False)
class SimilarityResult:
    """The comparison of a class.

    Attributes:
        submissions: The number of submissions.
        comparison: The comparison, with the instructor's solution as one of the documents.
        unreadable: Each submission that cannot be read, and the reason.
    """

    submissions: int
    comparison: Comparison
    unreadable: tuple[tuple[str, str], ...]


def similarity(lab: Lab, source: Path) -> SimilarityResult:
    """Compare the submissions to a lab with each other and with the instructor's solution.

    Code of the released notebook is not counted.

    Args:
        lab: The lab.
        source: A folder or a zip, as for `eventlab grade`.

    Raises:
        SubmissionsError: There is no submission.
    """
    given = nbformat.reads(student_notebook(lab), as_version=4).cells
    words = [word for cell in given if cell.cell_type == "markdown" for word in QUOTED.findall(cell.source)]
    known = names_of("\n".join([_code(given), *words]))
    released = Document.of("released", _code(given), known)
    documents = [Document.of(INSTRUCTOR, _code(cells.read(lab.instructor).cells), known)]
    unreadable = []
    with folders.temporary(f"{folders.OTHERS}similarity-") as (folder, _):
        found = collect.find(source, folder / "unpacked", lab.name)
        for submission in found:
            try:
                if submission.notebook is None:
                    raise notebook.UnreadableError(submission.problem)
                documents.append(Document.of(submission.student, _code(notebook.read(submission.notebook)), known))
            except (notebook.UnreadableError, notebook.InterruptedReadError, OSError) as error:
                unreadable.append((submission.student, str(error)))
    return SimilarityResult(len(found), compare(documents, [released]), tuple(unreadable))


def _code(found: list[Any]) -> str:
    """Return the cells of code as one text."""
    sources = (cell["source"].strip("\n") for cell in found if cell.get("kind", cell.get("cell_type")) == "code")
    return "\n\n".join(sources)[:MAX_CHARS]
