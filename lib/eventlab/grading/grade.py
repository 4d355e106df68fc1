"""Grading the submissions of a lab: find them, keep the records that are current, have workers grade the rest.

Each worker has its own Kafka, HDFS and Spark in a network namespace that nothing else can reach, and grades one
submission at a time. Before the next one starts, what the last one left is removed or the services are restarted
(`environment/worker_stack.py`), so that no submission sees another.
"""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from eventlab.doctor import namespaces
from eventlab.errors import EventlabError
from eventlab.files import create_once
from eventlab.grading import adjustments, origins, results, whole_class
from eventlab.grading.collect import find
from eventlab.grading.environment import sandbox
from eventlab.grading.jobs import DEFAULT_LIMITS, Job, Limits, Outcome, digest_of, job_for, usual_first
from eventlab.grading.mistakes import with_mistakes
from eventlab.grading.results import SubmissionRecord
from eventlab.grading.scheduler import LOGS, Scheduler, default_size
from eventlab.grading.whole_class import ALL, Selection
from eventlab.labs import release
from eventlab.labs.catalogue import Lab
from eventlab.settings import settings
from eventlab.stack.requirements import require_installation

logger = logging.getLogger(__name__)

DOUBT = (
    "the services or the machine failed in each attempt of two gradings, but not with the instructor's notebook: "
    "the submission may be the reason, and has the mark of its better attempt. The last reason:"
)
"""How the record of such a submission says why its mark may be too low."""

NOT_AGAIN = "could not be graded again and keeps its earlier result:"
"""How the message of a record begins when the machine failed and the record has a mark of an earlier grading."""

GradingProgress = Callable[[int, int, SubmissionRecord | None], None]
"""Called with the number of records so far, the number of submissions, and the newest record.

The record is None before the first submission is graded.
"""


class GradingError(EventlabError):
    """The grading could not continue; the message says why."""


class SandboxError(GradingError):
    """This machine cannot isolate submissions."""


def grade(
    lab: Lab,
    submissions: Path,
    output: Path,
    *,
    workers: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
    fresh: bool = False,
    force: bool = False,
    in_order: bool = False,
    selection: Selection = ALL,
    progress: GradingProgress = lambda done, total, record: None,
) -> list[SubmissionRecord]:
    """Grade the submissions and return their records, sorted by student.

    Records with the same fingerprint are kept. An interruption ends what was started and keeps the records so far;
    the next call continues. What is selected is graded again in any case, and a failure of the machine then leaves
    the record as it was.

    Args:
        lab: The lab.
        submissions: A folder or a zip.
        output: The folder for records, reports and logs.
        workers: How many submissions are graded at the same time; by default it depends on the machine.
        limits: The limits of a submission.
        fresh: Whether each submission has a new stack.
        force: Whether submissions that have not changed are graded, too.
        in_order: Whether the submissions are graded in the order of their names.
        selection: The part of the class to grade again; by default all is graded.
        progress: Called before the first submission is graded, and after each record.

    Raises:
        SubmissionsError: There is nothing to grade.
        ReleaseError: A marker in the instructor's notebook has no partner.
        GradingError: A record could not be written.
        SelectionError: A selected student has no submission.
        FolderError: The output folder has grades of another lab.
        AdjustmentsError: The points that a person gave have mistakes.
    """
    release.student_notebook(lab)  # a mistake in it would fail each submission
    jobs = _selected_jobs(lab, submissions, output, limits, selection)
    records = {} if force or selection else _current_records(jobs, output)
    remaining = [job for job in jobs if job.student not in records]
    for done, record in enumerate(records.values(), start=1):
        progress(done, len(jobs), record)

    def keep(job: Job, outcome: Outcome) -> None:
        records[job.student] = _save(lab, job, outcome, output, selection)
        progress(len(records), len(jobs), records[job.student])

    if remaining:
        progress(len(records), len(jobs), None)
        size = min(workers or default_size(len(remaining)), len(remaining))
        logger.info("%d of %d submissions are graded by %d workers", len(remaining), len(jobs), size)
        scheduler = Scheduler(lab, output / LOGS, limits, size, fresh=fresh)
        _grade_jobs(scheduler, remaining if in_order else usual_first(remaining), output, keep)
    return [records[job.student] for job in jobs]


def _selected_jobs(lab: Lab, submissions: Path, output: Path, limits: Limits, selection: Selection) -> list[Job]:
    """Check the output folder, store who belongs to the class, and return the jobs to grade."""
    saved = results.load_all(output)
    whole_class.require_lab(lab, saved, output)
    everybody = jobs_of(lab, submissions, output, limits)
    jobs = selection.jobs(everybody)
    known = {job.student for job in everybody} | {record.student for record in saved}
    most = {question: lab.points(question) for question in lab.all_questions}
    rubrics = {id: [line.points for line in text.rubric] for id, text in lab.text_questions.items()}
    adjustments.load(output, known, most, rubrics)
    if not selection or not (saved or whole_class.is_known(output)):
        whole_class.remember([job.student for job in everybody], output)
    return jobs


