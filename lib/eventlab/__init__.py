"""Teach event tracking on real services: Kafka, HDFS and Spark, from notebooks."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The kit's folder. It is defined here, because importing the settings takes a quarter of a second."""


def load_ipython_extension(shell: object) -> None:
    """Explain failed cells and count a lesson's completed cells (`%load_ext eventlab`)."""
    from eventlab.explain import hook
    from eventlab.jupyter import follow

    hook.load(shell)
    follow(shell)


def unload_ipython_extension(shell: object) -> None:
    """Remove all callbacks that `load_ipython_extension` registered (`%unload_ext eventlab`)."""
    from eventlab.explain import hook
    from eventlab.jupyter import unfollow

    hook.unload(shell)
    unfollow(shell)
