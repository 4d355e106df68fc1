"""Explains what a program for a classic Spark, inside its own process, cannot do over Spark Connect."""

import ast
from importlib import metadata

from eventlab.explain import service
from eventlab.explain.edits import source_of
from eventlab.explain.explanation import INSTEAD, Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.session import NEW_SESSION, session_variable
from eventlab.explain.syntax_trees import owner_of
from eventlab.settings import Settings

RDD_ATTRIBUTES = {"rdd", "sparkContext", "_jsc", "_jvm", "_sc"}
OF_CONTEXT = (
    "parallelize textFile wholeTextFiles emptyRDD range union broadcast accumulator setLogLevel stop version"
)
"""Methods of the context of RDDs."""


def rdd_on_connect(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that Spark Connect has no RDDs. Give a session that has them.

    Remedy: A Spark inside of the notebook's kernel.
    """
    name = session_variable(cell)
    named = cell.conditions.get("JVM_ATTRIBUTE_NOT_SUPPORTED", {}).get("attr_name")
    named = named or cell.conditions.get("NOT_IMPLEMENTED", {}).get("feature")
    if cell.has_condition("CONTEXT_UNAVAILABLE_FOR_REMOTE_CLIENT"):
        attribute = "SparkContext"
    elif name and named in RDD_ATTRIBUTES:
        attribute = named
    elif name and cell.matches(r"NameError: name 'sc' is not defined") and _uses_context(cell):
        attribute = "sc"
    else:
        return None
    stop = f"{name}.stop(); " if name else ""
    variables = "('SPARK_REMOTE', 'SPARK_CONNECT_MODE_ENABLED')"
    unset = f"import os; {stop}[os.environ.pop(variable, None) for variable in {variables}]"
    version, server = metadata.version("pyspark"), service.process_phrase(settings, "spark")
    return Explanation(
        f"`{attribute}` belongs to RDDs. This session uses Spark Connect, which has DataFrames and SQL only.",
        f"the session is connected to {settings.spark_remote}, Spark {version}{server}",
        f"{unset}; {NEW_SESSION}; sc = spark.sparkContext",
        "To run RDD code, start a Spark inside this notebook's kernel (about 1 GB of memory): run this, then the "
        "cells that create the DataFrames, then this cell again",
    )


def _uses_context(cell: FailedCell) -> bool:
    """Return whether the cell uses `sc` as Spark's context: another program may have a variable of this name."""
    used = {node.attr for node in cell.nodes(ast.Attribute) if getattr(node.value, "id", "") == "sc"}
    return not used.isdisjoint(OF_CONTEXT.split())


def master_on_connect(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `.master(...)` asks for a Spark in this kernel, but the notebook uses the stack's Spark server.

    Remedy: The cell without `.master(...)`.
    """
    if not cell.has_condition("CANNOT_CONFIGURE_SPARK_CONNECT_MASTER"):
        return None
    calls = [(call, owner) for call in cell.calls("master") if (owner := owner_of(call))]
    if len(calls) != 1:
        return None
    call, builder = calls[0]
    return Explanation(
        "`.master(...)` asks for a Spark inside of this kernel, but the notebook uses the stack's Spark server.",
        f"the variable SPARK_REMOTE is {settings.spark_remote}",
        cell.source.replace(source_of(cell, call), source_of(cell, builder)),
        INSTEAD,
    )


EXPLANATIONS: list[Explain] = [rdd_on_connect, master_on_connect]
