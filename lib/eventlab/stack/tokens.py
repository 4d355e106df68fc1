"""The tokens of JupyterLab and Spark Connect, created once per state folder and readable by their owner only."""

import os
import secrets

from eventlab.clients.spark import TOKEN_VARIABLE
from eventlab.files import create_once
from eventlab.settings import Settings

JUPYTER_TOKEN_FILE = "jupyter-token"
SPARK_TOKEN_FILE = "spark-token"


def jupyter_token(settings: Settings) -> str:
    """Return the token that opens the stack's JupyterLab."""
    return create_once(settings.state_dir / JUPYTER_TOKEN_FILE, secrets.token_hex(24))


def spark_token(settings: Settings) -> str | None:
    """Return the token of the Spark Connect server, which keeps other users of the machine out.

    It is the token in the state folder. A new state folder gets the token of the environment, or else a new one.
    A process that cannot use the state folder, such as a submission, uses the token of the environment.
    With an external server (`external_spark_remote`), it is the token of the environment, or None.

    Raises:
        OSError: The state folder cannot be used and the environment has no token.
    """
    if settings.external_spark_remote:
        return os.environ.get(TOKEN_VARIABLE)
    return own_spark_token(settings)


def own_spark_token(settings: Settings) -> str:
    """Return the token of a Spark Connect server that this stack starts."""
    inherited = os.environ.get(TOKEN_VARIABLE)
    try:
        return create_once(settings.state_dir / SPARK_TOKEN_FILE, inherited or secrets.token_hex(24))
    except OSError:
        if inherited:
            return inherited
        raise
