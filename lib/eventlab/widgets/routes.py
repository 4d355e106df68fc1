"""The routes of the running game API, whose file may have changed since it was started."""

from typing import NamedTuple

from eventlab.clients import http
from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.stack.serve_api import METHODS, ROUTES_PATH

TIMEOUT_S = 6.0


class Route(NamedTuple):
    """A route of the API and the method with which a button calls it."""

    method: str
    path: str

    @property
    def label(self) -> str:
        """Return the text of the route's button."""
        return f"{self.method} {self.path}"

    @property
    def has_variables(self) -> bool:
        """Return whether the path contains variables such as `<name>`, which the caller must replace."""
        return "<" in self.path


class RoutesUnavailable(EventlabError):
    """The API did not send its routes; the message tells a learner what to do."""


def list_routes(api_url: str) -> list[Route]:
    """Return the routes of the API in alphabetical order of their paths; raise RoutesUnavailable without them."""
    try:
        response = http.request("GET", api_url + ROUTES_PATH, TIMEOUT_S)
    except ServiceUnavailable as error:
        message = f"The game API does not answer at {api_url}"
        raise RoutesUnavailable(message, next_command="eventlab up api") from error
    if response.status_code != 200:
        raise RoutesUnavailable(
            f"The API at {api_url} does not list its routes, because it was not started by this kit. "
            "Type a path instead"
        )
    routes = [
        Route(method, rule["path"])
        for rule in response.json()
        if (method := next((method for method in METHODS if method in rule["methods"]), None))
    ]
    return sorted(routes, key=lambda route: route.path)
