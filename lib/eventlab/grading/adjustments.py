"""Points and comments that a person gives: the file `adjustments.csv` of the output folder.

The grader reads the file and never writes it, so each run keeps it. A row replaces the points of a question,
adds a comment, or does both. A row without a question is a comment on the submission. `1+0.5` are the points of
the lines of a rubric.
"""

from __future__ import annotations

import csv
import io
import logging
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import gt
from pathlib import Path
from types import MappingProxyType

from eventlab.errors import EventlabError, near_names
from eventlab.grading import csv_files, results, whole_class
from eventlab.grading.results import Question, SubmissionRecord

Rubrics = Mapping[str, Sequence[float]]
NAME = "adjustments.csv"
COLUMNS = ("student", "question", "points", "comment")
MAX_PROBLEMS = 20
"""The most problems that an error lists; it also contains the number of all."""
logger = logging.getLogger(__name__)


class AdjustmentsError(EventlabError):
    """The file has mistakes; the message names each line."""


@dataclass(frozen=True)
class Adjustment:
    """A row of the file.

    Attributes:
        line: The number of the row's first line.
        question: The question, or "" for a comment on the submission.
        points: The question's points, or None to keep them.
        parts: The points of each line of the question's rubric, or () when only their sum is given.
    """

    line: int
    student: str
    question: str
    points: float | None
    comment: str
    parts: tuple[float, ...] = ()


def load(
    output: Path, students: Collection[str], most: Mapping[str, float], rubrics: Rubrics = MappingProxyType({})
) -> list[Adjustment]:
    """Return the adjustments in the output folder; [] without the file.

    Args:
        output: The output folder.
        students: The students who may be adjusted.
        most: The most points of each question; {} when they are not known.
        rubrics: The most points of each line of a rubric, by question.

    Raises:
        AdjustmentsError: The file cannot be read, or a row is wrong.
    """
    path = output / NAME
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read: {error}. Save it as CSV with the encoding UTF-8"
        raise AdjustmentsError(message) from error
    found, problems = parse(text)
    found = [replace(one, student=student_named(one.student, students) or one.student.strip()) for one in found]
    problems += [problem for one in found if (problem := _problem(one, students, most, rubrics))]
    problems += _repeated(found)
    if problems:
        listed = "".join(f"\n  {problem}" for problem in sorted(problems, key=_line_number)[:MAX_PROBLEMS])
        more = f"\n  and {len(problems) - MAX_PROBLEMS} more" if len(problems) > MAX_PROBLEMS else ""
        raise AdjustmentsError(
            f"{path} has mistakes:{listed}{more}\nCorrect them and run the same command again. No grade is lost"
        )
    return found


