"""Grade the corpus, and print the marks that each submission must get and received.

Use it as `python -m tests.grading.corpus`.
"""

from __future__ import annotations

import sys

import click

from tests.grading.corpus import entries, grade_entries


@click.command()
@click.argument("labs", nargs=-1, metavar="[lab01]...")
@click.option("--kind", type=click.Choice(["right", "wrong"]), help="Only these submissions.")
@click.option("--only", multiple=True, help="Only submissions of this name.")
@click.option("--shuffle", type=int, metavar="SEED", help="Grade in a random order.")
@click.option("--workers", type=click.IntRange(1, 64), help="Submissions graded at the same time.")
@click.option("--fresh", is_flag=True, help="Grade each submission on services of its own.")
def main(
    labs: tuple[str, ...],
    kind: str | None,
    only: tuple[str, ...],
    shuffle: int | None,
    workers: int | None,
    fresh: bool,
) -> None:
    """Grade the corpus. The exit code is 1 when a submission received other marks than it must get."""
    found = [entry for entry in entries(labs) if (kind in (None, entry.kind)) and (not only or entry.name in only)]
    results = grade_entries(found, workers=workers, shuffle=shuffle, fresh=fresh)
    for result in results:
        entry = result.entry
        expected, received = (
            " ".join(f"{q} {points:g}" for q, points in (marks or {}).items())
            for marks in (result.expected, result.received)
        )
        state = "ok  " if result.is_right else "FAIL"
        click.echo(f"{state} {entry.lab} {entry.kind:<5} {entry.name:<28} {expected:<24} {received or 'no mark'}")
        if not result.is_right:
            click.echo("".join(f"       {message[:300]}\n" for message in result.messages), nl=False)
    wrong = sum(not result.is_right for result in results)
    click.echo(f"{len(results) - wrong} of {len(results)} submissions received the marks that they must get")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
