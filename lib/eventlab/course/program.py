"""Show a program of the kit in a notebook, with the colours of the notebook's theme."""

from pathlib import Path

from eventlab.settings import ROOT


class Program:
    """The source of a Python file, which JupyterLab shows with syntax colours."""

    def __init__(self, file: Path) -> None:
        self.source = file.read_text()

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.source}```"

    def __repr__(self) -> str:
        return self.source


def show_program(path: str) -> Program:
    """Return the program at a path below the kit's folder, for the notebook to show."""
    return Program(ROOT / path)
