"""Corrections of a cell's text: one name in its strings, numbers and shell commands, never a Python variable."""

import io
import re
import token
import tokenize

SHELL_LINE = re.compile(r"^[ \t]*(?:\w+[ \t]*=[ \t]*)?[!%](?:.*\\\n)*.*$", re.MULTILINE)
SHELL_CELL = re.compile(r"%%(?!time\b|timeit\b|capture\b|prun\b)\w+")


def corrected_line(source: str, old: str, new: str) -> str | None:
    """Return the cell's only line that contains `old`, with `new` instead; None without such a line.

    Whole words count more: `visit` is not the `visit` of `visits`, and not that of `visit-readers`.
    """
    excluded, word = _names_and_comments(source), re.escape(old)
    for pattern in (rf"(?<![\w-]){word}(?![\w-])", rf"(?<!\w){word}(?!\w)", word):
        found = [match.span() for match in re.finditer(pattern, source)]
        found = [(start, end) for start, end in found if not any(start < b and a < end for a, b in excluded)]
        if not found:
            continue
        if len({source.count("\n", 0, start) for start, _ in found}) > 1 or "\n" in old:
            return None
        begin = source.rfind("\n", 0, found[0][0]) + 1
        line, shift = source[begin:].split("\n")[0], 0
        for first, last in found:
            line = line[: first - begin + shift] + new + line[last - begin + shift :]
            shift += len(new) - (last - first)
        return line.strip()
    return None


def _names_and_comments(source: str) -> list[tuple[int, ...]]:
    """Return the positions of Python's names and comments; an attribute (`visits.Host`) is no such name."""
    if SHELL_CELL.match(source):
        return []
    starts = [0]
    for line in source.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    blank = SHELL_LINE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)
    spans: list[tuple[int, ...]] = []
    previous = ""
    try:
        for item in tokenize.generate_tokens(io.StringIO(blank).readline):
            is_name = item.type == token.NAME and previous != "."
            if is_name or item.type == tokenize.COMMENT:
                spans.append(tuple(starts[row - 1] + column for row, column in (item.start, item.end)))
            previous = item.string
    except (tokenize.TokenError, SyntaxError):
        pass  # an incomplete cell; what was read so far counts
    return spans
