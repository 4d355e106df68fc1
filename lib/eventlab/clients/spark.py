"""Spark Connect: a version request, the authentication token, and short waits for servers that do not answer.

pyspark is imported when a function is called, because the import takes two seconds.
"""

import functools
import os
import uuid
import warnings
from typing import Any
from urllib.parse import urlsplit

from eventlab.clients import ports
from eventlab.clients.kafka_connections import WAITS_ARE_LONG
from eventlab.clients.spark_kafka import shorten_fetches, shorten_kafka_waits
from eventlab.errors import ServiceUnavailable

TIMEOUT_S = 9.0
TOKEN_VARIABLE = "SPARK_CONNECT_AUTHENTICATE_TOKEN"
"""The environment variable from which Spark's server and its clients read the token."""
MAX_RETRIES, MAX_BACKOFF_MS = 6, 2000
"""Spark's retry policy: each pause is four times as long as the one before, about 7 seconds in all."""
RECONNECT_OPTION = ("grpc.max_reconnect_backoff_ms", 1000)
QUERY_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""The loggers that write a failed query to standard error a second time, as JSON with this machine's paths."""


class SparkUnavailable(ServiceUnavailable):
    """The Spark Connect server does not answer, or refuses the token."""

    def __init__(self, address: str, reason: object) -> None:
        message = f"Spark Connect does not answer at {address}: {reason}"
        super().__init__(message, next_command="eventlab up spark")


def import_messages() -> None:
    """Import the messages of Spark Connect, which takes most of a second, before they are needed."""
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # gRPC's fork handlers only print warnings
    import pyspark.sql.connect.proto.base_pb2_grpc  # noqa: F401


def server_version(remote: str, token: str | None = None) -> str:
    """Return the version of the Spark Connect server at `sc://host:port`.

    With a token, the host must be `localhost`: without TLS, Spark's client sends a token only there.
    Raise SparkUnavailable if the server does not answer or refuses the token.
    """
    address = urlsplit(remote).netloc
    try:
        ports.check_connection(address)
    except ServiceUnavailable as error:
        raise SparkUnavailable(address, error) from error
    import_messages()
    from pyspark.sql.connect.proto import base_pb2

    request = base_pb2.AnalyzePlanRequest(
        session_id=str(uuid.uuid4()),
        user_context=base_pb2.UserContext(user_id="eventlab-probe"),
        spark_version=base_pb2.AnalyzePlanRequest.SparkVersion(),
    )
    return str(_call("AnalyzePlan", request, address, token).spark_version.version)


def release_session(remote: str, token: str | None, user_id: str, session_id: str) -> None:
    """End a session and interrupt what it runs."""
    from pyspark.sql.connect.proto import base_pb2

    request = base_pb2.ReleaseSessionRequest(
        session_id=session_id, user_context=base_pb2.UserContext(user_id=user_id), client_type="eventlab"
    )
    _call("ReleaseSession", request, urlsplit(remote).netloc, token)


def prepare_client() -> None:
    """Make Spark's clients in this process give up soon without an answer, and print each error only once.

    In grading, Spark waits for a broker that is busy as long as by default.
    """
    shorten_retries()
    if WAITS_ARE_LONG:
        shorten_fetches()
    else:
        shorten_kafka_waits()
    silence_query_loggers()


def silence_query_loggers() -> None:
    """Turn off pyspark's second report of a failed query."""
    from pyspark.logger import PySparkLogger

    for name in QUERY_LOGGERS:
        PySparkLogger.getLogger(name).setLevel("CRITICAL")


def shorten_retries() -> None:
    """Make the sessions of this process give up after some seconds; Spark's default is ten minutes.

    gRPC also reconnects every second, so that a session soon finds a server that was restarted.
    """
    try:
        from pyspark.sql.connect.client import core, retries
    except Exception:  # a Python without Spark Connect
        return
    options = core.ChannelBuilder.GRPC_DEFAULT_OPTIONS
    if RECONNECT_OPTION in options:
        return
    options.append(RECONNECT_OPTION)
    policy = retries.DefaultPolicy
    policy.__init__ = functools.partialmethod(  # type: ignore[method-assign,assignment]
        policy.__init__, max_retries=MAX_RETRIES, max_backoff=MAX_BACKOFF_MS
    )
    warnings.filterwarnings("ignore", message=r"\[RETRIES_EXCEEDED\]")  # the error has the same text


def _call(method: str, request: Any, address: str, token: str | None) -> Any:
    """Return the response to a request, sent over a channel like that of pyspark's DefaultChannelBuilder."""
    import grpc
    from pyspark.sql.connect.proto.base_pb2_grpc import SparkConnectServiceStub

    if token is None:
        channel = grpc.insecure_channel(address)
    else:
        credentials = grpc.local_channel_credentials(), grpc.access_token_call_credentials(token)
        channel = grpc.secure_channel(address, grpc.composite_channel_credentials(*credentials))
    with channel:
        try:
            return getattr(SparkConnectServiceStub(channel), method)(request, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            raise SparkUnavailable(address, f"{error.code().name}: {error.details()}") from error
