"""The commands that start, inspect, stop and check the services."""

import json
import os
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

import click

from eventlab.cli.display import open_stack, show_checks, show_down, show_progress, show_status
from eventlab.settings import ROOT, settings

services_argument = click.argument("services", nargs=-1, metavar="[SERVICE]...")
json_option = click.option("--json", "as_json", is_flag=True, help="Print a list of JSON objects, for programs.")


class ServiceCommand(click.Command):
    """A command for services, which its help text lists."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names of the services and what they are."""
        from eventlab.stack.services import SERVICES

        with formatter.section("Services"):
            formatter.write_dl([(service.name, service.label) for service in SERVICES.values()])


@click.command(cls=ServiceCommand)
@services_argument
@click.option(
    "--at", "lesson", metavar="LESSON", help="Also prepare the topic and files from which a lesson starts."
)
def up(services: tuple[str, ...], lesson: str | None) -> None:
    """Start services and wait until they answer real requests.

    Without a name, all services are started. Services that already run are not changed. The services that a named
    service needs are started too.

    Examples:
      eventlab up                               start all services
      eventlab up kafka api                     start only Kafka and the game API
      eventlab up --at 07                       also prepare everything for lesson 7
      EVENTLAB_PORT_OFFSET=100 EVENTLAB_STATE_DIR=/tmp/other eventlab up
                                                start a second stack on other ports
    """
    notebook = _find_lesson(lesson) if lesson else None
    if not services or "jupyter" in services:
        services = _update_notebooks(services)
    with open_stack(settings) as stack:
        statuses = stack.up(services)
    show_status(statuses)
    if notebook:
        _prepare_lesson(notebook)


def _update_notebooks(services: tuple[str, ...]) -> tuple[str, ...]:
    """Update the learner's copies for JupyterLab, and return the services to start.

    When the copies cannot be written and JupyterLab was not named, the other services start.
    """
    from eventlab.jupyter.start_page import open_course
    from eventlab.jupyter.working_copy import WorkingCopyError
    from eventlab.stack.services import COURSE

    try:
        open_course(settings)
    except WorkingCopyError as error:
        if services:
            raise
        click.echo(f"JupyterLab is not started: {error}", err=True)
        return COURSE
    return services


def _find_lesson(name: str) -> Path:
    """Return the lesson whose name begins with `name`; several such lessons are an error."""
    from eventlab.course.run import find_lessons

    lessons = find_lessons([name])
    if len(lessons) > 1:
        raise click.BadParameter(f"{name!r} is the beginning of {', '.join(path.stem for path in lessons)}")
    return lessons[0]


def _prepare_lesson(notebook: Path) -> None:
    """Prepare the state that a lesson starts from and print what was prepared."""
    from eventlab.course.execute import prepare_lesson
    from eventlab.stack import environment

    environment.apply(settings)
    with show_progress() as progress:
        progress.update(notebook.stem, "preparing")
        output = prepare_lesson(notebook)
        progress.update(notebook.stem, "ready", done=1)
    click.echo(f"\nReady for lesson {notebook.stem}:")
    click.echo("\n".join(f"  {line}" for line in output.splitlines()))
    click.echo(f"Open it: eventlab lab, then {notebook.name}")


@click.command(cls=ServiceCommand)
@services_argument
@json_option
def status(services: tuple[str, ...], as_json: bool) -> None:
    """Show the state, address and memory of services (default: all).

    The command sends a real request to each of them.

    States:
      running   the service answered
      crashed   the service was started, but its process has ended or does not answer
      stopped   the service was not started, or it is external and does not answer
    """
    from eventlab.stack import Stack

    statuses = Stack(settings).status(services)
    if as_json:
        click.echo(json.dumps([asdict(status) for status in statuses], indent=2))
    else:
        show_status(statuses)


ps = status


