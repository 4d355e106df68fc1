"""Explains requests of `curl` and `ab`: a wrong word, a wrong address, an unknown route, a refused method."""

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from eventlab.clients import ports
from eventlab.explain import api, service
from eventlab.explain.explanation import REPLACE_LINE, Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.shell import corrected
from eventlab.explain.shell_words import Command, commands, is_failed_command, option, other_commands
from eventlab.settings import Settings

PROGRAMS = ("curl", "ab")
OPTIONS_OF_AB = "nctsbBpuTvwixyzClHAPXVkdSqgerhImfZEY"
SENDS_BODY = re.compile(r"-d|-F|-p|-T|--data(-\w+)?|--json|--form")
ADDRESS_WITHOUT_PATH = r"(http://[\w.-]+|[a-z][\w.-]*|\d+(\.\d+){3})(:\d+)?"
TAKES_VALUE = r"-[^qkdSlrhViw]"
"""An option of `ab` that is followed by its value."""
OPTIONS_AT_THE_END = r"\bab\s+(\S+)\s+(-[^|<>;&]*?)(?=\s*$|\s*[|<;&]|\s+\d?>)"
"""The address of `ab` and the options after it, without a pipe, a redirection and the next command."""


def address_of_command(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that nothing listens at the address of `curl` or `ab`, while the game API runs elsewhere.

    Remedy: The line with the API's address.
    """
    for command in other_commands(cell):
        for url in _addresses(command):
            if url.hostname not in ("localhost", "127.0.0.1") or not url.port or ports.is_open(url.port):
                continue
            own = urlsplit(settings.api_url)
            if url.port == own.port or not service.answers(settings, "api"):
                continue
            what = f"Nothing listens at {url.netloc}. The game API is at {own.netloc}."
            proof = f"port {url.port} is closed; {own.netloc} answers"
            return corrected(cell, url.netloc, own.netloc, what, proof)
    return None


def address_without_path(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `ab` needs an address with a path, at least `/`, and a `/` between both.

    Remedy: The line with the `/`, or with the API's address.
    """
    for command in other_commands(cell):
        last, line = command[-1], cell.only_line(r"\bab\s")
        before = command[1:-1]
        is_value = bool(before) and re.fullmatch(TAKES_VALUE, before[-1])
        if command[0] != "ab" or not line or is_value or any("://" in word for word in before):
            continue
        if re.fullmatch(r"/?[a-z]+_\w+", last):  # the name of a server has no underscore
            what = f"{last} is a path without the address of a server."
            address = f"{settings.api_url}/{last.lstrip('/')}"
            return corrected(cell, last, address, what, f"the game API is at {settings.api_url}")
        if joined := re.fullmatch(r"(https?://[\w.-]+:\d+)([A-Za-z_][\w/]*)", last):
            what = f"Between the address {joined[1]} and the path {joined[2]}, a / is missing."
            new = re.sub(rf"(?<=[\d}}]){joined[2]}(?!\w)", f"/{joined[2]}", line, count=1)
            return Explanation(what, f"ab got the address {last}", new, REPLACE_LINE) if new != line else None
        words = re.search(r"\bab\s[^|<>;&]*", line)
        text = words[0].rstrip() if words else ""
        if re.fullmatch(ADDRESS_WITHOUT_PATH, last) and re.search(r"(?:\s|//)[^\s/]+[\w}]$", text):
            what = f"ab needs a path after the address. Write / at the end of {last}."
            proof = f"{last} has no path; without one, ab says: invalid URL"
            return Explanation(what, proof, line.replace(text, f"{text}/"), REPLACE_LINE)
    return None


def words_of_request(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain a header without quotes, a wrong option of `ab`, or words of `ab` in a wrong order.

    Remedy: The corrected line.
    """
    for command in other_commands(cell):
        mistake = _mistake_of_ab(cell, command) if command[0] == "ab" else None
        header = option(command, "-H") or ""
        if command[0] in PROGRAMS and re.fullmatch(r"[\w-]+:", header):
            what = "The header contains a space, so it needs quotes. "
            what += "Without them, the shell makes two words of it."
            mistake = what, f"{command[0]} got the header {header!r}", r"-H\s+([\w-]+:)\s+(\S+)", r'-H "\1 \2"'
        if mistake and (line := cell.only_line(mistake[2])):
            what, proof, pattern, new = mistake
            return Explanation(what, proof, re.sub(pattern, new, line, count=1), REPLACE_LINE)
    return None


def _mistake_of_ab(cell: FailedCell, command: Command) -> tuple[str, str, str, str] | None:
    """Return what is wrong in a command of `ab`, the proof, a pattern of the wrong part, and what replaces it."""
    number, at_once = option(command, "-n") or "", option(command, "-c") or ""
    unknown = next(
        (word for word in command if re.fullmatch("-[A-Za-z]", word) and word[1] not in OPTIONS_OF_AB), ""
    )
    last, name = command[-1], command[-1].partition("/")[0]
    if number.isdigit() and at_once.isdigit() and int(at_once) > int(number):
        what = f"ab cannot send {at_once} requests at the same time when it sends {number} in all."
        return what, f"-n is {number}, and -c is {at_once}", rf"-c\s+{at_once}\b", f"-c {number}"
    if unknown and unknown[1].swapcase() in OPTIONS_OF_AB:
        what = f"ab has no option {unknown}. Did you mean {unknown.swapcase()}?"
        proof = "capital and small letters are different options"
        return what, proof, rf"(?<=\s){unknown}\b", unknown.swapcase()
    if len(command) > 2 and not command[1].startswith("-") and command[2].startswith("-"):
        proof = f"{command[2]} follows {command[1]}"
        return "ab reads options before the address only.", proof, OPTIONS_AT_THE_END, r"ab \2 \1"
    if last.startswith("/") and re.fullmatch(r"https?://[^/]+", command[-2]):
        what = "Between the address and its path is a space, so ab gets two words."
        return what, f"its last word is {last}", rf"\s+{re.escape(last)}(?=\s|$)", last
    if isinstance(cell.namespace.get(name), str) and not cell.is_shell_cell:
        what = f"{name} is a variable of this notebook. Without braces, ab gets its name, not its value."
        return what, f"{name} is {cell.namespace[name]!r} in Python", rf"(?<=\s){name}(?=/|$)", f"{{{name}}}"
    return None


def route_of_command(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the API has no route of the address of `curl` or `ab`.

    Remedy: The line with the nearest route.
    """
    for _, url in _requests(cell):
        if found := api.unknown_route(cell, url.geturl(), settings):
            return found
    return None


def method_of_command(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the route of `curl` or `ab` exists, but not for this HTTP method.

    Remedy: The line with a method that the route allows.
    """
    for command, url in _requests(cell):
        used = _method(command)
        refused = api.method_not_allowed(url, used, settings)
        if not refused or command[0] != "curl":
            continue
        what, proof, allowed = refused
        line, given = cell.only_line(r"\bcurl\s"), rf"(-X\s*|--request[ =]){used}\b"
        if not line:
            continue
        pattern, new = (r"\bcurl ", f"curl -X {allowed} ")
        if re.search(given, line):
            pattern, new = given, rf"\g<1>{allowed}"
        return Explanation(what, proof, re.sub(pattern, new, line, count=1), REPLACE_LINE)
    return None


def _method(command: Command) -> str:
    """Return the HTTP method of a command of `curl` or `ab`."""
    named = option(command, "-X", "--request", "-m") or next(
        (word[2:] for word in command if re.fullmatch(r"-X[A-Z]+", word)), None
    )
    if named:
        return named.upper()
    if {"-I", "--head", "-i"} & set(command) and (command[0] == "ab" or "-i" not in command):
        return "HEAD"
    return "POST" if any(SENDS_BODY.fullmatch(word.partition("=")[0]) for word in command) else "GET"


def _requests(cell: FailedCell) -> Iterator[tuple[Command, SplitResult]]:
    """Yield the commands of `curl` and `ab` that failed, or of a cell that shows nothing, with their addresses."""
    for command in commands(cell) if is_failed_command(cell) or not cell.error else ():
        if command[0] in PROGRAMS:
            yield from ((command, url) for url in _addresses(command))


def _addresses(command: Command) -> list[SplitResult]:
    """Return the words of `curl` and `ab` that may be addresses."""
    words = command[1:] if command[0] in PROGRAMS else ()
    words = [word for word in words if not word.startswith("-") and re.match(r"(https?://)?[\w.-]+(:\d+|/)", word)]
    return [urlsplit(word if "//" in word else f"http://{word}") for word in words]


EXPLANATIONS: list[Explain] = [
    words_of_request,
    address_of_command,
    address_without_path,
    route_of_command,
    method_of_command,
]
