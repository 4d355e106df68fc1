"""HTTP requests to the services, without a proxy.

httpx is imported when a function is called, because the import takes a fifth of a second.
"""

import functools
import logging
import ssl
from typing import TYPE_CHECKING, Any

from eventlab.errors import ServiceUnavailable

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

TIMEOUT_S = 8.0


@functools.cache
def _ssl_context() -> ssl.SSLContext:
    """Return the certificate store; httpx would load it for every client, which takes 20 ms."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)


def request(method: str, url: str, timeout_s: float = TIMEOUT_S, **options: Any) -> "httpx.Response":
    """Send one request with options of `httpx.request`, and return the response, whatever its status.

    The timeout applies to connecting and to each wait for data.

    Raises:
        ServiceUnavailable: No response arrived.
    """
    import httpx

    try:
        response = httpx.request(method, url, trust_env=False, verify=_ssl_context(), timeout=timeout_s, **options)
    except httpx.HTTPError as error:
        raise ServiceUnavailable(f"{url} does not answer: {error or type(error).__name__}") from error
    logger.debug("%s %s: status %d", method, url, response.status_code)
    return response


def get(url: str, timeout_s: float = TIMEOUT_S, **options: Any) -> "httpx.Response":
    """Send a GET request and return the response; another status than 200 raises ServiceUnavailable."""
    response = request("GET", url, timeout_s, **options)
    if response.status_code != 200:
        raise ServiceUnavailable(f"{url} answers with status {response.status_code}")
    return response
