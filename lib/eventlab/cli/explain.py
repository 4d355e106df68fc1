"""The commands of explanations: why a command failed or shows nothing, and the page of all explanations."""

import shlex

import click

from eventlab.settings import settings


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
def why(command: tuple[str, ...]) -> None:
    """Explain why a command failed or shows nothing, or what a streaming query waits for.

    The command is not run again: the services are asked about the topics, groups, paths and addresses in it.
    A streaming query is named by the folder of its checkpoint on HDFS. In a notebook, `%why` explains the last
    cell, and `%why(query)` a streaming query.

    Examples:
      eventlab why kafkacat -C -t events -o end -e
      eventlab why hadoop fs -ls /tmp/purchase
      eventlab why /tmp/checkpoint
    """
    from eventlab.explain.failed_cell import FailedCell
    from eventlab.explain.why import explain

    click.echo(explain(FailedCell(None, f"!{shlex.join(command)}"), settings).bundle()["text/plain"])


@click.command()
def explanations() -> None:
    """Print the page of all explanations as Markdown: causes and remedies."""
    from eventlab.explain import page

    click.echo(page.markdown(), nl=False)
