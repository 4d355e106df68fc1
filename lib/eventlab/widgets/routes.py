"""Which routes the running API offers, as it says itself; its file may have been edited since it was started."""

from __future__ import annotations

from typing import NamedTuple

from eventlab.clients import http
from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.stack.probes import ROUTES_PATH

TIMEOUT_S = 2.0
SENT = ("GET", "POST", "PUT", "DELETE", "PATCH")
"""Methods that a button can send, the ones that ask for the least first."""


class Route(NamedTuple):
    """One rule of the API's URL map and the method with which a button calls it."""

    method: str
    path: str

    @property
    def label(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def has_blanks(self) -> bool:
        """Whether parts of the path (`<name>`) are the caller's to fill in."""
        return "<" in self.path


class NoRoutes(EventlabError):
    """The API did not say which routes it has; the message tells a learner why, and what to do."""


def running_routes(api_url: str) -> list[Route]:
    """The routes, in alphabetical order of their paths. Raises NoRoutes."""
    try:
        answer = http.request("GET", api_url + ROUTES_PATH, TIMEOUT_S)
    except ServiceUnavailable:
        raise NoRoutes(f"The game API does not answer at {api_url}. Start it: eventlab up api") from None
    if answer.status_code != 200:
        raise NoRoutes(
            f"The API at {api_url} answers, but does not tell its routes: it was not started by this kit. "
            "Type a path instead"
        )
    return sorted(
        (Route(method, rule["path"]) for rule in answer.json() if (method := _method(rule["methods"]))),
        key=lambda route: route.path,
    )


def _method(methods: list[str]) -> str | None:
    return next((method for method in SENT if method in methods), None)
