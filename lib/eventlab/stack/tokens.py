"""The tokens of JupyterLab and Spark Connect, created once per state folder and readable by their owner only."""

from __future__ import annotations

import os
import secrets

from eventlab.clients.spark import TOKEN_VARIABLE
from eventlab.files import create_once
from eventlab.settings import Settings

JUPYTER_TOKEN_FILE = "jupyter-token"
SPARK_TOKEN_FILE = "spark-token"


def jupyter_token(settings: Settings) -> str:
    """Return the token that opens the stack's JupyterLab."""
    return _create(settings, JUPYTER_TOKEN_FILE)


def spark_token(settings: Settings) -> str | None:
    """Return the token of the Spark Connect server, which keeps other users of the machine out.

    For an external server (`spark_remote_url`) it is the token in the environment, or None.
    """
    if settings.spark_remote_url:
        return os.environ.get(TOKEN_VARIABLE)
    return own_spark_token(settings)


def own_spark_token(settings: Settings) -> str:
    """Return the token of a Spark Connect server that this stack starts."""
    return _create(settings, SPARK_TOKEN_FILE)


def _create(settings: Settings, name: str) -> str:
    return create_once(settings.state_dir / name, secrets.token_hex(24))
