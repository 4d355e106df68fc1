"""HTTP with the services: no proxy in between, and the authorities' certificates are read once.

httpx reads them anew for every client, 20 ms of processor time each, also where the address is not one of https.
"""

from __future__ import annotations

import functools
import ssl
from typing import Any

import httpx


@functools.cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def client(timeout_s: float) -> httpx.Client:
    """For several requests on one connection."""
    return httpx.Client(trust_env=False, verify=_certificates(), timeout=timeout_s)


def request(method: str, url: str, timeout_s: float, **options: Any) -> httpx.Response:
    """One request, with httpx's own options; httpx.HTTPError when there is no answer."""
    with client(timeout_s) as once:
        return once.request(method, url, **options)
