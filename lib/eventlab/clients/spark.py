"""Spark Connect: a version request, the authentication token, and a retry policy of seconds.

pyspark is imported when a function is called, because the import takes two seconds.
"""

from __future__ import annotations

import functools
import logging
import os
import uuid
import warnings
from urllib.parse import urlsplit

from eventlab.clients import ports
from eventlab.errors import ServiceUnavailable

logger = logging.getLogger(__name__)

TIMEOUT_S = 9.0
TOKEN_VARIABLE = "SPARK_CONNECT_AUTHENTICATE_TOKEN"
"""The environment variable from which Spark's server and its clients read the token."""
MAX_RETRIES, MAX_BACKOFF_MS = 6, 2000
"""With Spark's own factor (each pause is four times as long as the one before), about 7 seconds in all."""
RECONNECT_OPTION = ("grpc.max_reconnect_backoff_ms", 1000)


class SparkUnavailable(ServiceUnavailable):
    """The Spark Connect server does not answer, or refuses the token."""

    def __init__(self, address: str, reason: object) -> None:
        message = f"Spark Connect does not answer at {address}: {reason}"
        super().__init__(message, next_command="eventlab up spark")


def server_version(remote: str, token: str | None = None, timeout_s: float = TIMEOUT_S) -> str:
    """Return the version of a Spark Connect server.

    Args:
        remote: Its address, `sc://host:port`.
        token: The server's authentication token; such a server must be addressed as `localhost`, because Spark's
            client sends a token without TLS only there.
        timeout_s: Seconds to wait for the answer.

    Raises:
        SparkUnavailable: No answer, or the token is wrong.
    """
    address = urlsplit(remote).netloc
    try:
        ports.check_connection(address)
    except ServiceUnavailable as error:
        raise SparkUnavailable(address, error) from error
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # its fork handlers only write to standard error
    import grpc
    from pyspark.sql.connect.proto import base_pb2, base_pb2_grpc

    request = base_pb2.AnalyzePlanRequest(
        session_id=str(uuid.uuid4()),
        user_context=base_pb2.UserContext(user_id="eventlab-probe"),
        spark_version=base_pb2.AnalyzePlanRequest.SparkVersion(),
    )
    logger.debug("asking Spark Connect at %s for its version", address)
    with _channel(address, token) as channel:
        try:
            stub = base_pb2_grpc.SparkConnectServiceStub(channel)
            return str(stub.AnalyzePlan(request, timeout=timeout_s).spark_version.version)
        except grpc.RpcError as error:
            raise SparkUnavailable(address, f"{error.code().name}: {error.details()}") from error


def release_session(remote: str, token: str | None, user_id: str, session_id: str) -> None:
    """End a session and interrupt what it runs.

    Args:
        remote: The server's address, `sc://host:port`.
        token: The server's authentication token.
        user_id: The session's user.
        session_id: The session's UUID.

    Raises:
        SparkUnavailable: The server does not answer or does not end the session.
    """
    import grpc
    from pyspark.sql.connect.proto import base_pb2, base_pb2_grpc

    address = urlsplit(remote).netloc
    request = base_pb2.ReleaseSessionRequest(
        session_id=session_id, user_context=base_pb2.UserContext(user_id=user_id), client_type="eventlab"
    )
    with _channel(address, token) as channel:
        try:
            base_pb2_grpc.SparkConnectServiceStub(channel).ReleaseSession(request, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            raise SparkUnavailable(address, f"session {session_id} does not end: {error}") from error


def shorten_retries() -> None:
    """Let the sessions of this process give up after seconds instead of Spark's ten minutes.

    A learner would interrupt the cell before the error is shown. gRPC also reconnects each second, so that a
    server that was restarted is found soon.
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
    warnings.filterwarnings("ignore", message=r"\[RETRIES_EXCEEDED\]")  # the error says so too


def _channel(address: str, token: str | None):
    """Return a gRPC channel as pyspark's DefaultChannelBuilder makes it."""
    import grpc

    if token is None:
        return grpc.insecure_channel(address)
    credentials = grpc.composite_channel_credentials(
        grpc.local_channel_credentials(), grpc.access_token_call_credentials(token)
    )
    return grpc.secure_channel(address, credentials)
