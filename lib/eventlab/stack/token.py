"""The token that JupyterLab asks for: made once per state folder, readable by its owner alone."""

from __future__ import annotations

import os
import secrets

from eventlab.settings import Settings


def read_token(settings: Settings) -> str:
    """The stack's token, made at the first call (two at once agree on one)."""
    path = settings.state_dir / "jupyter-token"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_hex(24))
    except FileExistsError:
        pass
    return path.read_text().strip()
