"""The command `eventlab similarity`."""

from __future__ import annotations

from pathlib import Path

import click

from eventlab.cli.arguments import folder_option, lab_argument, submissions_argument


@click.command()
@lab_argument
@submissions_argument
@folder_option("--output", help="Folder for the pages.  [default: build/similarity/LAB]")
@click.option(
    "--threshold",
    default=50,
    type=click.IntRange(1, 100),
    metavar="PERCENT",
    help="Similarity from which a pair is shown.",
)
@click.option(
    "--pairs", "limit", default=100, type=click.IntRange(1, 5000), help="Number of pairs that are shown."
)
def similarity(lab: str, submissions: tuple[Path, ...], output: Path | None, threshold: int, limit: int) -> None:
    """Compare submissions with each other, and show similar ones side by side.

    SUBMISSIONS is what `eventlab grade` reads: a folder or the zip file that a learning management system exports.
    No code is executed, and nothing leaves this machine.

    The similarity of two submissions is the share of the shorter one's code that is also in the other one. Code of
    the released notebook is not counted, and neither is code that a quarter of the class has written. Names of
    variables, comments, layout and the order of cells do not matter. The instructor's solution is compared, too.

    A high value is a reason to look at a pair, not a proof. Right solutions of the kit's labs that were written
    differently share 10 to 40 %, rarely more; a copy with other names has more than 90 %. One copied question of
    four raises the value by about a quarter. Look at the distribution on the page first: if many pairs are above
    the threshold, the task has few solutions, and only the top of the list means something.

    Examples:
      eventlab similarity lab01 submissions/
      eventlab similarity lab03 export.zip --threshold 70

    The output folder contains afterwards:
      index.html              the pairs, the distribution of the class, and what was not compared
      pair-001.html           the most similar pair, side by side; and so on
    """
    from eventlab.grading.named_sources import collected
    from eventlab.grading.reports.messages import line
    from eventlab.grading.similarity.pages import write
    from eventlab.grading.similarity.submissions import INSTRUCTOR
    from eventlab.grading.similarity.submissions import similarity as compare
    from eventlab.labs.catalogue import find

    compared_lab = find(lab)
    target = output or Path("build", "similarity", compared_lab.name)
    with collected(submissions) as source:
        result = compare(compared_lab, source)
    rows = write(compared_lab, result, target, threshold=threshold, limit=limit)
    click.echo(f"{result.submissions} submissions, {len(rows)} pairs from {threshold} %")
    for row in rows[:10]:
        click.echo(f"{row.percent:>4} %  {line(row.first, 40)} and {line(row.second, 40)}")
    if common := sum(one.name != INSTRUCTOR for one in result.comparison.common):
        click.echo(f"{common} submissions have almost only code that many have; the page lists them")
    click.echo(f"Next: open {target / 'index.html'}")
