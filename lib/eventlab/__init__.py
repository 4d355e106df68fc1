"""Teach event tracking on real services: Kafka, HDFS and Spark, from notebooks."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The kit's folder. Here, because the settings cost a quarter of a second that a command may not need."""


def load_ipython_extension(shell: object) -> None:
    """`%load_ext eventlab`: a failed cell gets a box that explains it, and a lesson's cells count as progress."""
    from eventlab.explain import hook
    from eventlab.jupyter import follow

    hook.load(shell)
    follow(shell)


def unload_ipython_extension(shell: object) -> None:
    """`%unload_ext eventlab`: no boxes any more."""
    from eventlab.explain import hook

    hook.unload(shell)
