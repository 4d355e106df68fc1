"""Ask Spark and Kafka for the state of a streaming query."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from eventlab.clients.kafka import Offsets
from eventlab.clients.stream_state import StreamState, read_state

OffsetsOf = Callable[[str], Offsets | None]


def observe(query: Any, offsets_of: OffsetsOf) -> StreamState:
    """Return the state of a streaming query, of Spark Connect or of a classic session.

    Args:
        query: The query, which may have ended.
        offsets_of: Returns the offsets of a topic, or None when it does not exist.

    Raises:
        KafkaUnavailable: No broker answers `offsets_of`.
    """
    error = query.exception()
    reports = [json.loads(progress.json) for progress in query.recentProgress]
    state = read_state(reports, query.status, query.isActive, str(error or ""), _explained(query))
    offsets = {topic: offsets_of(topic) for topic in state.topics}
    return replace(state, offsets=offsets, name=query.name or "", id=query.id, run_id=query.runId)


def _explained(query: Any) -> str:
    """Return the text that `query.explain(True)` prints; printing it would show it in the notebook."""
    if hasattr(query, "_jsq"):
        return str(query._jsq.explainInternal(True))
    from pyspark.sql.connect.proto import StreamingQueryCommand

    command = StreamingQueryCommand()
    command.explain.extended = True
    return str(query._execute_streaming_query_cmd(command).explain.result)
