"""Widgets for notebooks: the stack, the game, its events, the path of one event, and streaming queries.

They are ipywidgets over the functions that the command line uses. Each one has a text of one line for runs
without a browser. Its threads and connections end with its cell, its kernel, or `close()`.
"""

from eventlab.widgets.event_tail import EventTail
from eventlab.widgets.game_console import GameConsole
from eventlab.widgets.spark_progress import SparkProgress
from eventlab.widgets.stack_panel import StackPanel
from eventlab.widgets.stream_view import StreamView
from eventlab.widgets.trace_event import TraceEvent
from eventlab.widgets.watermark_view import WatermarkView

__all__ = [
    "EventTail",
    "GameConsole",
    "SparkProgress",
    "StackPanel",
    "StreamView",
    "TraceEvent",
    "WatermarkView",
]
