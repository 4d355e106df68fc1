"""All explanation functions, in the order in which they are called."""

import importlib
import logging
from collections.abc import Iterable
from typing import Any

from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.python import wrong_kernel

logger = logging.getLogger(__name__)
MODULES = (
    *("syntax", "notebook", "java", "machine", "service", "stream", "stream_output", "stream_service"),
    *("stream_calls", "kafka", "kafka_calls"),
    *("kafka_client", "folders", "hdfs", "udf", "spark", "spark_connect", "reader"),
    *("sql_statements", "sql_syntax", "sql", "fields", "loops", "pandas_habits", "columns", "times", "values"),
    *("conditions", "expressions", "writer", "frames", "calls", "pandas_frames", "sorting", "arguments"),
    *("keys", "json_values", "groups", "names", "rows", "api", "usage", "shell", "shell_http", "shell_paths"),
    *("shell_text", "late_answers"),
)
"""The modules with explanations: machine before services, specific errors before general ones."""


def explain(cell: FailedCell) -> Explanation | None:
    """Return the first confirmed explanation of the cell's error, or None."""
    if cell.error and (explanation := wrong_kernel(cell)):
        return explanation  # such a kernel may lack the packages that the other explanations need
    from eventlab.settings import settings

    return first_confirmed(explanations(), cell, settings)


def first_confirmed(functions: Iterable[Explain], cell: FailedCell, settings: Any) -> Explanation | None:
    """Call the functions in order and return the first explanation; ignore a function that raises an error."""
    for function in functions:
        try:
            if explanation := function(cell, settings):
                return explanation
        except Exception:
            logger.debug("%s could not check the cell", function, exc_info=True)
    return None


def explanations() -> list[Explain]:
    """Return the functions of all modules of MODULES, which are imported here, because most cells never fail."""
    modules = (importlib.import_module(f"eventlab.explain.{name}") for name in MODULES)
    return [function for module in modules for function in module.EXPLANATIONS]
