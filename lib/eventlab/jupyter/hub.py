"""Under JupyterHub: Jupyter is started by the Hub, below a base URL of the learner's own."""

from __future__ import annotations

import os
from pathlib import Path


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
