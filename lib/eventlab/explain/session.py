"""The Spark sessions and DataFrames of a notebook, for the explanations of Spark's errors."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, TypeGuard

from eventlab.explain.failed_cell import FailedCell

NEW_SESSION = "from pyspark.sql import SparkSession; spark = SparkSession.builder.getOrCreate()"
FUNCTIONS = "from pyspark.sql import functions as F"
OF_FUNCTIONS = ("pyspark.sql.functions", "pyspark.sql.connect.functions")
"""The modules with Spark's functions."""
THEN_DATAFRAMES = "To fix it, run this, then the cells that create the DataFrames, then this cell again"


def session_variable(cell: FailedCell) -> str | None:
    """Return a variable with a Spark Connect session: one that the cell uses, or else any of the notebook.

    An open session counts more than one that is closed. Jupyter's `_` is what the last cell showed.
    """
    names = [
        name
        for variables in (cell.variables, cell.namespace)
        for name, value in list(variables.items())
        if name[0] != "_" and type(value).__module__ == "pyspark.sql.connect.session" and hasattr(value, "client")
    ]
    used = [name for name in names if name in cell.variables]
    candidates = used or names
    is_open = (name for name in candidates if not is_closed(cell.namespace[name]))
    return next(is_open, candidates[0] if candidates else None)


def session_of(cell: FailedCell) -> Any:
    """Return the notebook's open session, or None."""
    name = session_variable(cell)
    session = cell.namespace[name] if name else None
    if session is not None and not is_closed(session):
        return session
    if "pyspark" not in sys.modules:
        return None  # its import would take 100 MB in a notebook without Spark
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    return active if active is not None and not is_closed(active) else None


def is_closed(session: Any) -> bool:
    """Return whether a Spark Connect session is closed; a session without Spark Connect counts as open."""
    return bool(getattr(getattr(session, "client", None), "is_closed", False))


def dataframes(cell: FailedCell) -> Iterator[tuple[str, Any]]:
    """Yield the DataFrames that the cell uses: (variable, DataFrame)."""
    for name, value in cell.variables.items():
        if is_dataframe(value):
            yield name, value


def functions_variable(cell: FailedCell) -> str | None:
    """Return the variable with the module of Spark's functions, usually F."""
    found = ((name, value) for name, value in cell.namespace.items() if isinstance(value, ModuleType))
    return next((name for name, value in found if name[0] != "_" and value.__name__ in OF_FUNCTIONS), None)


def spark_function(cell: FailedCell, name: str) -> str | None:
    """Return code for one of Spark's functions: `F.split`, or `split` where the notebook has imported it by name.

    Without either, `python_correction` adds the import of F to the line. None if F is something else.
    """
    prefix = functions_variable(cell)
    if prefix is None and str(getattr(cell.namespace.get(name), "__module__", "")).startswith(OF_FUNCTIONS):
        return name
    if prefix is None and ("F" in cell.namespace or "F" in cell.assigned):
        return None
    return f"{prefix or 'F'}.{name}"


def is_dataframe(value: Any) -> TypeGuard[Any]:
    """Return whether a value is one of Spark's DataFrames."""
    return type(value).__name__ == "DataFrame" and type(value).__module__.startswith("pyspark.sql")


def reconnect(name: str) -> str:
    """Return a line of Python that replaces the session in the variable with a new one."""
    return f"{name}.stop(); {NEW_SESSION.replace('spark = ', f'{name} = ')}"


def with_reconnect(command: str, cell: FailedCell) -> str:
    """Return the command and, if the notebook has a session, a line that replaces the session."""
    name = session_variable(cell)
    return f"{command}\n{reconnect(name)}" if name else command
