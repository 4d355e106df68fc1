"""Explains errors of HTTP requests: the API is not running, a wrong port, route, method or body."""

import ast
import re
from types import ModuleType
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from eventlab.clients import http, ports
from eventlab.explain import service
from eventlab.explain.edits import python_correction, source_of
from eventlab.explain.explanation import REPLACE_LINE, Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.settings import Settings
from eventlab.stack.serve_api import METHODS, ROUTES_PATH

UNREACHABLE = (r"httpx\.ConnectError", r"requests\..*ConnectionError", r"urllib.*Connection refused")
URL = re.compile(r"https?://[\w.-]+(?::\d+)?[^\s\"')>]*")
VARIABLE = re.compile(r"<(?:(?P<kind>\w+):)?\w+>")
"""A variable of a route: `<name>` or `<int:number>`."""
CLIENTS = ("httpx", "eventlab")
"""Packages whose objects have the address of a service as an attribute."""
TIMEOUT_S = 3.0


class Rule(NamedTuple):
    """A route of the running API: `/join_guild/<name>` and its methods."""

    path: str
    methods: list[str]

    def matches(self, path: str) -> bool:
        """Return whether the route answers this path."""
        parts = (re.escape(part) for part in re.split(r"<[^>]*>", self.path))
        kinds = [".+" if match["kind"] == "path" else "[^/]+" for match in VARIABLE.finditer(self.path)]
        pattern = next(parts) + "".join(kind + part for kind, part in zip(kinds, parts, strict=True))
        return bool(re.fullmatch(pattern, path))

    def like(self, path: str) -> str:
        """Return the route with the words of a path for its variables: a path that the API answers."""
        words = path.split("/")
        own = self.path.split("/")
        if len(own) != len(words):
            words = own
        return "/".join(
            (VARIABLE.sub("name", word) if not given or "<" in given else given) if VARIABLE.search(word) else word
            for word, given in zip(own, words, strict=True)
        )


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
    """Explain that nothing listens at the request's address, while the API has another one.

    Remedy: The line with the API's address, or the command that starts the API.
    """
    if not cell.matches(*UNREACHABLE):
        return None
    api = urlsplit(settings.api_url)
    for url in map(urlsplit, URL.findall("\n".join(_possible_addresses(cell)))):
        local = url.hostname in ("localhost", "127.0.0.1")
        if not local or url.port == api.port or ports.is_open(url.port or 80):
            continue
        what = f"Nothing listens at {url.netloc}. The game API is at {api.netloc}"
        proof = f"port {url.port or 80} is closed"
        if down := service.service_not_running(settings, "api"):
            what, proof = f"{what}, and does not answer there either.", f"{proof}; {down.proof}"
            then = f"To fix it, run this, then write {api.netloc} for {url.netloc} in the cell"
            return Explanation(what, proof, down.remedy, then)
        if not service.answers(settings, "api"):
            return None
        what, proof = f"{what}.", f"{proof}; {api.netloc}{service.process_phrase(settings, 'api')} answers"
        if explanation := correction(cell, url.netloc, api.netloc, what, proof):
            return explanation
        instruction = f"To fix it, write this address in the place of this notebook that has {url.netloc}"
        return Explanation(what, proof, settings.api_url, instruction)
    return None


