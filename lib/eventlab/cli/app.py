"""The `eventlab` command: one verb per subcommand; what it prints is for people, `--json` for programs."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import click

from eventlab.cli.signals import terminable
from eventlab.errors import EventlabError
from eventlab.settings import ROOT, settings

SERVICE_NAMES = ("kafka", "namenode", "datanode", "spark", "api", "jupyter")


FEATURES = {"grade": "eventlab.cli.grade", "labs": "eventlab.cli.labs"}
"""Commands that are imported when they are asked for: `up` need not wait for what grading takes."""


class Group(click.Group):
    """Turns the kit's own errors into one clear message and exit code 1, Ctrl-C into 130."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *FEATURES])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in FEATURES:
            return super().get_command(ctx, name)
        try:
            return getattr(importlib.import_module(FEATURES[name]), name)
        except ModuleNotFoundError:  # in a grader's sandbox, which does not hold the grader
            return None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (EventlabError, TimeoutError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="eventlab")
def main() -> None:
    """A teaching kit for event tracking on real Kafka, HDFS and Spark.

    \b
    First steps:
      eventlab up          start everything and wait until it answers
      eventlab status      what runs, where, with how much memory
      eventlab lab         open the lessons in JupyterLab
      eventlab down        end everything and show that it is down

    \b
    Exercises to hand in (labs/README.md):
      eventlab labs list   which there are; then release and verify
      eventlab grade       grade a folder of submissions
    """


services_argument = click.argument("services", nargs=-1, metavar="[SERVICE]...")


@main.command()
@services_argument
@click.option(
    "--at", "lesson", metavar="LESSON", help="Also put all into the state from which this lesson starts."
)
def up(services: tuple[str, ...], lesson: str | None) -> None:
    """Start what is not running; return when each service answers a real request.

    \b
    Services: kafka namenode datanode spark api jupyter (all when none is named).
    Examples:
      eventlab up                               the whole stack
      eventlab up kafka api                     only these two
      eventlab up --at 07                       begin at lesson 7: its topic and files are put in place
      EVENTLAB_PORT_OFFSET=100 EVENTLAB_STATE_DIR=/tmp/other eventlab up
                                                a second stack beside the first
    """
    from eventlab.cli.display import show_phases, show_status
    from eventlab.stack import Stack
    from eventlab.stack.services import SERVICES

    notebook = _lesson(lesson) if lesson else None
    with show_phases() as report, terminable():
        found = Stack(settings, SERVICES, report).up(services)
    show_status(found)
    if notebook:
        _begin_at(notebook)


def _lesson(name: str) -> Path:
    """The one lesson whose name begins so, before anything is started."""
    from eventlab.course import run as course_run

    found = course_run.lessons([name])
    if len(found) > 1:
        raise click.BadParameter(f"{name!r} is the beginning of {', '.join(path.stem for path in found)}")
    return found[0]


def _begin_at(notebook: Path) -> None:
    """Put the stack into the lesson's state, and say what was done."""
    from eventlab.cli.display import waiting
    from eventlab.course import lesson_state
    from eventlab.stack import environment

    environment.apply(settings)
    with waiting(f"putting the state for {notebook.stem} in place"):
        told = lesson_state.begin(notebook)
    click.echo(f"\nReady for lesson {notebook.stem}:")
    click.echo("\n".join(f"  {line}" for line in told.splitlines()))
    click.echo(f"Open it: eventlab lab, then notebooks/{notebook.name}")


@main.command()
@services_argument
@click.option("--json", "as_json", is_flag=True, help="A list of objects, for programs.")
def status(services: tuple[str, ...], as_json: bool) -> None:
    """Say of each service whether it runs, where, since when and with how much memory.

    The state is told by asking the service: `running` answered a real request, `crashed` was started and is
    gone or does not answer, `stopped` is not there.
    """
    from eventlab.cli.display import show_status
    from eventlab.stack import Stack

    found = Stack(settings).status(services)
    if as_json:
        click.echo(json.dumps([service.as_dict() for service in found], indent=2))
    else:
        show_status(found)


main.add_command(status, "ps")


