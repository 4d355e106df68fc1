"""Run a learner's server under JupyterHub, which starts it below a base URL for each learner."""

import logging
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from eventlab.errors import EventlabError
from eventlab.jupyter import watchdog
from eventlab.jupyter.start_page import open_course
from eventlab.settings import Settings
from eventlab.stack import Stack, config, environment
from eventlab.stack.services import lab_options
from eventlab.stack.startup import ReportService

logger = logging.getLogger(__name__)

SERVER = "jupyterhub-singleuser"


class HubError(EventlabError):
    """The Hub's server cannot be started from the kit's environment."""


def page(path: Path) -> str | None:
    """Return the path of the URL at which the Hub's Lab shows a file, or None outside a Hub."""
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")  # the Hub sets it, also for terminals
    if not prefix:
        return None
    root = Path(os.environ.get("JUPYTER_SERVER_ROOT") or Path.home()).resolve()
    relative = path.relative_to(root) if path.is_relative_to(root) else path.name
    return f"{prefix.rstrip('/')}/lab/tree/{relative}"


def command(settings: Settings, arguments: Sequence[str]) -> list[str]:
    """Return the command of a learner's server; raise HubError if the kit's environment lacks jupyterhub."""
    server = shutil.which(SERVER, path=environment.search_path())
    if server is None:
        raise HubError(
            f"{SERVER} is not in the kit's environment. Install the version that the Hub has",
            next_command=f"uv pip install --python {sys.executable} jupyterhub",
        )
    default_url = f"--ServerApp.default_url=/lab/tree/{config.START_PAGE}"
    hub_sets_it = "JUPYTERHUB_DEFAULT_URL" in os.environ  # c.Spawner.default_url
    return [server, *lab_options(settings), *([] if hub_sets_it else [default_url]), *arguments]


def start(settings: Settings, report: ReportService) -> None:
    """Start a watchdog and the course's services for the server that this process will become.

    An error is written to the Hub's log. Lab opens also after an error, and its stack panel shows the problem.
    """
    try:
        open_course(settings)
        config.render(settings)
        watchdog.start(settings)
        Stack(settings, report=report).up()
    except EventlabError as error:
        logger.error("%s", error)


def execute(settings: Settings, command: list[str]) -> None:
    """Replace this process with the server, because the Hub watches and ends the process that it started."""
    try:
        variables = environment.full(settings)
    except EventlabError:  # no Java: `start` has reported it
        variables = dict(os.environ)
    os.execve(command[0], command, variables)
