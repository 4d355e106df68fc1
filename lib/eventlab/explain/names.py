"""Explains misspelt names of Python: an attribute or a method, a module, an import, a variable.

Python 3.12 and later print some of these names; Jupyter does not show them. Each name that a box proposes exists.
"""

import ast
import inspect
import pkgutil
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from types import BuiltinFunctionType, BuiltinMethodType, FunctionType, MethodType
from typing import Any

from eventlab.explain.edits import arguments_of, end_of, python_correction, source_of, statement_correction
from eventlab.explain.explanation import REPLACE_LINE, RUN_FIRST, Explain, Explanation
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.session import FUNCTIONS, session_variable
from eventlab.explain.sql import CREATED_VIEW
from eventlab.explain.syntax_trees import called_name, literal, owner_of
from eventlab.settings import Settings

METHODS = FunctionType, MethodType, BuiltinFunctionType, BuiltinMethodType
KNOWN = {
    "F": FUNCTIONS,
    "np": "import numpy as np",
    "pd": "import pandas as pd",
    "plt": "import matplotlib.pyplot as plt",
    "settings": "from eventlab.settings import settings",
    "course": "from eventlab import course",
}
"""Names that the lessons give to modules, and the kit's own objects."""
OF_PYTHON = {"null": "None", "true": "True", "false": "False"}
"""Words of SQL and JSON, and what Python has instead."""
PACKAGES = ("httpx", "kafka", "pyspark", "pandas", "matplotlib", "numpy", "eventlab")
SOURCES_OF_NAMES = ("pyspark.sql", "kafka", "pyspark.sql.functions", "pyspark.sql.types", "pathlib", "datetime")
"""Modules whose classes and functions the lessons import by name, if they are loaded."""
SAVE = ("parquet", "json", "csv", "orc", "text", "save", "saveAsTable")
"""Methods of a writer that write the rows."""


