"""The commands of the course: run lessons, open them in JupyterLab, and send requests and events by hand."""

import os
import shutil
import sys
from pathlib import Path

import click

from eventlab.cli.display import open_stack, show_progress, show_status
from eventlab.settings import settings

other_programs_options = {"ignore_unknown_options": True, "help_option_names": []}
arguments_argument = click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENT]...")


@click.command()
@click.argument("notebooks", nargs=-1, metavar="[NOTEBOOK]...")
@click.option("--output", default="build/run", help="Folder for the executed copies and the report.")
@click.option("--in-place", is_flag=True, help="Update the outputs of the notebooks themselves (for authors).")
def run(notebooks: tuple[str, ...], output: str, in_place: bool) -> None:
    """Execute the lessons on a new stack and write a report.

    Papermill executes each numbered notebook of notebooks/ in order. The output folder receives the executed
    copies and one page, report.html. The first cell that fails ends the run with exit code 1; the services' logs
    are then in the output folder too. Your running stack is not used and not changed.

    Examples:
      eventlab run              all lessons
      eventlab run 05 07        two lessons
    """
    from eventlab.course.run import find_lessons, run_course

    lessons = find_lessons(notebooks)
    with show_progress() as progress:
        results = run_course(lessons, Path(output), progress.report_service, progress.update, in_place=in_place)
    for result in results if in_place else ():
        click.echo(f"{result.name}: {'updated' if result.updated else 'unchanged'}", err=True)
    click.echo(f"{len(results)} notebooks completed. The report: {Path(output) / 'report.html'}", err=True)


@click.command()
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser.")
def lab(browser: bool) -> None:
    """Start the services and open the lessons in JupyterLab.

    You work in copies of the lessons and labs, in the folder `work/` (the setting EVENTLAB_WORK_DIR). The copies
    have no outputs. When a lesson of the kit has changed, your copy is replaced only if you have not changed it;
    otherwise the new version appears next to it.

    The command prints the address of the start page, and opens it if this machine has a browser. In a terminal
    of JupyterHub, which runs JupyterLab itself, it starts the other services and prints the address on the Hub.
    """
    from eventlab.cli.browser import open_browser
    from eventlab.jupyter import hub
    from eventlab.jupyter.start_page import open_course
    from eventlab.stack.services import COURSE, lab_page

    page = open_course(settings)
    hub_address = hub.page(page)
    with open_stack(settings, COURSE if hub_address else ()) as stack:
        statuses = stack.up()
    show_status(statuses)
    address = hub_address or lab_page(settings, f"lab/tree/{page.name}")
    opened = browser and not hub_address and open_browser(address)
    note = "" if opened or hub_address else " (open this address in a browser)"
    click.echo(f"\nJupyterLab: {address}{note}\nStop everything: {program_name()} down")


def program_name() -> str:
    """Return the name of the `eventlab` command if it is on PATH, and otherwise its path."""
    own = Path(sys.executable).with_name("eventlab")
    return "eventlab" if shutil.which("eventlab") else os.path.relpath(own)


@click.group()
def lesson() -> None:
    """Work with your copies of the lessons."""


@lesson.command()
@click.argument("name", metavar="LESSON")
def reset(name: str) -> None:
    """Start a lesson or lab again with a new copy.

    Your old copy is kept: its new name contains the date.

    Examples:
      eventlab lesson reset 05      start lesson 5 again
      eventlab lesson reset lab01   start the first lab again
    """
    from eventlab.jupyter import progress, start_page, working_copy

    with progress.changing(settings) as lessons:
        original, old_copy = working_copy.reset(name, settings)
        lessons.pop(original.key, None)
    start_page.write(settings)
    if old_copy:
        click.echo(f"Your old copy is kept: {old_copy}")
    click.echo(f"A new copy: {settings.work_dir / original.copy}")
    click.echo("If it is open in JupyterLab: File > Reload Notebook from Disk, then Kernel > Restart Kernel.")


@click.command(context_settings={"ignore_unknown_options": True})
@arguments_argument
def hub(arguments: tuple[str, ...]) -> None:
    """Run a learner's server under JupyterHub.

    JupyterHub calls this command. It starts the services and then JupyterLab on its start page. In the kit's
    environment, install the version of jupyterhub that the Hub has. Add to jupyterhub_config.py:

      import asyncio
      EVENTLAB = "/path/to/eventlab/.venv/bin/eventlab"
      c.Spawner.cmd = [EVENTLAB, "hub"]
      c.Spawner.start_timeout = c.Spawner.http_timeout = 300
      async def stop_services(spawner):
          down = await asyncio.create_subprocess_exec(EVENTLAB, "down", env=spawner.get_env())
          await down.wait()
      c.Spawner.post_stop_hook = stop_services

    The hook stops the services when the Hub stops a learner's server. This command also starts a watchdog
    process, which stops the services when the server is killed.

    Learners who share one machine need their own ports and state folder (EVENTLAB_PORT_OFFSET and
    EVENTLAB_STATE_DIR in c.Spawner.environment). Learners in containers need no such settings and no hook.
    """
    from eventlab.jupyter import hub as jupyterhub

    command = jupyterhub.command(settings, arguments)
    with show_progress() as progress:
        jupyterhub.start(settings, progress.report_service)
    jupyterhub.execute(settings, command)


@click.command(context_settings=other_programs_options)
@arguments_argument
def load(arguments: tuple[str, ...]) -> None:
    """Send HTTP requests with ApacheBench's options (see load -h)."""
    from eventlab.commands.ab import main

    sys.exit(main(list(arguments)))


@click.command()
@click.argument("topic")
@click.option(
    "--through",
    metavar="COMMAND",
    help="Repair each value with this shell command: it reads the old value and prints the new one.",
)
def replay(topic: str, through: str | None) -> None:
    """Send the dead letters of a topic to the topic again.

    A streaming job puts each message that it cannot read into the topic TOPIC-dead. When the job can read such
    messages, or with a command that repairs them, this command sends them to TOPIC: each one once, so you can run
    it again after further messages have failed. A value for which the command prints nothing is left out.

    Examples:
      eventlab replay events
      eventlab replay events --through "sed 's/$/}/'"
    """
    from eventlab.jobs import dead_letters

    repair = dead_letters.through(through) if through else bytes
    read = sent = 0
    for letter in dead_letters.replay(settings.bootstrap_servers, topic, repair):
        read, sent = read + 1, sent + (letter.sent_as is not None)
        position = f"partition {letter.partition}, offset {letter.offset} ({letter.reason})"
        unsent = "the same message as before" if letter.is_repeated else "left out"
        click.echo(f"{position}: " + (unsent if letter.sent_as is None else f"sent, offset {letter.sent_as}"))
    dead_letter_topic = dead_letters.dead_letter_topic(topic)
    click.echo(f"{sent} of {read} new messages of {dead_letter_topic!r} sent to {topic!r}.", err=True)


@click.command(context_settings=other_programs_options)
@arguments_argument
def kafkacat(arguments: tuple[str, ...]) -> None:
    """Read, write and list topics, with the options of kafkacat."""
    from eventlab.commands.kafkacat import main

    sys.exit(main(list(arguments)))
