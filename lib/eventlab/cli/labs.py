"""The commands `eventlab labs`: list, create, release and verify labs, and write them for other graders."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eventlab.cli.arguments import folder_option, labs_argument
from eventlab.cli.display import console
from eventlab.cli.signals import CONTINUE, terminable

if TYPE_CHECKING:
    from eventlab.labs.catalogue import Lab


@click.group()
def labs() -> None:
    """List and create labs, release them to students, and verify their checks."""


@labs.command("list")
def list_labs() -> None:
    """Show the questions, points and checks of each lab."""
    from eventlab.labs.catalogue import all_labs

    for lab in all_labs():
        hidden = sum(check.hidden for check in lab.checks)
        click.echo(
            f"{lab.name:<16} {len(lab.all_questions)} questions  {lab.points():>4g} points  "
            f"{len(lab.checks) - hidden:>2} public and {hidden:>2} hidden checks"
        )


@labs.command()
@click.argument("name")
@folder_option("--folder", default="labs", help="Folder in which the lab's folder is created.")
def new(name: str, folder: Path) -> None:
    """Create a small lab that works, for you to edit.

    NAME is `lab`, two digits, `_` and a topic, for example lab20_guilds. The lab has one question with a public
    and a hidden check, its data, and wrong solutions. The points of a question are written in checks.py only;
    `release` fills them into the notebooks.

    Example:
      eventlab labs new lab20_guilds                    creates the folder labs/lab20_guilds
    """
    from eventlab.labs.new import create

    create(name, folder)
    click.echo(
        f"{folder / name}\n"
        "  instructor.ipynb   the text, the given cells and the solutions\n"
        "  checks.py          the data of the lab, the checks and their points\n"
        "  generate.py        the events of a seed; students get it\n"
        "  proof.py           the rules of the text, and wrong solutions that must lose marks\n"
        "  mistakes.py        the results of wrong solutions, so that reports name the mistake\n"
        "  student.ipynb      what students get; `release` writes it\n"
        f"Next: edit them, then run: eventlab labs verify {folder / name} --runs 1"
    )


@labs.command()
@labs_argument
@folder_option("--output", default="build/labs", help="Folder for the released labs.")
@folder_option(
    "--nbgrader",
    "course",
    metavar="COURSE",
    help="Write the instructor's notebook into the folder `source` of an nbgrader course instead.",
)
def release(names: tuple[str, ...], output: Path, course: Path | None) -> None:
    """Write what students receive: the notebook without solutions, its data, and the public checks.

    The command also updates student.ipynb in the lab's own folder. A lab whose notebook and checks do not fit
    each other is refused, with a list of all problems.

    Examples:
      eventlab labs release lab01                       one lab, to build/labs/lab01_events
      eventlab labs release lab01 lab02 --output out
      eventlab labs release lab01 --nbgrader course     to course/source/lab01_events
    """
    from eventlab.labs.release import release as write
    from eventlab.labs.release import release_for_nbgrader, renew

    for lab in _complete_labs(names, "release"):
        renew(lab)
        click.echo(release_for_nbgrader(lab, course) if course else write(lab, output))


@labs.command()
@labs_argument
@click.option("--workers", type=click.IntRange(1, 64), help="Number of submissions graded at the same time.")
@click.option(
    "--seeds",
    default=50,
    show_default=True,
    type=click.IntRange(0),
    help="Number of seeds whose data are examined.",
)
@click.option(
    "--runs", default=3, show_default=True, type=click.IntRange(1, 100), help="How often each solution is graded."
)
@click.option("--question", "questions", multiple=True, metavar="QUESTION", help="Examine this question only.")
def verify(names: tuple[str, ...], **options: Any) -> None:
    """Check that a lab grades its own solutions correctly.

    The instructor's solution must earn full marks and the untouched notebook none. Each wrong solution (MUTANTS
    in the lab's proof.py, one edit of the instructor's solution) must lose marks in its own question and in no
    other, in each run; each run has other data. The data of each seed must exercise each rule (RULES in
    proof.py). Otherwise the exit code is 1. A lab whose notebook, checks and proof do not fit each other is
    refused before it is graded, with a list of all problems. Needs Linux, like `eventlab grade`.

    Examples:
      eventlab labs verify lab01
      eventlab labs verify lab01 lab02 --runs 1          once, to save time
      eventlab labs verify lab01 --runs 1 --question q2  while you write q2
      eventlab labs verify lab03 --seeds 1000 --runs 10
    """
    from eventlab.cli.grading_progress import show_grading
    from eventlab.doctor.host import require_grading_platform
    from eventlab.grading.verify import verify as verify_lab
    from eventlab.labs import fit, release
    from eventlab.labs.catalogue import find
    from eventlab.labs.proof import mistake_problems, mutant_problems

    require_grading_platform()
    found = [find(name) for name in names]
    problems = {lab: [*fit.problems(lab), *mutant_problems(lab), *mistake_problems(lab)] for lab in found}
    fit.require_fit(problems, f"eventlab labs verify {' '.join(names)} --runs 1")
    failed = False
    for lab in found:
        release.renew(lab)
        with terminable(CONTINUE), show_grading(console()) as progress:
            proof = verify_lab(lab, progress=progress, **options)
        caught, exercised = len(proof.mutants) - len(proof.survivors), proof.rules - len(proof.unexercised)
        described = len(proof.mutants) - len(proof.undescribed)
        recognized = described - len(proof.unrecognized)
        click.echo(
            f"{lab.name}: {caught} of {len(proof.mutants)} wrong solutions lose marks ({proof.share_caught:.0%})\n"
            f"  {exercised} of {proof.rules} rules exercised by each of {proof.seeds} seeds\n"
            f"  {recognized} of {described} mistakes have the figures of their wrong solutions"
        )
        for mutant, times, runs in proof.caught:
            click.echo(f"  caught in {times} of {runs} runs: {mutant.question} {mutant.name}")
        for mutant in proof.undescribed if lab.mistakes else ():
            reason = f": it {mutant.not_described}" if mutant.not_described else ""
            click.echo(f"  not in mistakes.py: {mutant.question} {mutant.name}{reason}")
        for problem in proof.problems:
            click.echo(f"  problem: {problem}")
        failed = failed or bool(proof.problems)
    sys.exit(failed)


@labs.command()
@labs_argument
@folder_option("--output", default="build/gradescope", help="Folder for the zip files.")
def gradescope(names: tuple[str, ...], output: Path) -> None:
    """Write the zip file of an autograder for Gradescope.

    Upload it as the autograder of a programming assignment: Gradescope then grades each submission when it is
    handed in. The zip contains the kit and the lab with its solutions, so keep it to yourself. labs/README.md says
    which settings the assignment needs, and what of the autograder has been tried.

    Example:
      eventlab labs gradescope lab01                    build/gradescope/lab01_events.zip
    """
    from eventlab.labs import gradescope as autograder

    for lab in _complete_labs(names, "gradescope"):
        click.echo(autograder.write(lab, output))


def _complete_labs(names: Sequence[str], command: str) -> list[Lab]:
    """Return the labs; raise an error with all problems if the files of one do not fit each other."""
    from eventlab.labs import fit
    from eventlab.labs.catalogue import find

    found = [find(name) for name in names]
    fit.require_fit({lab: fit.problems(lab) for lab in found}, f"eventlab labs {command} {' '.join(names)}")
    return found
