"""Draw the batches of a streaming query: rows per second, and how long each batch took."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from eventlab.clients.stream_state import Batch
from eventlab.widgets.event_chart import axis_end
from eventlab.widgets.html import render

SPAN_S, STEP_S = 120, 10
"""The seconds that a chart shows; of a query that has ended, fewer, in steps."""
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 900, 110, 60, 12, 18
INPUT, PROCESSED, DURATION = "#4c78a8", "#f58518", "#54a24b"


def charts(batches: Sequence[Batch], now_s: float, *, is_active: bool = True) -> str:
    """Return two charts of the last SPAN_S seconds as HTML: the rates of input and processing, and durations.

    Those of a query that has ended end with its last batch, and begin with its first one.
    """
    ran = [batch for batch in batches if batch.ran]
    start_s = now_s - SPAN_S
    if ran and not is_active:
        now_s = ran[-1].timestamp_s + ran[-1].duration_ms / 1000
        start_s = now_s - min(SPAN_S, STEP_S * math.ceil((now_s - ran[0].timestamp_s) / STEP_S))
    shown, span = [batch for batch in ran if batch.timestamp_s >= start_s], round(now_s - start_s)
    rates = [
        _series("rows that arrive", INPUT, shown, start_s, lambda batch: batch.input_rate),
        _series("rows that Spark processes", PROCESSED, shown, start_s, lambda batch: batch.processing_rate),
    ]
    durations = [_series("duration of a batch", DURATION, shown, start_s, lambda batch: batch.duration_ms / 1000)]
    edges = ("ago", "now") if is_active else ("earlier", "the end of the last batch")
    return _chart("Rows per second", "/ s", rates, span, edges) + _chart(
        "Seconds per batch", "s", durations, span, edges
    )


def _series(
    name: str, colour: str, batches: Sequence[Batch], start_s: float, value: Callable[[Batch], float]
) -> dict[str, Any]:
    """Return a line of the chart: its points as (seconds since the left edge, value)."""
    points = [(batch.timestamp_s - start_s, value(batch)) for batch in batches]
    return {"name": name, "colour": colour, "points": points, "latest": points[-1][1] if points else None}


def _chart(label: str, unit: str, series: list[dict[str, Any]], span: int, edges: tuple[str, str]) -> str:
    """Return one chart with a legend."""
    top = axis_end(max((int(value) + 1 for line in series for _, value in line["points"]), default=1))
    height = HEIGHT - BOTTOM - TOP
    for line in series:
        line["dots"] = [
            (LEFT + seconds * (WIDTH - LEFT) / span, HEIGHT - BOTTOM - height * value / top)
            for seconds, value in line["points"]
        ]
    axis = [(value, HEIGHT - BOTTOM - height * value / top) for value in sorted({0, top // 2, top})]
    return render(
        "stream_chart",
        label=label,
        unit=unit,
        series=series,
        axis=axis,
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        span=span,
        edges=edges,
    )
