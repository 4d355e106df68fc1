"""`eventlab labs`: which labs there are, and the folder that students get."""

from __future__ import annotations

from pathlib import Path

import click

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