@main.command()
@services_argument
def down(services: tuple[str, ...]) -> None:
    """End the services gracefully, then by force, and prove that their ports are closed.

    Only processes that this stack started are ended; who else holds a port is named. Topics, events and files
    stay for the next `up`.
    """
    from eventlab.cli.display import show_down, show_phases
    from eventlab.stack import Stack

    names = _without_own_jupyter(services)
    held = Stack(settings).listening_ports(names)
    with show_phases() as report, terminable():
        found = Stack(settings, report=report).down(names)
    still_open = Stack(settings).open_ports(names)
    show_down(found, still_open, bool(names))
    if left := sorted(held & set(still_open)):
        raise click.ClickException(f"still open: {', '.join(map(str, left))}. Who holds them: eventlab doctor")


def _without_own_jupyter(services: tuple[str, ...]) -> tuple[str, ...]:
    """Run in a notebook, `down` leaves the Jupyter server that it runs in, unless it is named."""
    import psutil

    from eventlab.stack import process

    jupyter = process.find(settings, "jupyter")
    if services or jupyter is None or jupyter not in psutil.Process().parents():
        return services
    click.echo("jupyter is left running because this command runs in it. To end it too: eventlab down jupyter")
    return tuple(name for name in SERVICE_NAMES if name != "jupyter")


@main.command()
@services_argument
def restart(services: tuple[str, ...]) -> None:
    """End the services and start them again (all when none is named)."""
    from eventlab.cli.display import show_phases, show_status
    from eventlab.stack import Stack
    from eventlab.stack.services import SERVICES

    with show_phases() as report, terminable():
        found = Stack(settings, SERVICES, report).restart(services)
    show_status(found)


@main.command()
@click.argument("service", type=click.Choice(SERVICE_NAMES))
@click.option("-f", "--follow", is_flag=True, help="Go on as the log grows; Ctrl-C ends it.")
@click.option("-n", "--lines", default=200, show_default=True, help="How many of the last lines.")
def logs(service: str, follow: bool, lines: int) -> None:
    """Print a service's log."""
    from eventlab.stack import process

    path = process.log_file(settings, service)
    if not path.exists():
        raise click.ClickException(f"{service} has no log yet. Start it: eventlab up {service}")
    click.echo(process.log_tail(settings, service, lines))
    if follow:
        from eventlab.cli.display import follow_file

        for chunk in follow_file(path):
            click.echo(chunk, nl=False)


@main.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(yes: bool) -> None:
    """Take the stack down and delete its topics, events (saved ones too), files and logs: back to factory."""
    from eventlab.cli.display import show_phases
    from eventlab.stack import Stack

    if not settings.state_dir.exists():
        click.echo("There is nothing to reset.")
        return
    if not yes:
        click.confirm(f"Delete every topic, event, file, log and saved event in {settings.state_dir}?", abort=True)
    with show_phases() as report, terminable():
        Stack(settings, report=report).reset()
    click.echo("The stack is as new. Start it: eventlab up")


@main.command()
def env() -> None:
    """Print shell exports so that the field's commands work as they are: eval "$(eventlab env)".

    \b
    Afterwards this shell knows: kafka-topics kafka-console-consumer kafka-consumer-groups kafkacat
    hadoop spark-submit pyspark flask jupyter, each already connected to this stack.
    """
    import shlex

    from eventlab.stack import config, environment

    config.render(settings)
    if not settings.is_spark_connect:
        click.echo("unset SPARK_REMOTE")
    for name, value in environment.variables(settings).items():
        click.echo(f"export {name}={shlex.quote(value)}")


@main.command()
def compose() -> None:
    """Fill in the configuration for stack/compose.yaml, and say how to start its containers."""
    import shlex

    from eventlab.stack import config

    env_file = config.render_for_containers(settings) / "env"
    click.echo(f"# The configuration is in {env_file.parent}. Next:")
    compose_file = ROOT / "stack" / "compose.yaml"
    click.echo(shlex.join(["docker", "compose", "--env-file", str(env_file), "-f", str(compose_file), "up", "-d"]))


@main.command()
@click.option("--relock", is_flag=True, help="Resolve stack/*/jgo.toml anew and rewrite the lock files.")
def setup(relock: bool) -> None:
    """Fetch Java (where there is none) and the jars, and make the archives that let services start fast.

    Done once; a second call finds everything there and needs no network.
    """
    from eventlab.cli.display import run_setup

    run_setup(settings, relock)


