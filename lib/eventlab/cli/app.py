"""The root of the `eventlab` command: its subcommands, `--verbose`, and how errors are printed."""

import importlib
import inspect
import logging
import re
import sys
from typing import Any

import click

from eventlab.errors import EventlabError
from eventlab.printable import printable

logger = logging.getLogger(__name__)

STACK_COMMANDS = ("up", "status", "ps", "down", "restart", "logs", "reset", "env", "compose", "setup", "doctor")
COURSE_COMMANDS = ("run", "lab", "lesson", "hub", "load", "kafkacat", "replay")
MODULE_OF_COMMAND = (
    dict.fromkeys(STACK_COMMANDS, "stack")
    | dict.fromkeys(COURSE_COMMANDS, "course")
    | {name: name for name in ("labs", "grade", "judge", "similarity", "gradebook")}
    | {"why": "explain", "explanations": "explain"}
)
"""The module of each subcommand; it is imported when the subcommand is used."""


def set_log_level(ctx: click.Context, param: click.Parameter, count: int) -> None:
    """Show the kit's log on standard error: progress with `-v`, details with `-vv`."""
    if count:
        logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
        logging.getLogger("eventlab").setLevel(logging.INFO if count == 1 else logging.DEBUG)


VERBOSE = click.Option(
    ["-v", "--verbose"],
    count=True,
    expose_value=False,
    callback=set_log_level,
    show_default=False,
    help="Log each step to standard error (-vv: details).",
)


def set_up_command(command: click.Command) -> click.Command:
    """Keep the line breaks of indented parts of a command's help text, and add `--verbose` to its options.

    A command that passes its options on to another program does not get `--verbose`.
    """
    parts = inspect.cleandoc(command.help or "").split("\n\n")
    command.help = "\n\n".join(f"\b\n{part}" if re.match(r"[^\b].*\n ", part) else part for part in parts)
    if not command.context_settings.get("ignore_unknown_options") and VERBOSE not in command.params:
        command.params.append(VERBOSE)
    for subcommand in getattr(command, "commands", {}).values():
        set_up_command(subcommand)
    return command


class LazyGroup(click.Group):
    """A command group that imports its commands when they are used and prints the kit's errors.

    An EventlabError becomes one message and exit code 1, Ctrl-C becomes exit code 130. An unexpected exception
    keeps its traceback.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all subcommands."""
        return sorted(MODULE_OF_COMMAND)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a subcommand, or return None for an unknown name."""
        if name not in MODULE_OF_COMMAND:
            return None
        return set_up_command(getattr(importlib.import_module(f"eventlab.cli.{MODULE_OF_COMMAND[name]}"), name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; for an unknown name, the error proposes the nearest one."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:  # click itself proposes only commands that are imported already
            raise click.NoSuchCommand(error.command_name, possibilities=MODULE_OF_COMMAND, ctx=ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; raise ClickException for an error of the kit, and exit with 130 after Ctrl-C."""
        try:
            return super().invoke(ctx)
        except EventlabError as error:
            logger.debug("The command failed", exc_info=True)
            raise click.ClickException(printable(str(error))) from error
        except KeyboardInterrupt as error:
            click.echo(str(error) or "Interrupted.", err=True)
            sys.exit(130)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True},
)
@click.version_option(package_name="eventlab")
def main() -> None:
    """Learn event tracking on real Kafka, HDFS and Spark.

    First steps:
      eventlab up          start the services and wait until each one answers
      eventlab status      show which services run, where, and how much memory they use
      eventlab lab         open the lessons in JupyterLab
      eventlab down        stop the services and check that their ports are closed

    If something does not work:
      eventlab doctor      check this machine and print the command that fixes a problem
      eventlab logs kafka  print the log of a service
      eventlab why ...     explain why a command failed or shows nothing
      eventlab -v up       show what a command does, step by step

    Labs (see labs/README.md):
      eventlab labs list   list the labs; `new`, `release` and `verify` prepare them for students
      eventlab grade       grade a folder of submissions; `similarity` compares them
      eventlab judge       judge a notebook that papermill has executed
      eventlab gradebook   write the grades of several labs, and the files for Moodle, Canvas, Blackboard
    """


set_up_command(main)
