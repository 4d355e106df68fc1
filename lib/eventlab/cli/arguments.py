"""Arguments and options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
lab_argument = click.argument("lab", metavar="LAB")
labs_argument = click.argument("names", nargs=-1, required=True, metavar="LAB...")
submissions_argument = click.argument(
    "submissions", metavar="SUBMISSIONS...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)


def file_option(*names: str, **more: Any) -> Decorator:
    """Return an option whose value is a file that exists."""
    return click.option(*names, type=click.Path(exists=True, dir_okay=False, path_type=Path), **more)


def folder_option(*names: str, **more: Any) -> Decorator:
    """Return an option whose value is a folder, which need not exist."""
    return click.option(*names, type=click.Path(file_okay=False, path_type=Path), **more)
