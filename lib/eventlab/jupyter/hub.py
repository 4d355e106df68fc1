"""Under JupyterHub: Jupyter is started by the Hub, below a base URL of the learner's own."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from eventlab.errors import EventlabError, StackError
from eventlab.jupyter import start_page
from eventlab.settings import Settings
from eventlab.stack import Stack, config, environment
from eventlab.stack.services import lab_options
from eventlab.stack.startup import Report

SERVER = "jupyterhub-singleuser"


class HubError(EventlabError):
    """The Hub's server can't be started from the kit's environment."""


def page(path: Path) -> str | None:
    """Where the Hub's Lab shows a file, from the Hub's own address on; None without a Hub.

    The Hub names its base URL and Jupyter its root folder to whatever they start, terminals included
    (JUPYTERHUB_SERVICE_PREFIX, JUPYTER_SERVER_ROOT).
    """
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    if not prefix:
        return None
    root = Path(os.environ.get("JUPYTER_SERVER_ROOT") or Path.home()).resolve()
    shown = path.relative_to(root) if path.is_relative_to(root) else path.name
    return f"{prefix.rstrip('/')}/lab/tree/{shown}"


def command(settings: Settings, arguments: Sequence[str]) -> list[str]:
    """A learner's own server with the kit's start page, menu and terminals; HubError when the Hub's package is not
    in the kit's environment."""
    server = shutil.which(SERVER, path=environment.search_path())
    if server is None:
        raise HubError(
            f"{SERVER} is not in the kit's environment. Install the Hub's own version of it: "
            f"uv pip install --python {sys.executable} jupyterhub"
        )
    first = f"--ServerApp.default_url=/lab/tree/{config.start_page(settings)}"
    of_the_hub = "JUPYTERHUB_DEFAULT_URL" in os.environ  # c.Spawner.default_url
    return [server, *lab_options(settings), *([] if of_the_hub else [first]), *arguments]


def start(settings: Settings, report: Report) -> None:
    """Start the course's services for the server that comes after them.

    One that does not start is told of in the Hub's log, and Lab opens all the same: a learner sees in the panel,
    or with `eventlab doctor`, what is wrong.
    """
    start_page.write(settings)
    config.render(settings)
    try:
        Stack(settings, report=report).up()
    except StackError as error:
        print(error, file=sys.stderr)


def become(settings: Settings, words: list[str]) -> None:
    """Be the server from now on: the Hub watches and ends the process that it started."""
    os.execve(words[0], words, environment.full(settings))