@main.command()
@click.argument("notebooks", nargs=-1, metavar="[NOTEBOOK]...")
@click.option(
    "--output", default="build/run", show_default=True, help="Folder for the executed copies and the report."
)
@click.option("--in-place", is_flag=True, help="Renew the committed outputs instead (for authors).")
def run(notebooks: tuple[str, ...], output: str, in_place: bool) -> None:
    """Walk the course headlessly on a fresh stack of its own, then take that down.

    Executes every numbered notebook with papermill, in order, and writes the executed copies and one HTML
    report. The first failing cell ends the walk with exit code 1. A running stack of yours is left alone.

    \b
    Examples:
      eventlab run              the whole course
      eventlab run 05 07        two lessons
    """
    from eventlab.cli.display import walk_course
    from eventlab.course import run as course_run

    with terminable():
        walk_course(course_run.lessons(notebooks), Path(output), in_place)


@main.command()
@click.option("--browser/--no-browser", default=True, help="Open the browser too.")
def lab(browser: bool) -> None:
    """Start the stack and JupyterLab on its start page; print the address and open it.

    In a terminal of JupyterHub's, Jupyter is the Hub's own: the other services are started, and the page is there.
    """
    from eventlab.cli.display import show_phases, show_status
    from eventlab.jupyter import hub, start_page
    from eventlab.stack import Stack
    from eventlab.stack.services import COURSE, SERVICES, lab_page

    page = start_page.write()
    theirs = hub.page(page)
    with show_phases() as report, terminable():
        found = Stack(settings, COURSE if theirs else SERVICES, report).up()
    show_status(found)
    address = theirs or lab_page(settings, f"lab/tree/{page.relative_to(ROOT)}")
    click.echo(f"\nJupyterLab: {address}\nTo end everything: eventlab down")
    if browser and not theirs:
        click.launch(address)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENT]...")
def hub(arguments: tuple[str, ...]) -> None:
    """Run a learner's server under JupyterHub: start the stack, then JupyterLab on its start page.

    JupyterHub runs this command. Install the package jupyterhub in the kit's environment, in the Hub's version.
    In jupyterhub_config.py:

    \b
      import asyncio
      EVENTLAB = "/path/to/eventlab/.venv/bin/eventlab"
      c.Spawner.cmd = [EVENTLAB, "hub"]
      c.Spawner.start_timeout = 120
      async def stop_services(spawner):
          down = await asyncio.create_subprocess_exec(EVENTLAB, "down", env=spawner.get_env())
          await down.wait()
      c.Spawner.post_stop_hook = stop_services

    The hook stops the services when the Hub stops or culls a learner's server. A watchdog process, which this
    command starts, stops them also when the server is killed. Learners in containers of their own need no hook.

    Learners on one machine need their own ports and state folders: set EVENTLAB_PORT_OFFSET and
    EVENTLAB_STATE_DIR in c.Spawner.environment. Learners in containers do not.
    """
    from eventlab.cli.display import show_phases
    from eventlab.jupyter import hub as of_hub

    words = of_hub.command(settings, arguments)
    with show_phases() as report, terminable():
        of_hub.start(settings, report)
    of_hub.become(settings, words)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="A list of objects, for programs.")
def doctor(as_json: bool) -> None:
    """Check what the stack needs: each thing OK, or FAIL with the reason and the command that mends it."""
    from dataclasses import asdict

    from eventlab import doctor as checkup

    found = checkup.checks(settings)
    if as_json:
        click.echo(json.dumps([asdict(check) for check in found], indent=2))
    else:
        checkup.show(found)
    if not all(check.ok for check in found):
        sys.exit(1)


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def load(arguments: tuple[str, ...]) -> None:
    """Send many requests and report as ApacheBench does: eventlab load -n 10 URL (-h for its options)."""
    from eventlab.commands.ab import main as bench

    sys.exit(bench(list(arguments)))


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def kafkacat(arguments: tuple[str, ...]) -> None:
    """Produce, consume and list as kafkacat does: eventlab kafkacat -C -t events -o beginning -e (-h for more)."""
    from eventlab.commands.kafkacat import main as cat

    sys.exit(cat(list(arguments)))
