"""What moves in the notebooks: the stack, the game, its events, and one event's way through all of it.

Plain ipywidgets over the kit's own engines. Each widget says in text what it is, so that a headless run
repeats, and ends its threads and connections with its cell, its kernel, or `close()`.
"""

from eventlab.widgets.event_tail import EventTail
from eventlab.widgets.game_console import GameConsole
from eventlab.widgets.spark_progress import SparkProgress
from eventlab.widgets.stack_panel import StackPanel
from eventlab.widgets.trace_event import TraceEvent

__all__ = ["EventTail", "GameConsole", "SparkProgress", "StackPanel", "TraceEvent"]
