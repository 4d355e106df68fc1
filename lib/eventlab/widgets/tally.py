"""How many events of each type in each of the last seconds, in bounded memory, and a picture of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from html import escape

from eventlab.widgets.follower import Event
from eventlab.widgets.style import COLOURS

WINDOW_S = 60
MOST_TYPES = 40
OTHERS = "(others)"
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 900, 130, 46, 10, 18


class Tally:
    """Counts by the second in which Kafka got the event, so that a replay does not look like new events."""

    def __init__(self) -> None:
        self.seconds: dict[int, Counter[str]] = {}
        self.kinds: set[str] = set()

    def add(self, events: Iterable[Event], now: float | None = None) -> None:
        now_s = int(time.time() if now is None else now)
        for event in events:
            second = event.timestamp_ms // 1000
            if now_s - WINDOW_S <= second <= now_s + 1:
                self.seconds.setdefault(second, Counter())[self._known(event.kind)] += 1
        for second in [each for each in self.seconds if each < now_s - WINDOW_S]:
            del self.seconds[second]

    def clear(self) -> None:
        self.seconds.clear()

    def window(self, now: float | None = None) -> list[Counter[str]]:
        """The last `WINDOW_S` whole seconds, the oldest first."""
        last = int(time.time() if now is None else now)
        return [self.seconds.get(second, Counter()) for second in range(last - WINDOW_S, last)]

    def _known(self, kind: str) -> str:
        """The type, or one name for all that come after very many: types are what a sender makes of them."""
        if kind not in self.kinds:
            if len(self.kinds) >= MOST_TYPES:
                return OTHERS
            self.kinds.add(kind)
        return kind


def chart(window: list[Counter[str]]) -> str:
    """Stacked bars, a second each, with a legend that has the same in figures."""
    totals = sum(window, Counter())
    shown = sorted(kind for kind, _ in totals.most_common(len(COLOURS) - 1))  # so that each keeps its colour
    if len(totals) > len(shown):
        shown.append(OTHERS)
        window = [folded(second, shown) for second in window]
    top = nice(max((sum(second.values()) for second in window), default=0))
    columns = "".join(
        f"<path fill='{COLOURS[number]}' d='{bars(window, shown, number, top)}'/>" for number in range(len(shown))
    )
    said = ", ".join(f"{kind} {sum(second[kind] for second in window):,}" for kind in shown) or "no events"
    floor = HEIGHT - BOTTOM
    grid = "".join(
        f"<path d='M{LEFT} {y:.1f}H{WIDTH}' stroke='var(--jp-border-color3,#e0e0e0)'/>"
        f"<text x='{LEFT - 6}' y='{y + 4:.1f}' text-anchor='end'>{value:,}</text>"
        for value, y in ((value, floor - (floor - TOP) * value / top) for value in sorted({0, top // 2, top}))
    )
    ago = "".join(
        f"<text x='{LEFT + (WIDTH - LEFT) * part}' y='{HEIGHT - 3}' text-anchor='{anchor}'>{text}</text>"
        for part, anchor, text in ((0, "start", "60 s ago"), (0.5, "middle", "30 s ago"), (1, "end", "now"))
    )
    return (
        f"<svg class='eventlab-chart' viewBox='0 0 {WIDTH} {HEIGHT}' width='100%' role='img' "
        f"aria-label='Events per second by type in the last minute: {escape(said)}'>"
        f"{grid}{columns}{ago}</svg><div class='eventlab-legend'>{legend(window, shown)}</div>"
    )


def folded(second: Counter[str], shown: list[str]) -> Counter[str]:
    kept = Counter({kind: count for kind, count in second.items() if kind in shown})
    kept[OTHERS] += sum(second.values()) - sum(kept.values())
    return kept


def bars(window: list[Counter[str]], shown: list[str], number: int, top: int) -> str:
    """One type's bars as one path, each on those of the types before it."""
    step, scale = (WIDTH - LEFT) / WINDOW_S, (HEIGHT - BOTTOM - TOP) / top
    pieces = []
    for place, second in enumerate(window):
        if count := second[shown[number]]:
            below = sum(second[kind] for kind in shown[:number])
            x, y = LEFT + place * step, HEIGHT - BOTTOM - below * scale
            pieces.append(f"M{x:.1f} {y:.1f}v{-count * scale:.1f}h{step - 1.5:.1f}v{count * scale:.1f}z")
    return "".join(pieces)


def legend(window: list[Counter[str]], shown: list[str]) -> str:
    last = window[-1] if window else Counter()
    return (
        "".join(
            f"<span><i style='background:{COLOURS[number]}'></i>{escape(kind)} <b>{last[kind]:,} / s</b></span>"
            for number, kind in enumerate(shown)
        )
        or "<span>no events in the last minute</span>"
    )


def nice(highest: int) -> int:
    """A round number for the axis: 2, 4 or 10 times a power of ten, never below what is to be shown."""
    size = 1
    while True:
        for step in (2, 4, 10):
            if highest <= step * size:
                return step * size
        size *= 10
