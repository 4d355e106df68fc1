"""The commands `eventlab labs`: list, release and verify labs."""

import sys
from pathlib import Path
from typing import Any

import click

from eventlab.cli.display import console
from eventlab.cli.signals import CONTINUE, terminable

names_argument = click.argument("names", nargs=-1, required=True, metavar="LAB...")


@click.group()
def labs() -> None:
    """List labs, release them to students, and verify their checks."""


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
@names_argument
@click.option(
    "--output",
    default="build/labs",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the released labs.",
)
def release(names: tuple[str, ...], output: Path) -> None:
    """Write what students receive: the notebook without solutions, its data, and the public checks.

    The command also updates student.ipynb in the lab's own folder.

    Examples:
      eventlab labs release lab01                       one lab, to build/labs/lab01_events
      eventlab labs release lab01 lab02 --output out
    """
    from eventlab.labs.catalogue import find
    from eventlab.labs.release import release as write
    from eventlab.labs.release import renew

    for lab in [find(name) for name in names]:
        renew(lab)
        click.echo(write(lab, output))


@labs.command()
@names_argument
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
    proof.py). Otherwise the exit code is 1. Needs Linux, like `eventlab grade`.

    Examples:
      eventlab labs verify lab01
      eventlab labs verify lab01 lab02 --runs 1          once, to save time
      eventlab labs verify lab01 --runs 1 --question q2  while you write q2
      eventlab labs verify lab03 --seeds 1000 --runs 10
    """
    from eventlab.doctor.host import require_grading_platform
    from eventlab.grading.progress import show_grading
    from eventlab.grading.verify import verify as verify_lab
    from eventlab.labs.catalogue import find

    require_grading_platform()
    failed = False
    for lab in [find(name) for name in names]:
        with terminable(CONTINUE), show_grading(console()) as progress:
            proof = verify_lab(lab, progress=progress, **options)
        caught, exercised = len(proof.mutants) - len(proof.survivors), proof.rules - len(proof.unexercised)
        described = sum((mutant.question, mutant.name) in proof.described for mutant, _ in proof.mutants)
        click.echo(
            f"{lab.name}: {caught} of {len(proof.mutants)} wrong solutions lose marks ({proof.share_caught:.0%})\n"
            f"  {exercised} of {proof.rules} rules exercised by each of {proof.seeds} seeds\n"
            f"  {described - len(proof.unlike)} of {described} mistakes have the figures of their wrong solutions"
        )
        for mutant, times, runs in proof.caught:
            click.echo(f"  caught in {times} of {runs} runs: {mutant.question} {mutant.name}")
        for problem in proof.problems:
            click.echo(f"  problem: {problem}")
        failed = failed or bool(proof.problems)
    sys.exit(failed)
