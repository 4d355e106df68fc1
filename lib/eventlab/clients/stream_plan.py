"""What Spark's plan of a streaming query says: its windows, watermarks, filters, output mode and checkpoint.

Spark's API for a running query has no such attributes; `query.explain(True)` prints the plans of its last batch.
"""

import re
from dataclasses import dataclass

WATERMARK = re.compile(r"EventTimeWatermark ([\w-]+), (\w+)#\d+\w*: \w+, ([^\n]+)")
WINDOW = re.compile(r"LongType\) - (-?\d+)\) % (\d+)\).*?END\) - \d+\) \+ (\d+)\), LongType")
SESSION = re.compile(r"\+ cast\([^()]+ as interval\)[^\n]*? AS session_window")
STATE = re.compile(r"stateStoreCkptIds = \w+, (?:(Append|Update|Complete), )?\d+, (\d+)")
STATE_FOLDER = re.compile(r"state info \[ checkpoint = (\S+)/state, ")
FILTER = re.compile(r"^[ :|+~-]*Filter (.+)$", re.MULTILINE)
COLUMN_NUMBER = re.compile(r"#\d+L?(-T\d+ms)?")
MAX_ALIASES = 5
UNITS = {"day": 86400.0, "hour": 3600.0, "minute": 60.0, "second": 1.0, "millisecond": 0.001, "microsecond": 1e-6}


@dataclass(frozen=True)
class Watermark:
    """A watermark that the program sets.

    Attributes:
        column: The column of the event time.
        delay_s: How many seconds late an event may be.
        field: The field of the message from which the program makes the column, or the column's name.
    """

    column: str
    delay_s: float
    field: str


@dataclass(frozen=True)
class Window:
    """The windows of the query, which start at multiples of `slide_s` since 1970, plus `offset_s`.

    Attributes:
        length_s: The length of each window; 0 for session windows, which have no fixed length.
    """

    length_s: float = 0.0
    slide_s: float = 0.0
    offset_s: float = 0.0

    def starts(self, time_s: float) -> list[float]:
        """Return the starts of the windows that contain an event of this time, the latest first."""
        if not self.slide_s:
            return []
        start = (time_s - self.offset_s) // self.slide_s * self.slide_s + self.offset_s
        starts = []
        while start + self.length_s > time_s:
            starts.append(start)
            start -= self.slide_s
        return starts


@dataclass(frozen=True)
class QueryPlan:
    """What the plan of a query's last batch says.

    Attributes:
        watermarks: One for each call of `withWatermark`.
        filters: The conditions of the program's filters, as Spark prints them.
        output_mode: `Append`, `Update` or `Complete`; "" for a query without groups.
        closed_before_s: The watermark up to which the last batch closed windows, in seconds since 1970.
        checkpoint: The folder of the checkpoint; "" for a query without state, whose plan does not contain it.
        is_stateful: Whether the query has groups, a join of streams or another state.
    """

    watermarks: tuple[Watermark, ...] = ()
    window: Window | None = None
    filters: tuple[str, ...] = ()
    output_mode: str = ""
    closed_before_s: float = 0.0
    checkpoint: str = ""
    is_stateful: bool = False


def read_plan(text: str) -> QueryPlan:
    """Return what the text of `query.explain(True)` says; an empty plan if the query has run no batch."""
    logical, _, physical = text.partition("== Physical Plan ==")
    program = logical.partition("== Analyzed Logical Plan ==")[0]
    found = {name: (column, delay) for name, column, delay in WATERMARK.findall(physical or text)}
    state, folder = STATE.search(physical), STATE_FOLDER.search(physical)
    conditions = (COLUMN_NUMBER.sub("", condition) for condition in FILTER.findall(program))
    return QueryPlan(
        tuple(Watermark(column, seconds(delay), _field(program, column)) for column, delay in found.values()),
        _window(program),
        tuple(condition for condition in conditions if not re.fullmatch(r"isnotnull\(\w+\)", condition)),
        (state[1] or "") if state else "",
        int(state[2]) / 1000 if state else 0.0,
        folder[1] if folder else "",
        folder is not None,
    )


def _field(program: str, column: str) -> str:
    """Return the field of a message (`e.at AS time`, `$.at`) or the source's column from which it comes."""
    for _ in range(MAX_ALIASES):
        renamed = re.search(rf"[\[ ](\w+)#\d+L? AS {column}#", program)
        if not renamed or renamed[1] == column:
            break
        column = renamed[1]
    match = re.search(rf"\.(\w+)(?:(?! AS |, \w+#)[^\n])*? AS {column}#", program)
    return match[1] if match else column


def _window(program: str) -> Window | None:
    """Return the windows of the logical plan, or None."""
    if fixed := WINDOW.search(program):
        offset, slide, length = (int(number) / 1e6 for number in fixed.groups())
        return Window(length, slide, offset)
    return Window() if SESSION.search(program) else None


def seconds(interval: str) -> float:
    """Return the length of an interval as Spark prints it, such as `1 hours 30 minutes`; a month has 31 days."""
    pairs = re.findall(r"(-?[\d.]+) (\w+)", interval)
    return sum(float(number) * UNITS.get(unit.rstrip("s"), 31 * UNITS["day"]) for number, unit in pairs)
