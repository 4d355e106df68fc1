"""Show a program of the kit in a notebook, with the colours of the notebook's theme."""

import ast

from eventlab.course.preparation import LessonError
from eventlab.settings import ROOT


class Program:
    """Source of Python, which JupyterLab shows with syntax colours."""

    def __init__(self, source: str) -> None:
        self.source = source

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.source}```"

    def __repr__(self) -> str:
        return self.source


def show_program(path: str, *names: str) -> Program:
    """Return a program, or a part of it, for the notebook to show.

    Args:
        path: The program's path below the kit's folder.
        *names: The functions, classes and constants to show, in this order; without names, the whole program.

    Raises:
        LessonError: The program has no such function, class or constant.
    """
    source = (ROOT / path).read_text()
    if not names:
        return Program(source)
    parts = parts_of(source)
    if unknown := [name for name in names if name not in parts]:
        raise LessonError(f"{path} does not define {', '.join(unknown)}; it defines: {', '.join(parts)}")
    return Program("\n\n".join(parts[name] for name in names))


def parts_of(source: str) -> dict[str, str]:
    """Return the lines of each function, class and constant at the top level of a program, with decorators."""
    lines = source.splitlines(keepends=True)
    parts: dict[str, str] = {}
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            names = [node.name]
        elif isinstance(node, ast.Assign):
            first, names = node.lineno, [target.id for target in node.targets if isinstance(target, ast.Name)]
        else:
            continue
        parts |= dict.fromkeys(names, "".join(lines[first - 1 : node.end_lineno]))
    return parts