def misspelt_attribute(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a module, a class or an object has no attribute of that name. Name the nearest one.

    Remedy: The line with the nearest name.
    """
    error = next((error for error in cell.errors if isinstance(error, AttributeError)), None)
    if error is None or error is not cell.error or not error.name or error.obj is None:
        return None
    owner, name = error.obj, error.name
    if name == "json" and isinstance(owner, str | bytes):
        return None  # it is not `join`
    if isinstance(owner, METHODS):
        return _method_without_parentheses(cell, owner, name)
    nodes = cell.failed_attributes(name)
    what = f"{_description(owner)} has no attribute {name!r}."
    names = [other for other in dir(owner) if not other.startswith("_")]
    longer = [other for other in names if other.endswith(f"_{name}") and not inspect.ismodule(owner)]
    for similar in close_matches(name, names)[:1] or (longer if len(longer) == 1 else []):
        return _renamed(cell, nodes, similar, what, f"{_description(owner)} has {similar}")
    return None


def _description(owner: Any) -> str:
    """Return what an object is: a module or a class with its name, or an object of a class."""
    if inspect.ismodule(owner):
        return f"The module {owner.__name__}"
    if isinstance(owner, type):
        return f"The class {owner.__name__}"
    return _with_article(owner, "A")


def _with_article(value: Any, article: str = "a") -> str:
    """Return the class of a value with its article: "a Row", "an int"."""
    name = type(value).__name__
    return f"{article}n {name}" if name[0] in "AEIOaeio" else f"{article} {name}"


def _method_without_parentheses(cell: FailedCell, method: Any, name: str) -> Explanation | None:
    """Explain `frame.distinct.show()`: a method is called with parentheses."""
    called = getattr(method, "__name__", "")
    for node in cell.failed_attributes(name):
        if not isinstance(node.value, ast.Attribute) or node.value.attr != called:
            continue
        what = f"{called} is a method. It is called with parentheses: {called}()."
        proof = f"Python searched for {name} in the method itself"
        code = f"{source_of(cell, node.value)}()"
        old: ast.expr = node
        if inspect.signature(method).return_annotation in ("int", "str", "bool", int, str, bool):
            old = next(
                (call for call in cell.calls(name) if call.func is node), node
            )  # such a value has no `show`
        else:
            code += f".{name}"
        return python_correction(cell, old, code, what, proof)
    return None


def _renamed(cell: FailedCell, nodes: Sequence[ast.expr], new: str, what: str, proof: str) -> Explanation | None:
    """Explain with the line that has the new name; with the name only, if the wrong one is in several places."""
    question = f"{what} Did you mean {new!r}?"
    if not nodes:
        return None  # it is in a function of another cell
    if len(nodes) > 1:
        return Explanation(question, proof, new, "To fix it, write this name in the cell instead")
    old = nodes[0].attr if isinstance(nodes[0], ast.Attribute) else source_of(cell, nodes[0])
    return python_correction(cell, end_of(nodes[0], old), new, question, proof)


def misspelt_method(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a DataFrame has no method of that name: Spark Connect then looks for a column.

    Remedy: The line with the nearest method.
    """
    if not cell.matches(r"^builtins\.TypeError: 'Column' object is not callable"):
        return None
    from pyspark.sql import Column, DataFrame, GroupedData

    known = {name for kind in (Column, DataFrame, GroupedData) for name in dir(kind)}
    calls = [call.func for call in cell.failed_calls() if isinstance(call.func, ast.Attribute)]
    unknown = [node for node in calls if node.attr not in known]
    for node in unknown:
        for similar in close_matches(node.attr, dir(DataFrame))[:1]:
            what = f"A DataFrame has no method {node.attr!r}."
            return _renamed(cell, [node], similar, what, f"pyspark's DataFrame has the method {similar}")
    for node in [node.value for node in calls if isinstance(node.value, ast.Attribute)]:  # `frame.wirte.mode(...)`
        frame = cell.value_of(node.value)
        if not isinstance(frame, DataFrame) or node.attr in (*known, *frame.columns):
            continue
        for similar in close_matches(node.attr, dir(DataFrame))[:1]:
            what = f"A DataFrame has no attribute {node.attr!r}."
            return _renamed(cell, [node], similar, what, f"pyspark's DataFrame has {similar}")
    return None


def nothing_follows(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a method such as `parquet()` of a writer or `show()` returns None, so nothing can follow it.

    Remedy: The line with the methods in the other order, or the statement without `show()`.
    """
    error = cell.error
    if cell.matches(r"^builtins\.TypeError: 'NoneType' object is not subscriptable"):
        return _field_of_show(cell) or _field_of_no_row(cell)
    if not isinstance(error, AttributeError) or error.obj is not None or not error.name:
        return None
    for node in cell.failed_attributes(error.name):
        if isinstance(node.value, ast.Name):
            return _variable_of_show(cell, node.value.id)
        outer = next((call for call in cell.calls(error.name) if call.func is node), None)
        inner, owner = node.value, owner_of(node.value)
        if not isinstance(inner, ast.Call) or owner is None:
            continue
        method, owner_code = called_name(inner), source_of(cell, owner)
        if method == "show":
            what = f"show() prints rows and returns None, so {error.name} cannot follow it."
            return python_correction(cell, inner, owner_code, what, "the value of show() is None")
        if outer and method in SAVE and ".write" in cell.source:
            code = f"{owner_code}.{error.name}{arguments_of(cell, outer)}.{method}{arguments_of(cell, inner)}"
            what = f"{method}() writes the files and returns None, so {error.name}() must be before it."
            return python_correction(cell, outer, code, what, f"the value of {method}() is None")
    return None


def _field_of_show(cell: FailedCell) -> Explanation | None:
    """Explain `frame.show(3)["Host"]`: select() chooses the column, before show()."""
    for node in cell.failed_nodes(ast.Subscript):
        call, owner, column = node.value, owner_of(node.value), node.slice
        if not isinstance(call, ast.Call) or owner is None or called_name(call) != "show":
            continue
        if isinstance(literal(column), str):  # a number is a row
            frame = source_of(cell, owner)
            code = f"{frame}.select({source_of(cell, column)}){source_of(cell, call)[len(frame) :]}"
            what = "show() prints rows and returns None. select() chooses a column before it."
            return python_correction(cell, node, code, what, "the value of show() is None")
    return None


def _field_of_no_row(cell: FailedCell) -> Explanation | None:
    """Explain `frame.where(...).first()["Host"]` when no row is there."""
    for call in (node.value for node in cell.failed_nodes(ast.Subscript)):
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "first" and not call.args:
            what = "first() returned None, because the result has no rows. So there is no field."
            return Explanation(
                what, f"Python reports: {cell.error}", "%why", "To see why there are no rows, run this"
            )
    return None


def _variable_of_show(cell: FailedCell, name: str) -> Explanation | None:
    """Explain that a variable is None, because `show()` prints rows and returns nothing."""
    statement = cell.assignment_of(name) or ""
    match = re.search(r"\s*\.show\([^()]*\)\s*$", statement)
    if name not in cell.namespace or cell.namespace[name] is not None or not match:
        return None
    what = f"{name} is None: show() prints rows and returns nothing. Keep the DataFrame, and show it after that."
    proof = f"it was assigned by: {statement}"
    return statement_correction(cell, statement, statement[: match.start()], what, proof)


def misspelt_import(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a module, or a name in it, does not exist. Name the nearest one.

    Remedy: The line with the nearest name.
    """
    error = cell.error
    if isinstance(error, ModuleNotFoundError) and error.name:
        parent, _, name = error.name.rpartition(".")
        names = _modules_in(parent) if parent else [*PACKAGES, *sys.stdlib_module_names]
        what, owner = f"There is no module {error.name!r}.", f"{parent}." if parent else ""
    elif isinstance(error, ImportError) and (
        match := re.search(r"cannot import name '(\w+)' from '([\w.]+)'", str(error))
    ):
        name, owner = match[1], ""
        names = [other for other in dir(sys.modules[match[2]]) if not other.startswith("_")] + _modules_in(
            match[2]
        )
        what = f"The module {match[2]} has no name {name!r}."
    else:
        return None
    for similar in close_matches(name, names)[:1]:
        lines = {cell.source.split("\n")[node.lineno - 1] for node in cell.nodes(ast.Import, ast.ImportFrom)}
        found = [line for line in lines if re.search(rf"\b{name}\b", line)]
        if len(found) == 1:
            line = re.sub(rf"\b{name}\b", similar, found[0].strip(), count=1)
            question = f"{what} Did you mean {owner + similar!r}?"
            return Explanation(question, f"{owner}{similar} exists in this environment", line, REPLACE_LINE)
    return None


def _modules_in(package: str) -> list[str]:
    """Return the names of a package's modules; an empty list for a module that is not a package."""
    path = getattr(sys.modules.get(package), "__path__", ())
    return [module.name for module in pkgutil.iter_modules(path)]


def unknown_variable(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a variable does not exist: it is misspelt, or its import is missing.

    Remedy: The line with the nearest variable, or the import.
    """
    error = cell.error
    if not isinstance(error, NameError) or not error.name or isinstance(error, UnboundLocalError):
        return None
    name = error.name
    what, proof = f"There is no variable {name!r}.", f"{name} is not set in this kernel"
    nodes = [node for node in cell.nodes(ast.Name) if node.id == name]
    if nodes and name.lower() in OF_PYTHON:
        what = f"Python does not know {name}. It has {OF_PYTHON[name.lower()]}."
        return python_correction(cell, nodes[0], OF_PYTHON[name.lower()], what, proof)
    if line := import_of(cell, name):
        what = f"{name} is not imported in this notebook."
        return Explanation(what, proof, line, RUN_FIRST)
    if nodes and any(name in names for names in CREATED_VIEW.findall("\n".join([*cell.history, cell.source]))):
        what = f"{name} is a view: a name in SQL, not a variable of Python. The method table returns it."
        code = f'{session_variable(cell) or "spark"}.table("{name}")'
        return python_correction(cell, nodes[0], code, what, f"{proof}; a cell has created the view {name}")
    variables = [other for other in cell.namespace if not other.startswith("_") and other not in ("In", "Out")]
    for similar in close_matches(name, variables)[:1]:
        value = cell.namespace[similar]
        return _renamed(cell, nodes, similar, what, f"{proof}; {similar} is {_with_article(value)}")
    return None


def import_of(cell: FailedCell, name: str) -> str | None:
    """Return the line that imports a name which the cell calls (`col("a")`) or whose attribute it uses, or None.

    Many names of modules and functions, such as `code` or `first`, are also good names of variables.
    """
    called = any(isinstance(call.func, ast.Name) and call.func.id == name for call in cell.calls())
    attributes = {node.attr for node in cell.nodes(ast.Attribute) if getattr(node.value, "id", "") == name}
    if name in KNOWN and (called or attributes):
        return KNOWN[name]
    is_module = name in PACKAGES or (name in sys.stdlib_module_names and name not in ("this", "antigravity"))
    if is_module and attributes and all(hasattr(import_module(name), attribute) for attribute in attributes):
        return f"import {name}"
    for module in SOURCES_OF_NAMES if called or attributes else ():
        value = getattr(sys.modules.get(module), name, None)
        if isinstance(value, type | FunctionType) and all(hasattr(value, attribute) for attribute in attributes):
            return f"from {module} import {name}"
    return None


EXPLANATIONS: list[Explain] = [
    misspelt_attribute,
    misspelt_method,
    nothing_follows,
    misspelt_import,
    unknown_variable,
]
