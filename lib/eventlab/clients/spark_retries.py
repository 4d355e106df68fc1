"""How long a cell waits for a Spark server that is away: seconds, not Spark's ten minutes, in which a learner
would only interrupt it and never see the error that is to be explained.

Each try waits four times as long as the one before, from 50 ms up to 2 s. The connection is tried anew each
second (gRPC's own pauses grow to two minutes), so that a server that is back is soon seen.
"""

from __future__ import annotations

import functools
import sys
import warnings

TRIES, LONGEST_PAUSE_MS = 6, 2000
"""About 7 seconds in all: a server that is being restarted needs as long."""
RECONNECT = ("grpc.max_reconnect_backoff_ms", 1000)


def shorten(source: str) -> None:
    """Before a cell that works with Spark: sessions from now on give up sooner."""
    if "pyspark" not in sys.modules and "pyspark" not in source:
        return
    try:
        from pyspark.sql.connect.client import core, retries
    except Exception:
        return  # a Python without Spark Connect has no such patience
    options = core.ChannelBuilder.GRPC_DEFAULT_OPTIONS
    if RECONNECT in options:
        return
    options.append(RECONNECT)
    policy = retries.DefaultPolicy
    policy.__init__ = functools.partialmethod(  # type: ignore[method-assign,assignment]
        policy.__init__, max_retries=TRIES, max_backoff=LONGEST_PAUSE_MS
    )
    warnings.filterwarnings("ignore", message=r"\[RETRIES_EXCEEDED\]")  # the error says it
