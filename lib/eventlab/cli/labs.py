"""`eventlab labs`: which labs there are, and the folder that students get."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from eventlab.cli.signals import continuable
from eventlab.labs.catalogue import all_labs, find


@click.group()
def labs() -> None:
    """Exercises to hand in: list and release them."""


@labs.command("list")
def list_labs() -> None:
    """Say of each lab which questions it has, and how many points and checks."""
    for lab in all_labs():
        hidden = sum(check.hidden for check in lab.checks)
        click.echo(
            f"{lab.name:<16} {len(lab.questions)} questions  {lab.points():>4g} points  "
            f"{len(lab.checks) - hidden:>2} public and {hidden:>2} hidden checks"
        )


@labs.command()
@click.argument("names", nargs=-1, required=True, metavar="LAB...")
@click.option(
    "--output",
    default="build/labs",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the released labs.",
)
def release(names: tuple[str, ...], output: Path) -> None:
    """Write what students get: the notebook without solutions, its data, and the public checks.

    Also renews the lab's own student.ipynb.

    \b
    Examples:
      eventlab labs release lab01                       one lab, to build/labs/lab01_events
      eventlab labs release lab01 lab02 --output out
    """
    from eventlab.labs.release import release as write
    from eventlab.labs.release import renew

    for lab in [find(name) for name in names]:
        renew(lab)
        click.echo(write(lab, output))


@labs.command()
@click.argument("names", nargs=-1, required=True, metavar="LAB...")
@click.option("--workers", type=click.IntRange(1, 64), help="Submissions at a time.")
def verify(names: tuple[str, ...], workers: int | None) -> None:
    """Prove a lab: the right solution has full marks, the untouched notebook none, each wrong solution fewer.

    The wrong solutions are the MUTANTS of the lab's checks.py, each one edit of the instructor's solution. What
    one loses, it loses in the question that it is wrong in, and in no other.
    Exit code 1 when one of these is not so.

    \b
    Examples:
      eventlab labs verify lab01
      eventlab labs verify lab01 lab02 lab03 lab04
    """
    from eventlab.cli.display import console
    from eventlab.grading.progress import show_grading
    from eventlab.grading.verify import verify as prove

    failed = False
    for lab in [find(name) for name in names]:
        with continuable(), show_grading(console()) as progress:
            proof = prove(lab, workers=workers, progress=progress)
        caught = len(proof.mutants) - len(proof.survivors)
        click.echo(
            f"{lab.name}: {caught} of {len(proof.mutants)} wrong solutions lose marks ({proof.share_caught:.0%})"
        )
        for problem in proof.problems:
            click.echo(f"  {problem}")
        failed = failed or bool(proof.problems)
    if failed:
        sys.exit(1)