def request_refused(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the API answered 404, 405, 400 or 503: a wrong route, method or body, or Kafka does not run.

    Remedy: The line with the nearest route or another method, what shows the API's checks, or the start of Kafka.
    """
    for error in cell.errors:
        if (response := getattr(error, "response", None)) is not None:
            return explain_answer(cell, response, settings)
    url = next((str(error.url) for error in cell.errors if getattr(error, "url", None)), "")  # type: ignore[attr-defined]
    return unknown_route(cell, url, settings) if url and cell.matches(r"HTTPError: .*404") else None


def explain_answer(cell: FailedCell, response: Any, settings: Settings) -> Explanation | None:
    """Explain the API's answer to a request of httpx or requests."""
    url, used = str(response.url), response.request.method
    if response.status_code == 404:
        return unknown_route(cell, url, settings)
    if response.status_code == 400:
        return _refused_body(cell, response, settings)
    if response.status_code == 503 and is_api(urlsplit(url), settings):
        return service.service_not_running(settings, "kafka")
    refused = method_not_allowed(urlsplit(url), used, settings) if response.status_code == 405 else None
    functions = [call.func for call in cell.calls(used.lower()) if _is_of_client(cell, call.func)]
    if refused is None or len(functions) != 1:
        return None
    what, proof, allowed = refused
    code = f"{source_of(cell, functions[0]).removesuffix(used.lower())}{allowed.lower()}"
    return python_correction(cell, functions[0], code, what, proof)


def _is_of_client(cell: FailedCell, function: ast.expr) -> bool:
    """Return whether a function is one of httpx or requests, or of a client of theirs."""
    owner = cell.value_of(getattr(function, "value", None))
    name = owner.__name__ if isinstance(owner, ModuleType) else type(owner).__module__
    return name.partition(".")[0] in ("httpx", "requests")


def _refused_body(cell: FailedCell, response: Any, settings: Settings) -> Explanation | None:
    """Explain that the API refuses the body of a request, with the reason that it gives."""
    reason = response.json().get("error") if is_api(urlsplit(str(response.url)), settings) else None
    if not reason:
        return None
    what = f"The game API refused the request: {reason}."
    body = getattr(response.request, "content", None) or getattr(response.request, "body", None) or b""
    text = body if isinstance(body, str) else bytes(body).decode(errors="replace")  # requests keeps a form as str
    proof = f"it answered 400 to the body {text[:80]!r}"
    keywords = [item for call in cell.calls("post", "put") for item in call.keywords if item.arg == "data"]
    if len(keywords) == 1 and "form-urlencoded" in response.request.headers.get("content-type", ""):
        line = cell.source.split("\n")[keywords[0].lineno - 1].encode()
        start = keywords[0].col_offset
        line = line[:start] + b"json" + line[start + len(b"data") :]
        form = f"{what} data= is sent as a form, and json= as JSON."
        return Explanation(form, proof, line.decode().strip(), REPLACE_LINE)
    show = 'course.show_program("game_api.py", "problem_with")'
    if not isinstance(cell.namespace.get("course"), ModuleType):
        show = f"from eventlab import course; {show}"
    return Explanation(what, proof, show, "Change the body. To see what the API checks, run this")


def unknown_route(cell: FailedCell, url: str, settings: Settings) -> Explanation | None:
    """Explain that no route of the running API matches an address; ServiceUnavailable if it does not answer."""
    address = urlsplit(url)
    if not is_api(address, settings):
        return None
    path, rules = address.path or "/", list_rules(settings)
    if any(rule.matches(path) for rule in rules):
        return None
    what = f"The game API has no route {path}."
    proof = f"its routes are {', '.join(rule.path for rule in rules)}"
    paths = {rule.like(path): rule for rule in rules}
    similar = close_matches(path, paths) or [
        name for name, rule in paths.items() if _shares_words(path, rule.path)
    ]
    for route in similar[:1]:
        question = f"{what} Did you mean {paths[route].path}?"
        return correction(cell, path, route, question, proof)
    return Explanation(
        what, proof, f"!curl -s {settings.api_url}/", "To call a route that exists, run for example"
    )


def method_not_allowed(address: SplitResult, used: str, settings: Settings) -> tuple[str, str, str] | None:
    """Return what happened, the proof, and a method that the route allows; None if it allows the method used."""
    if not is_api(address, settings):
        return None
    path = address.path or "/"
    rules = [rule for rule in list_rules(settings) if rule.matches(path)]
    allowed = sorted({method for rule in rules for method in rule.methods})
    methods = [name for name in METHODS if name in allowed]
    if not methods or used in allowed:
        return None
    what = f"The route {path} exists, but not for {used}."
    return what, f"the game API says that {rules[0].path} allows {', '.join(allowed)}", methods[0]


def is_api(address: SplitResult, settings: Settings) -> bool:
    """Return whether an address is one of the game API: its own, or `localhost` with its port."""
    own = urlsplit(settings.api_url)
    names = {own.hostname, *(("localhost", "127.0.0.1") if own.hostname in ("localhost", "127.0.0.1") else ())}
    try:
        return address.hostname in names and address.port == own.port
    except ValueError:  # a port that is not a number
        return False


def is_used(cell: FailedCell, settings: Settings, text: str) -> bool:
    """Return whether the cell, or the text of its commands, contains an address of the game API."""
    texts = "\n".join([text, *_possible_addresses(cell)])
    found = re.findall(r"(?<![\w.-])[\w.-]+:\d+", texts)
    return any(is_api(urlsplit(f"//{address}"), settings) for address in found)


def list_rules(settings: Settings) -> list[Rule]:
    """Return the routes of the running API, which does not log this request; raise ServiceUnavailable."""
    answer = http.get(settings.api_url + ROUTES_PATH, TIMEOUT_S).json()
    return sorted(Rule(rule["path"], rule["methods"]) for rule in answer)


def _shares_words(path: str, route: str) -> bool:
    """Return whether every word of a path is in the route: `/purchase_sword` and `/purchase_a_sword`."""
    words = re.findall(r"[a-z]+", path.lower())
    return bool(words) and set(words) <= set(re.findall(r"[a-z]+", route.lower()))


def _possible_addresses(cell: FailedCell) -> list[str]:
    """Return the addresses of the failed requests, or else the cell's strings and those of its HTTP clients."""
    requests = [getattr(error, "_request", None) or vars(error).get("request") for error in cell.errors]
    if failed := [str(request.url) for request in requests if request is not None]:
        return failed
    addresses = [text for _, text in cell.strings()]
    for attribute in ("base_url", "api_url") if "api_url" in cell.source else ("base_url",):
        # an attribute of another class could run the learner's code
        values = [value for value in cell.variables.values() if type(value).__module__.startswith(CLIENTS)]
        addresses += [str(getattr(value, attribute, "")) for value in values]
    return addresses


EXPLANATIONS: list[Explain] = [api_down, wrong_port, request_refused]
