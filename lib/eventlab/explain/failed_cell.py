"""The failed cell that the explanations examine: its errors, its source, and the variables that it uses.

Uses only the standard library, because the kernel's Python may lack the kit's packages.
"""

import ast
import contextlib
import difflib
import dis
import inspect
import linecache
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType, FunctionType, TracebackType
from typing import Any, TypeVar

from eventlab.explain import source_text
from eventlab.explain.syntax_trees import called_name, python_tree

Node = TypeVar("Node", bound=ast.AST)

CELL_FILE = re.compile(r"ipykernel_\d+/|^<ipython-input")
"""The names that IPython gives to the code of cells."""
MAX_TEXT = 100_000
"""Characters of the errors' text that are searched; a Java stack trace is long, and its cause comes first."""


@dataclass(frozen=True)
class FailedCell:
    """A cell that raised an error, or whose command or data may be wrong (then `error` is None).

    Attributes:
        source: The cell as it was typed.
        namespace: The notebook's variables by name.
        exit_code: The exit code of the cell's last `!command`; None in a terminal, and without such a command.
        failed: The words of each of the kit's commands that failed; None where that is not recorded.
        number: The cell's number, as Spark names it in an error.
    """

    error: BaseException | None
    source: str = ""
    namespace: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    failed: Sequence[Sequence[str]] | None = None
    number: int | None = None

    @cached_property
    def errors(self) -> list[BaseException]:
        """Return the error and the errors that caused it, nearest first."""
        errors: list[BaseException] = []
        queue = [self.error]
        while queue:
            error = queue.pop(0)
            if error is not None and error not in errors:
                errors.append(error)
                queue += [error.__cause__, error.__context__]
        return errors

    @cached_property
    def text(self) -> str:
        """Return the classes and messages of all errors, then Java's stack traces."""
        lines = [f"{type(error).__module__}.{type(error).__name__}: {error}" for error in self.errors]
        lines += [str(getattr(error, "_stacktrace", None) or "") for error in self.errors]
        return "\n".join(lines)[:MAX_TEXT]

    @cached_property
    def conditions(self) -> dict[str, dict[str, str]]:
        """Return Spark's error conditions, each with its parameters."""
        conditions = {}
        for error in self.errors:
            get_condition = getattr(error, "getCondition", None)
            if condition := get_condition() if callable(get_condition) else None:
                conditions[str(condition)] = dict(error.getMessageParameters() or {})  # type: ignore[attr-defined]
        return conditions

    def matches(self, *patterns: str) -> bool:
        """Return whether one of the regular expressions matches in `text`; `^` and `$` match at each line."""
        return any(re.search(pattern, self.text, re.MULTILINE) for pattern in patterns)

    def has_condition(self, *names: str) -> bool:
        """Return whether Spark reported one of the conditions or a sub-condition of it (`NAME.DETAIL`)."""
        return any(f"{condition}.".startswith(f"{name}.") for condition in self.conditions for name in names)

    @cached_property
    def tree(self) -> ast.Module:
        """Return the syntax tree of the cell's Python without magics and `!commands`, or an empty tree."""
        return python_tree(self.source)

    def nodes(self, *kinds: type[Node]) -> list[Node]:
        """Return the nodes of the tree that are of one of these classes."""
        return [node for node in ast.walk(self.tree) if isinstance(node, kinds)]

    def failed_nodes(self, *kinds: type[Node]) -> list[Node]:
        """Return those of `nodes` that contain the code that raised the error, the outermost first."""
        return list(filter(self.failed_in, self.nodes(*kinds)))

    @cached_property
    def trace(self) -> list[TracebackType]:
        """Return the steps of the error's traceback, outermost first."""
        trace, steps = getattr(self.error, "__traceback__", None), []
        while trace is not None:
            steps.append(trace)
            trace = trace.tb_next
        return steps

    @cached_property
    def place(self) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Return the begin and the end of the cell's code that raised the error, as (line, column), or None.

        It is not known where Jupyter runs other lines than the cell has, as for `%%time`, and where a `with`
        statement fails: Python reports it with its whole block.
        """
        names = [trace.tb_frame.f_code.co_filename for trace in self.trace]
        file = next(filter(CELL_FILE.search, names), None)
        if file is None:
            return None
        found = [trace for trace, name in zip(self.trace, names, strict=True) if name == file][-1]
        line, end_line, column, end_column = list(found.tb_frame.f_code.co_positions())[found.tb_lasti // 2]
        if line is None or end_line is None or column is None or end_column is None:
            return None
        ran, lines = linecache.getline(file, line).rstrip(), self.source.split("\n")
        if line > len(lines) or (ran and ran != lines[line - 1].rstrip()):
            return None
        blocks = self.nodes(ast.With, ast.AsyncWith)
        if any((node.lineno, node.end_lineno, node.col_offset) == (line, end_line, column) for node in blocks):
            return None
        return (line, column), (end_line, end_column)

    def failed_in(self, node: ast.AST) -> bool:
        """Return whether a node of the tree contains the code that raised the error, or this code is not known."""
        if self.place is None or not isinstance(node, ast.expr | ast.stmt | ast.keyword):
            return True
        begin, end = self.place
        return (node.lineno, node.col_offset) <= begin and end <= (node.end_lineno or 0, node.end_col_offset or 0)

    def failed_calls(self, *names: str) -> list[ast.Call]:
        """Return those of `calls` that contain the code that raised the error, the innermost first."""
        return [call for call in reversed(list(self.calls(*names))) if self.failed_in(call)]

    @cached_property
    def assigned(self) -> set[str]:
        """Return the variables that the cell sets itself, each time it runs."""
        return {node.id for node in self.nodes(ast.Name) if isinstance(node.ctx, ast.Store)}

    @cached_property
    def variables(self) -> dict[str, Any]:
        """Return the notebook's variables that the cell uses, itself and through its functions."""
        variables: dict[str, Any] = {}
        queue = [node.id for node in self.nodes(ast.Name)]
        queue += re.findall(r"\{(\w+)\}", self.shell_commands)
        while queue:
            name = queue.pop()
            if name in self.namespace and name not in variables:
                variables[name] = value = self.namespace[name]
                if isinstance(value, FunctionType):  # one of another module has variables of its own
                    own = value.__globals__
                    queue += [
                        other
                        for other in global_names(value.__code__)
                        if own.get(other) is self.namespace.get(other)
                    ]
        return variables

    @cached_property
    def program(self) -> str:
        """Return the cell's source, then those of the notebook's functions that it calls."""
        sources = [self.source]
        for value in self.variables.values():
            if isinstance(value, FunctionType):
                with contextlib.suppress(OSError, TypeError):
                    sources.append(inspect.getsource(value))
        return "\n".join(sources)

    @property
    def is_shell_cell(self) -> bool:
        """Return whether the whole cell is a program of the shell."""
        return bool(re.match(r"%%(bash|sh|script|sx|system|!)", self.source))

    @cached_property
    def shell_commands(self) -> str:
        """Return the cell's shell commands, one per line; a line that ends with a backslash continues."""
        if self.is_shell_cell:
            return self.source.partition("\n")[2]
        return "\n".join(re.findall(r"^[ \t]*(?:\w+[ \t]*=[ \t]*)?!+((?:.*\\\n)*.*)$", self.source, re.MULTILINE))

    def strings(self) -> Iterator[tuple[str | None, str]]:
        """Yield every string that the cell uses: (None, literal) or (variable, its value)."""
        literals = (node.value for node in self.nodes(ast.Constant))
        yield from ((None, value) for value in literals if isinstance(value, str))
        yield from ((name, value) for name, value in self.variables.items() if isinstance(value, str))

    def value_of(self, node: ast.AST | None) -> Any:
        """Return the value of a variable, or None for other code."""
        return self.namespace.get(node.id) if isinstance(node, ast.Name) else None

    def text_of(self, node: ast.expr) -> str | None:
        """Return the text of a literal or of a variable, or None for other code."""
        value = node.value if isinstance(node, ast.Constant) else self.value_of(node)
        return value if isinstance(value, str) else None

    def reader_options(self) -> Iterator[Mapping[str, str]]:
        """Yield the options of the data sources that the cell's Spark DataFrames read."""
        frames = (value for value in self.variables.values() if type(value).__name__ == "DataFrame")
        steps = {id(plan): plan for frame in frames for plan in plans(frame)}  # several may read one source
        yield from filter(None, (getattr(plan, "_options", None) for plan in steps.values()))

    @property
    def history(self) -> list[str]:
        """Return the cells that ran before in this kernel, as Python: with calls for magics; oldest first."""
        return [cell for cell in self.namespace.get("In", [])[:-1] if isinstance(cell, str)]

    def assignment_of(self, name: str) -> str | None:
        """Return the last statement of the cell and the cells before it that sets the variable, an assignment."""
        for source in [self.source, *reversed(self.history)]:
            for node in reversed(python_tree(source).body):
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                is_assignment = isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
                if is_assignment and any(isinstance(target, ast.Name) and target.id == name for target in targets):
                    return ast.get_source_segment(source, node)
                if name in _stored_names(node):
                    return None  # in a loop, in a block, or as one of several names
        return None

    def calls(self, *names: str) -> Iterator[ast.Call]:
        """Yield the cell's calls of functions or methods with one of the names, or all calls without a name."""
        yield from (call for call in self.nodes(ast.Call) if not names or called_name(call) in names)

    def only_line(self, pattern: str) -> str:
        """Return the cell's only line in which a regular expression matches, or ""."""
        lines = [line.strip() for line in self.source.split("\n") if re.search(pattern, line, re.IGNORECASE)]
        return lines[0] if len(lines) == 1 else ""

    def failed_attributes(self, name: str) -> list[ast.Attribute]:
        """Return the cell's attributes and methods of a name that contain the code that raised the error."""
        return [node for node in self.failed_nodes(ast.Attribute) if node.attr == name]

    def corrected_line(self, old: str, new: str, variable: str | None = None) -> str | None:
        """Return the line with `new` for `old`: the variable's assignment, or the cell's only line with it."""
        return f"{variable} = {new!r}" if variable else source_text.corrected_line(self.source, old, new)


def _stored_names(statement: ast.stmt) -> set[str]:
    """Return the variables that a statement sets, without those of functions, classes and comprehensions in it."""
    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.comprehension)
    own = {id(node) for item in ast.walk(statement) if isinstance(item, inner) for node in ast.walk(item)}
    names = [node for node in ast.walk(statement) if isinstance(node, ast.Name) and id(node) not in own]
    return {node.id for node in names if isinstance(node.ctx, ast.Store)}


def global_names(code: CodeType) -> list[str]:
    """Return the global names that a function uses; `co_names` has those of attributes, too."""
    inner = (item for item in code.co_consts if isinstance(item, CodeType))
    own = [step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    return [*own, *(name for item in inner for name in global_names(item))]


def plans(frame: Any) -> Iterator[Any]:
    """Yield the steps of the plan of a DataFrame of Spark Connect, the last one first."""
    plan = getattr(frame, "_plan", None)
    while plan is not None:
        yield plan
        plan = getattr(plan, "_child", None)


def close_matches(text: str, names: Iterable[str]) -> list[str]:
    """Return the names that are similar to the text, best first: the text may be a spelling mistake."""
    return difflib.get_close_matches(text, [name for name in names if name != text], cutoff=0.75)
