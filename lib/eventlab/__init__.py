"""Teach event tracking on real services: Kafka, HDFS and Spark, from notebooks."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The kit's folder. It is defined here, because importing the settings takes a quarter of a second."""


def load_ipython_extension(shell: object) -> None:
    """Explain failed cells and count a lesson's completed cells (`%load_ext eventlab`)."""
    from eventlab import jupyter
    from eventlab.explain import hook

    hook.load(shell)
    jupyter.follow(shell)
    jupyter.hide_notice_of_fonts()


def unload_ipython_extension(shell: object) -> None:
    """Remove all callbacks that `load_ipython_extension` registered (`%unload_ext eventlab`)."""
    from eventlab import jupyter
    from eventlab.explain import hook

    hook.unload(shell)
    jupyter.unfollow(shell)
    jupyter.show_notice_of_fonts()
