"""Failures of calls to the game API."""

from __future__ import annotations

from typing import Any

from eventlab.explain import service
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failure import Failure


def api_down(failure: Failure, settings: Any) -> Explanation | None:
    """A refused HTTP connection, while nothing runs at the API's address."""
    if not failure.says(r"httpx\.ConnectError", r"requests\..*ConnectionError", r"urllib.*Connection refused"):
        if not failure.says(r"LessonError: not running: .*\bapi\b"):
            return None
    elif not any(settings.api_url in text or f":{settings.api_port}" in text for text in _addresses(failure)):
        return None
    return service.away(settings, "api")


def _addresses(failure: Failure) -> list[str]:
    """Where the cell may have called: what is written in it, and its clients' base addresses."""
    found = [text for _, text in failure.texts()]
    found += [str(getattr(value, "base_url", "")) for value in failure.used.values()]
    found += [str(getattr(value, "api_url", "")) for value in failure.used.values() if "api_url" in failure.source]
    requests = (getattr(error, "_request", None) for error in failure.chain)
    return found + [str(request.url) for request in requests if request is not None]


EXPLANATIONS: list[Explain] = [api_down]
