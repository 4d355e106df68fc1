"""Explains errors of HTTP requests: the API is not running, a wrong port, an unknown route, a wrong method."""

import re
from urllib.parse import urlsplit

from eventlab.clients import http, ports
from eventlab.errors import ServiceUnavailable
from eventlab.explain import service
from eventlab.explain.explanation import Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.settings import Settings

UNREACHABLE = (r"httpx\.ConnectError", r"requests\..*ConnectionError", r"urllib.*Connection refused")
ROUTE = re.compile(r"""@\w+\.(?:route|get|post)\(\s*["']([^"'<]+)["']""")
URL = re.compile(r"https?://[\w.-]+(?::\d+)?[^\s\"')>]*")


def api_down(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the API does not answer, if the cell sends its requests there.

    Remedy: Start the API.
    """
    here = (settings.api_url, f":{settings.api_port}")
    addressed = any(address in text for text in _possible_addresses(cell) for address in here)
    if not service.is_reported(cell, "api", *(UNREACHABLE if addressed else ())):
        return None
    return service.service_not_running(settings, "api")


def wrong_port(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that nothing listens at the request's address, while the API answers at another port.

    Remedy: The line with the API's address.
    """
    if not cell.matches(*UNREACHABLE):
        return None
    api = urlsplit(settings.api_url)
    for url in map(urlsplit, URL.findall("\n".join(_possible_addresses(cell)))):
        local = url.hostname in ("localhost", "127.0.0.1")
        if not local or url.port == api.port or ports.is_open(url.port or 80):
            continue
        if not service.answers(settings, "api"):
            return None
        what = f"Nothing listens at {url.netloc}. The game API is at {api.netloc}."
        proof = f"port {url.port or 80} is closed; {api.netloc}{service.process_phrase(settings, 'api')} answers"
        if explanation := correction(cell, url.netloc, api.netloc, what, proof):
            return explanation
    return None


def wrong_route(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the API has no such route. Name the nearest one.

    Remedy: The line with the nearest route.
    """
    if not cell.matches(r"HTTP(Status)?Error: .*404"):
        return None
    url = _failed_url(cell)
    return unknown_route(cell, url, settings) if url else None


def unknown_route(cell: FailedCell, url: str, settings: Settings) -> Explanation | None:
    """Explain that the API answers 404 for an address; it is asked with OPTIONS, which creates no event."""
    path = urlsplit(url).path or "/"
    if not url.startswith(settings.api_url) or _allowed(settings, path):
        return None
    routes = sorted(set(ROUTE.findall(settings.api_app.read_text())) if settings.api_app.exists() else ())
    existing = [route for route in routes if _allowed(settings, route)]
    what = f"The game API has no route {path}."
    proof = f"its routes are {', '.join(existing)}"
    similar = close_matches(path, existing) or [route for route in existing if _shares_words(path, route)]
    for route in similar[:1]:
        return correction(cell, path, route, f"{what} Did you mean {route}?", proof)
    return Explanation(
        what, proof, f"!curl -s {settings.api_url}/", "To call a route that exists, run for example"
    )


def wrong_method(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the route exists, but not for this HTTP method.

    Remedy: The line with a method that the route allows.
    """
    if not cell.matches(r"HTTP(Status)?Error: .*405"):
        return None
    url = _failed_url(cell)
    if not url or not url.startswith(settings.api_url):
        return None
    path, allowed = urlsplit(url).path or "/", _allowed(settings, urlsplit(url).path or "/")
    methods = [name for name in ("get", "post", "put", "delete", "patch") if name.upper() in allowed]
    used = re.search(r"\.(get|post|put|delete|patch)\(", cell.source)
    if not methods or not used or used[1] in methods:
        return None
    what = f"The route {path} exists, but not for {used[1].upper()}."
    proof = f"the game API answers OPTIONS {path} with: Allow: {', '.join(allowed)}"
    return correction(cell, f".{used[1]}(", f".{methods[0]}(", what, proof)


def _allowed(settings: Settings, path: str) -> list[str]:
    """Return the methods that the API allows for a path; [] if it has no such route."""
    try:
        response = http.request("OPTIONS", settings.api_url + path)
    except ServiceUnavailable:
        return []
    allowed = response.headers.get("Allow", "") if response.status_code == 200 else ""
    return [method.strip() for method in allowed.split(",") if method.strip()]


def _shares_words(path: str, route: str) -> bool:
    """Return whether every word of a path is in the route: `/purchase_sword` and `/purchase_a_sword`."""
    words = re.findall(r"[a-z]+", path.lower())
    return bool(words) and set(words) <= set(re.findall(r"[a-z]+", route.lower()))


def _failed_url(cell: FailedCell) -> str | None:
    """Return the address of the failed request, from the error or its response."""
    for error in cell.errors:
        response = getattr(error, "response", None)
        url = getattr(response, "url", None) or getattr(error, "url", None)
        if url:
            return str(url)
    return None


def _possible_addresses(cell: FailedCell) -> list[str]:
    """Return the cell's strings, the addresses of its HTTP clients and settings, and of the failed requests."""
    addresses = [text for _, text in cell.strings()]
    for attribute in ("base_url", "api_url") if "api_url" in cell.source else ("base_url",):
        addresses += [str(getattr(value, attribute, "")) for value in cell.variables.values()]
    requests = (getattr(error, "_request", None) for error in cell.errors)
    return addresses + [str(request.url) for request in requests if request is not None]


EXPLANATIONS: list[Explain] = [api_down, wrong_port, wrong_route, wrong_method]