def parse(text: str) -> tuple[list[Adjustment], list[str]]:
    """Return the rows of the file, and its problems as sentences that begin with `line N: `.

    The values are separated by commas, or by semicolons or tabs as some spreadsheets do; then a number may have a
    decimal comma. Further columns are ignored, and so are empty lines.
    """
    heading = text.lstrip("\r\n").partition("\n")[0]
    separator = next((each for each in ";\t" if each in heading), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    found: list[Adjustment] = []
    problems: list[str] = []
    names: list[str] | None = None
    start = 1
    try:
        for row in reader:
            line, start = start, reader.line_num + 1
            if not any(value.strip() for value in row):
                continue
            if names is None:
                names = [value.strip().lower() for value in row]
                if missing := [name for name in COLUMNS if name not in names]:
                    return [], [f"line {line}: the heading has no column {' and no column '.join(missing)}"]
            elif len(row) > len(names):
                problems.append(
                    f"line {line}: {len(row)} values, but {len(names)} columns: "
                    "put a comment that contains the separator between double quotes"
                )
            else:
                values = dict.fromkeys(COLUMNS, "") | dict(zip(names, row, strict=False))
                _add(values, line, separator != ",", found, problems)
    except csv.Error as error:
        problems.append(f"line {start}: {error}; the lines after it were not read")
    if names is None and not problems:
        problems.append(f"line 1: the heading is missing: {','.join(COLUMNS)}")
    return found, problems


def _add(
    values: Mapping[str, str], line: int, decimal_comma: bool, found: list[Adjustment], problems: list[str]
) -> None:
    """Append the adjustment of a row, or what is wrong with it."""
    student = values["student"]
    question, points, comment = (values[name].strip() for name in COLUMNS[1:])
    try:
        parts = _points(points, decimal_comma) if points else ()
    except ValueError:
        problems.append(f"line {line}: {points!r} is not a number such as 2 or 0.5; a sign is not allowed")
        return
    if not student.strip():
        problems.append(f"line {line}: no student")
    elif not parts and not comment:
        problems.append(f"line {line}: neither points nor a comment")
    elif parts and not question:
        problems.append(f"line {line}: points without a question")
    else:
        value = sum(parts) if parts else None
        found.append(Adjustment(line, student, question, value, comment, parts if len(parts) > 1 else ()))


def _points(text: str, decimal_comma: bool) -> tuple[float, ...]:
    """Return a number, or the numbers of a sum; none has a sign, because a spreadsheet reads `+1` as `1`."""
    values = tuple(float(part.replace(",", ".") if decimal_comma else part) for part in text.split("+"))
    if not all(map(math.isfinite, values)) or "-" in text or "_" in text:  # Python reads 1_5 as 15
        raise ValueError(text)
    return values


def _problem(one: Adjustment, students: Collection[str], most: Mapping[str, float], rubrics: Rubrics) -> str:
    if student_named(one.student, students) is None:
        return f"line {one.line}: no submission of {one.student!r}: {near_names(one.student, sorted(students))}"
    if one.question and most and one.question not in most:
        return f"line {one.line}: no question {one.question!r}: {near_names(one.question, most)}"
    if one.points is not None and one.points > most.get(one.question, math.inf) + results.ROUNDING:
        return f"line {one.line}: {one.points:g} points, but {one.question} has {most[one.question]:g} at most"
    lines = rubrics.get(one.question, ())
    if one.parts and most and (len(one.parts) != len(lines) or any(map(gt, one.parts, lines))):
        given = "+".join(f"{part:g}" for part in one.parts)
        rubric = (
            f"the lines of its rubric have {'+'.join(f'{p:g}' for p in lines)}" if lines else "it has no rubric"
        )
        return f"line {one.line}: {given} points for {one.question}, but {rubric}"
    return ""


def _repeated(found: Sequence[Adjustment]) -> list[str]:
    first: dict[tuple[str, str], int] = {}
    problems = []
    for one in found:
        line = first.setdefault((one.student, one.question), one.line)
        if line != one.line:
            what = one.question or "the submission"
            problems.append(f"line {one.line}: {what} of {one.student!r} is in line {line} already")
    return problems


def _line_number(problem: str) -> int:
    return int(problem.removeprefix("line ").partition(":")[0])


def student_named(name: str, students: Collection[str]) -> str | None:
    """Return the student with this name, or else the only one whose name `grades.csv` shows like this."""
    for same in (name, name.strip()):
        if same in students:
            return same
    found = [student for student in students if csv_files.text(student).strip() == name.strip()]
    return found[0] if len(found) == 1 else None


def applied(records: Sequence[SubmissionRecord], adjustments: Sequence[Adjustment]) -> list[SubmissionRecord]:
    """Return the records with the points and comments that a person gave."""
    of: dict[str, dict[str, Adjustment]] = {}
    for one in adjustments:
        of.setdefault(one.student, {})[one.question] = one
    return [_adjusted(record, of.get(record.student, {})) for record in records]


def _adjusted(record: SubmissionRecord, own: Mapping[str, Adjustment]) -> SubmissionRecord:
    if not own:
        return record
    comment = own[""].comment if "" in own else ""
    questions = tuple(_marked(one, own[one.id]) if one.id in own else one for one in record.questions)
    points = results.total(questions) if record.has_mark else None
    return replace(record, questions=questions, points=points, comment=comment)


def _marked(question: Question, one: Adjustment) -> Question:
    if one.points is None:
        return replace(question, comment=one.comment)
    judged = question.points if question.checks else None
    rubric = question.rubric
    if len(one.parts) == len(rubric):
        rubric = tuple(replace(line, given=part) for line, part in zip(rubric, one.parts, strict=True))
    given = replace(question, points=one.points, comment=one.comment, rubric=rubric)
    return replace(given, by_hand=True, judged_points=judged)


def of_records(records: Sequence[SubmissionRecord], output: Path) -> list[SubmissionRecord]:
    """Return the records with the points and comments of `adjustments.csv` in the output folder.

    Raises:
        AdjustmentsError: The file cannot be read, or a row is wrong.
    """
    most = {question.id: question.max_points for record in records for question in record.questions}
    students, of_class = {record.student for record in records}, set(whole_class.students(output))
    saved = {record.student for record in results.load_all(output)}
    rubrics = {q.id: [one.points for one in q.rubric] for record in records for q in record.questions if q.rubric}
    adjustments = load(output, students | of_class | saved, most, rubrics)
    gone = sorted({one.student for one in adjustments} - students - of_class)
    if gone:
        logger.warning(
            "%s has rows of %s, who are not in this class (any more): these rows count for nobody",
            output / NAME,
            ", ".join(map(repr, gone[:5])) + (f" and {len(gone) - 5} more" if len(gone) > 5 else ""),
        )
    return applied(records, adjustments)
