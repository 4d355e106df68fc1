"""Explains methods of Spark's DataFrames that a table of pandas does not have, and the other way round."""

import ast
import re

from eventlab.explain.edits import arguments_of, python_correction, source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.owners import is_frame
from eventlab.explain.syntax_trees import called_name, literal, owner_of
from eventlab.settings import Settings

OF_PANDAS = {"orderBy": "sort_values", "sort": "sort_values", "filter": "query", "where": "query"}
"""Methods of Spark's DataFrames, with those of pandas that do the same."""
AGGREGATES = ("sum", "avg", "mean", "max", "min")
"""Methods of pandas' DataFrames and of Spark's groups."""
COPIES = "toPandas() copies a small DataFrame of Spark to a table of pandas"


def method_of_spark(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a table of pandas has no `show()`, which is a method of Spark's DataFrames.

    Remedy: The line with the table itself, or with the method of pandas.
    """
    if not isinstance(cell.error, AttributeError | TypeError | ValueError):
        return None
    for call in cell.failed_calls("show", *OF_PANDAS):
        frame = owner_of(call)
        value = cell.value_of(frame)
        if frame is None or not _is_pandas(value):
            continue
        name, code = called_name(call), source_of(cell, frame)
        if name in OF_PANDAS:
            argument = literal(call.args[0]) if len(call.args) == 1 else None
            is_condition = OF_PANDAS[name] == "query"
            if not isinstance(argument, str) or (is_condition and not re.search(r"[=<>]", argument)):
                continue
            code += f".{OF_PANDAS[name]}{arguments_of(cell, call)}"
        what = f"{source_of(cell, frame)} is a table of pandas, and {name} is a method of Spark's DataFrames."
        what += " JupyterLab shows a table of pandas in the cell's last line." if name == "show" else ""
        return python_correction(cell, call, code, what, f"its class is {type(value).__module__}.DataFrame")
    return None


def method_of_pandas(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a DataFrame of Spark has no method of that name, but a table of pandas has it.

    Remedy: The line with `toPandas()`, or with `agg()` for a sum, an average, a maximum or a minimum.
    """
    if not cell.matches(r"^builtins\.TypeError: 'Column' object is not callable"):
        return None
    import pandas
    from pyspark.sql import Column, DataFrame

    for call in cell.failed_calls():
        frame, name = owner_of(call), called_name(call)
        if frame is None or not is_frame(cell, frame) or hasattr(Column, name) or hasattr(DataFrame, name):
            continue
        texts = [isinstance(literal(item), str) for item in call.args]
        if name in AGGREGATES:
            if not all(texts) or call.keywords:
                continue
            pairs = ", ".join(f'{source_of(cell, item)}: "{name}"' for item in call.args)
            code = f"{source_of(cell, frame)}.agg({{{pairs}}})"
            what = f"A DataFrame has no method {name}. agg() calculates it for a column of all rows."
            if not texts:
                code = f"{source_of(cell, frame)}.groupBy().{name}()"
                what = f"A DataFrame has no method {name}. groupBy() without a column makes one group of all rows."
            return python_correction(cell, call, code, what, f"pyspark's DataFrame has no {name}")
        if name != "map" and callable(getattr(pandas.DataFrame, name, None)):  # map of Spark's RDDs is another one
            code = f"{source_of(cell, frame)}.toPandas().{name}"
            what = f"{name} is a method of pandas. {COPIES}."
            proof = f"pandas' DataFrame has {name}, and pyspark's has none"
            return python_correction(cell, call.func, code, what, proof)
    return None


def plot_of_spark(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `plot` of Spark's DataFrames needs a package that is not installed, and that of pandas works.

    Remedy: The line with `toPandas()`.
    """
    if not cell.matches(r"PACKAGE_NOT_INSTALLED\] Plotly"):
        return None
    nodes = (node for call in cell.failed_calls() for node in ast.walk(call) if isinstance(node, ast.Attribute))
    for node in (node for node in nodes if node.attr == "plot"):
        what = f"plot of Spark's DataFrames needs Plotly, which is not installed. {COPIES}, "
        what += "which draws with matplotlib."
        code = f"{source_of(cell, node.value)}.toPandas().plot"
        return python_correction(cell, node, code, what, f"Spark reports: {str(cell.error).partition(';')[0]}")
    return None


def _is_pandas(value: object) -> bool:
    return type(value).__name__ == "DataFrame" and type(value).__module__.startswith("pandas")


EXPLANATIONS: list[Explain] = [method_of_spark, method_of_pandas, plot_of_spark]