def _grade_jobs(
    scheduler: Scheduler, jobs: Sequence[Job], output: Path, keep: Callable[[Job, Outcome], None]
) -> None:
    """Have the workers grade jobs; call `keep` with each job and its outcome.

    When the machine fails for a submission in this grading, and also failed in the last one, the submission may be
    the reason. Its failed attempt then counts, if the instructor's notebook gets full marks on this machine.
    """
    again = []
    with scheduler:
        for job, outcome in scheduler.outcomes(jobs):
            if outcome.kind == "infrastructure_failed" and outcome.record and has_failed_before(job, output):
                again.append((job, outcome))
            else:
                keep(job, outcome)
    works = bool(again) and machine_works(scheduler.lab, output, scheduler.limits)
    for job, outcome in again:
        keep(job, with_doubt(outcome) if works else outcome)


def jobs_of(lab: Lab, submissions: Path, output: Path, limits: Limits) -> list[Job]:
    """Return one job per submission; their seeds depend on a secret in the output folder.

    Raises:
        SubmissionsError: There is nothing to grade.
    """
    output.mkdir(parents=True, exist_ok=True)
    secret = _secret(output)
    found = find(submissions, output / ".submissions", lab.name)
    origins.write(found, output)
    lab_digest = digest_of(lab, without=(submissions, output))
    return [job_for(lab, submission, secret, limits, lab_digest) for submission in found]


def require_sandbox(no_sandbox: bool) -> None:
    """Raise an error when this machine has no sandbox, unless the instructor agrees, or cannot run services.

    Raises:
        StackError: Jars are missing.
        JavaError: There is no suitable Java.
        SandboxError: There is no sandbox; the message names the reason, and the command that helps.
    """
    support = sandbox.support()
    if support.bubblewrap or no_sandbox:
        require_installation(settings, ())
        return
    restriction = namespaces.restriction()
    cause = f" ({restriction.description})" if restriction else ""
    raise SandboxError(
        f"Submissions cannot be isolated on this machine: {support.reason}{cause}. Grading needs the package "
        f"{namespaces.PACKAGE}. To grade only code that you trust, add --no-sandbox",
        next_command=namespaces.remedy(shutil.which("bwrap") is not None, restriction) or "eventlab doctor",
    )


def has_failed_before(job: Job, output: Path) -> bool:
    """Return whether the machine failed, too, when the code of the same submission ran in the last grading."""
    record = results.load(job.student, output)
    return record is not None and record.began and record.fingerprint == job.fingerprint


def machine_works(lab: Lab, output: Path, limits: Limits) -> bool:
    """Return whether the instructor's notebook gets full marks on new services."""
    job = Job("instructor", str(lab.instructor), None, "", "", secrets.randbits(128))
    with Scheduler(lab, output / LOGS / "_instructor", limits, 1) as scheduler:
        ((_, outcome),) = scheduler.outcomes([job])
    return outcome.kind == "graded" and outcome.record is not None and outcome.record.is_full


def with_doubt(outcome: Outcome) -> Outcome:
    """Return the outcome of a failed attempt as one that counts, and says why its mark may be too low."""
    assert outcome.record is not None
    doubt = f"{DOUBT} {outcome.reason}"
    record = replace(outcome.record, doubt=doubt, messages=(*outcome.record.messages, doubt))
    return Outcome.of(record, outcome.notebook)


def _save(lab: Lab, job: Job, outcome: Outcome, output: Path, selection: Selection) -> SubmissionRecord:
    """Write the executed notebook and the record of an outcome, and return the record."""
    failed = outcome.kind == "infrastructure_failed" or outcome.record is None
    old = results.load(job.student, output) if selection else None
    if failed and old and old.has_mark:
        return replace(old, messages=(*old.messages, f"{NOT_AGAIN} {outcome.reason}"))
    record = _without_mark(lab, job, outcome, output) if failed else outcome.record
    assert record is not None
    record = with_mistakes(lab, record, job.seed)
    try:
        if outcome.notebook is not None and not failed:
            name = f"notebooks/{record.slug}.ipynb"
            results.write_atomically(output / name, outcome.notebook)
            record = replace(record, notebook=name)
        record = selection.merged(old, record)
        results.save(record, output)
    except OSError as error:
        raise GradingError(f"The record of {job.student!r} could not be written: {error}") from error
    return record


def _without_mark(lab: Lab, job: Job, outcome: Outcome, output: Path) -> SubmissionRecord:
    reason = outcome.reason
    logs = output / LOGS / results.slug(job.student)
    support = sandbox.support()
    return results.without_points(
        lab,
        job.student,
        "infrastructure_failed",
        reason,
        messages=(reason, f"the logs are in {logs}") if logs.exists() else (reason,),
        containment=support.described,
        sandboxed=support.bubblewrap,
        fingerprint=job.fingerprint,
        began=outcome.record is not None,
    )


def _secret(output: Path) -> str:
    """Return the secret of this output folder, so that nobody can compute the seeds of its students."""
    return create_once(output / ".seed", secrets.token_hex(16))


def _current_records(jobs: Iterable[Job], output: Path) -> dict[str, SubmissionRecord]:
    """Return the records of the output folder whose fingerprint is still that of the job, by student."""
    current = {}
    for job in jobs:
        record = results.load(job.student, output)
        if record and record.has_mark and (record.fingerprint, record.student) == (job.fingerprint, job.student):
            current[job.student] = record
    return current
