"""Ask Spark and Kafka for the state of a streaming query."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from eventlab.clients.kafka import Offsets
from eventlab.clients.stream_state import StreamState, read_state

logger = logging.getLogger(__name__)

OffsetsOf = Callable[[str], Offsets | None]


def observe(query: Any, offsets_of: OffsetsOf) -> StreamState:
    """Return the state of a streaming query, from Spark Connect or a classic session.

    Args:
        query: The query, which may have ended.
        offsets_of: Returns the offsets of a topic, or None when it does not exist.

    Raises:
        KafkaUnavailable: No broker answers `offsets_of`.
    """
    reports = [json.loads(progress.json) for progress in query.recentProgress]
    status = query.status
    state = read_state(reports, status, query.isActive, error_of(query), _explained(query))
    offsets = {topic: offsets_of(topic) for topic in state.topics}
    return replace(state, offsets=offsets, name=query.name or "", id=query.id, run_id=query.runId)


def error_of(query: Any) -> str:
    """Return the text of the query's exception, or ""; where pyspark cannot parse it, the text of the status."""
    try:
        return str(query.exception() or "")
    except IndexError:
        return str(query.status["message"]).removeprefix("Terminated with exception: ")


def _explained(query: Any) -> str:
    """Return the text that `query.explain(True)` prints, or "" of a query that failed while it was planned."""
    try:
        if hasattr(query, "_jsq"):
            return str(query._jsq.explainInternal(True))
        from pyspark.sql.connect.proto import StreamingQueryCommand

        command = StreamingQueryCommand()
        command.explain.extended = True
        return str(query._execute_streaming_query_cmd(command).explain.result)
    except Exception:  # Spark's errors have many classes; a query that failed while it was planned has no plan
        logger.info("the query has no plan", exc_info=True)
        return ""