@click.command(cls=ServiceCommand)
@services_argument
def down(services: tuple[str, ...]) -> None:
    """Stop services (default: all) and check that their ports are closed.

    Each process receives SIGTERM, and SIGKILL if it is still running after 10 seconds. Only processes that this
    stack started are stopped; a port that another program uses is reported. Topics, events and files are kept.

    Examples:
      eventlab down             stop all services
      eventlab down datanode    stop one service
    """
    with open_stack(settings) as stack:
        statuses = stack.down(services)
    show_down(statuses, stack.open_ports(status.name for status in statuses))


@click.command(cls=ServiceCommand)
@services_argument
def restart(services: tuple[str, ...]) -> None:
    """Stop services and start them again (default: all).

    Example:
      eventlab restart api      load a changed game_api.py
    """
    with open_stack(settings) as stack:
        statuses = stack.restart(services)
    show_status(statuses)


@click.command(cls=ServiceCommand)
@click.argument("service")
@click.option("-f", "--follow", is_flag=True, help="Print new lines as they are written, until Ctrl-C.")
@click.option("-n", "--lines", default=200, help="Number of lines from the end of the log.")
def logs(service: str, follow: bool, lines: int) -> None:
    """Print the log of a service.

    Examples:
      eventlab logs kafka
      eventlab logs api -f      follow the log
    """
    from eventlab.stack import Stack, process

    path = Stack(settings).log_file(service)
    if follow:
        os.execlp("tail", "tail", "-n", str(lines), "-F", str(path))  # -F also reads a log that replaces this one
    click.echo(process.log_tail(settings, service, lines))


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def reset(yes: bool) -> None:
    """Stop the services and delete all their data.

    The command deletes topics, events, files, logs and saved messages, and nothing else in the state folder. It
    asks for confirmation first.
    """
    if not settings.state_dir.exists():
        click.echo("There is nothing to reset.")
        return
    if not yes:
        click.confirm(f"Delete all topics, files, logs and saved messages in {settings.state_dir}?", abort=True)
    with open_stack(settings) as stack:
        stack.reset()
    click.echo("All data is deleted. Start again: eventlab up")


@click.command()
def env() -> None:
    """Print shell commands that connect this shell to the stack.

    Example:
      eval "$(eventlab env)"

    After that, these commands use the stack without options:
      kafka-topics kafka-console-consumer kafka-console-producer kafka-consumer-groups kafkacat
      hadoop hdfs spark-submit pyspark flask jupyter ab
    """
    from eventlab.stack import config, environment

    config.render(settings)
    if not settings.is_spark_connect:
        click.echo("unset SPARK_REMOTE")
    for name, value in environment.variables(settings).items():
        click.echo(f"export {name}={shlex.quote(value)}")


@click.command()
def compose() -> None:
    """Write the configuration of stack/compose.yaml for Docker.

    Also print the command that starts its containers, which run the same services as `eventlab up`.
    """
    from eventlab.stack import config

    env_file = config.render_for_containers(settings) / "env"
    compose_file = ROOT / "stack" / "compose.yaml"
    click.echo(f"# The configuration is in {env_file.parent}. Next:")
    click.echo(shlex.join(["docker", "compose", "--env-file", str(env_file), "-f", str(compose_file), "up", "-d"]))


@click.command()
@click.option("--relock", is_flag=True, help="Resolve stack/*/jgo.toml again and rewrite the lock files.")
def setup(relock: bool) -> None:
    """Install Java, the locked jars and the start-up archives.

    Java is downloaded only if this machine has no suitable one. The archives make each start faster; to record
    them, the command starts and stops the services once. If nothing is missing, it needs no network.
    """
    from eventlab.stack.installation import install

    with show_progress() as progress:
        install(progress.update, progress.report_service, relock=relock)


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check this machine and the installation.

    No service is started. The exit code is 1 when a check fails.

    Each line is one check:
      OK     passed
      NOTE   passed, and the line contains advice for you
      FAIL   failed: the line contains the reason, and the next one the command that fixes it
    """
    from eventlab import doctor

    results = doctor.checks(settings)
    if as_json:
        click.echo(json.dumps([asdict(result) for result in results], indent=2))
    else:
        show_checks(results)
    sys.exit(0 if all(result.ok for result in results) else 1)
