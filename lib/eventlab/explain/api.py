"""Explains errors of HTTP requests to the game API: it is not running."""

from eventlab.explain import service
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import Settings

UNREACHABLE = (r"httpx\.ConnectError", r"requests\..*ConnectionError", r"urllib.*Connection refused")


def api_down(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the API does not answer, if the cell sends its requests there."""
    here = (settings.api_url, f":{settings.api_port}")
    addressed = any(address in text for text in _possible_addresses(cell) for address in here)
    if not service.is_reported(cell, "api", *(UNREACHABLE if addressed else ())):
        return None
    return service.service_not_running(settings, "api")


def _possible_addresses(cell: FailedCell) -> list[str]:
    """Return the cell's strings, the addresses of its HTTP clients and settings, and of the failed requests."""
    addresses = [text for _, text in cell.strings()]
    for attribute in ("base_url", "api_url") if "api_url" in cell.source else ("base_url",):
        addresses += [str(getattr(value, attribute, "")) for value in cell.variables.values()]
    requests = (getattr(error, "_request", None) for error in cell.errors)
    return addresses + [str(request.url) for request in requests if request is not None]


EXPLANATIONS: list[Explain] = [api_down]
