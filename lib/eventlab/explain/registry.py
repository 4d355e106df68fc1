"""All explanation functions, in the order in which they are called."""

import logging
from collections.abc import Iterable
from typing import Any

from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.python import wrong_kernel

logger = logging.getLogger(__name__)


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
    """Return the functions of all modules: machine before services, specific errors before general ones.

    The modules are imported here, because most cells never fail.
    """
    from eventlab.explain import (
        api,
        arguments,
        calls,
        columns,
        conditions,
        expressions,
        fields,
        hdfs,
        java,
        json_values,
        kafka,
        kafka_client,
        keys,
        machine,
        names,
        notebook,
        pandas_frames,
        reader,
        rows,
        service,
        shell,
        shell_http,
        shell_paths,
        shell_text,
        spark,
        spark_connect,
        sql,
        sql_syntax,
        stream,
        stream_output,
        syntax,
        udf,
        usage,
        values,
        writer,
    )

    modules = (
        syntax,
        notebook,
        java,
        machine,
        service,
        stream,
        stream_output,
        kafka,
        kafka_client,
        hdfs,
        udf,
        spark,
        spark_connect,
        reader,
        sql_syntax,
        sql,
        fields,
        columns,
        values,
        conditions,
        expressions,
        writer,
        calls,
        pandas_frames,
        arguments,
        keys,
        json_values,
        names,
        rows,
        api,
        shell,
        shell_http,
        shell_paths,
        shell_text,
        usage,
    )
    return [function for module in modules for function in module.EXPLANATIONS]
