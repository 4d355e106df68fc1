"""Explains streams that show nothing (`%why`), from the reports, offsets, plan and sink of the streaming query."""

import logging
import re
from collections.abc import Iterator
from typing import Any

from eventlab.clients.kafka import KafkaUnavailable
from eventlab.errors import EventlabError
from eventlab.explain import registry, service, spark, why_checkpoint, why_ended, why_query
from eventlab.explain.explanation import Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.query_program import is_active, is_query
from eventlab.explain.silent_query import SilentQuery, observed
from eventlab.settings import Settings

logger = logging.getLogger(__name__)


def stream_waits(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain why a streaming query shows nothing: how it ended, or what it waits for.

    Remedy: A line that shows the error or the progress, an option that the stream lacks, or an event to send.
    """
    try:
        silent = [observed(name, query, cell, settings) for name, query in queries(cell)]
    except KafkaUnavailable:
        return service.service_not_running(settings, "kafka")
    except Exception as error:  # Spark's errors have many classes
        lost = FailedCell(error, cell.source, cell.namespace)
        return registry.first_confirmed(spark.EXPLANATIONS, lost, settings)
    silent.sort(key=lambda query: (not query.state.error, not query.state.is_active))
    found = (explain_query(query, reasons) for reasons in ("REASONS", "STATES") for query in silent)
    return next(filter(None, found), None) or why_checkpoint.checkpoint_of_command(cell, settings)


def explain_query(silent: SilentQuery, reasons: str) -> Explanation | None:
    """Return the first reason of a list (`REASONS` or `STATES`) that Spark and Kafka confirm, or None."""
    for reason in getattr(why_query if silent.state.is_active else why_ended, reasons):
        try:
            if explanation := reason(silent):
                return explanation
        except EventlabError:
            raise
        except Exception:
            logger.debug("%s could not check the query", reason, exc_info=True)
    return None


def reads_elsewhere(cell: FailedCell) -> bool:
    """Return whether a streaming query of the cell has read rows: an empty topic is not its only source."""
    return any(report.numInputRows for _, query in queries(cell) for report in query.recentProgress)


def queries(cell: FailedCell) -> Iterator[tuple[str, Any]]:
    """Yield the streaming queries of the cell, and those into the tables that the cell names.

    The notebook may have others, whose session has ended with an earlier Spark server.
    """
    for name, value in list(cell.namespace.items()):
        if is_query(value) and not name.startswith("_"):
            table = value.name if is_active(value) else None
            if name in cell.variables or (table and re.search(rf"\b{table}\b", cell.source)):
                yield name, value
