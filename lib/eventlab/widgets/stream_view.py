"""Show a running streaming query: rates, duration of batches, offsets and lag, watermark, state, dropped rows."""

import time
from typing import Any

from ipywidgets import HTML

from eventlab.clients.stream_messages import clock, waiting_for
from eventlab.settings import Settings
from eventlab.settings import settings as default_settings
from eventlab.widgets.html import alert, note, render
from eventlab.widgets.panel import Panel
from eventlab.widgets.stream_chart import charts
from eventlab.widgets.stream_follower import StreamFollower

MAX_PARTITIONS = 12


class StreamView(Panel):
    """Follows a streaming query. All numbers are those that Spark reports, and the offsets of its topics."""

    def __init__(self, query: Any, settings: Settings = default_settings) -> None:
        self.follower = StreamFollower(query, settings.bootstrap_servers, self._draw)
        self.problem, self.facts, self.chart = HTML(), HTML(note("Asking Spark for the query")), HTML()
        name = f" {query.name}" if query.name else ""
        super().__init__(
            f"Streaming query{name}",
            f"StreamView: rates, batches, offsets, lag, watermark and state of the streaming query{name}",
            self.facts,
            self.problem,
            self.chart,
        )
        self.in_background(f"follows the query{name}", self.follower.run)

    def _draw(self) -> None:
        """Show the follower's last answer; the follower's thread calls this."""
        state = self.follower.state
        self.problem.value = alert(self.follower.problem)
        if state is not None:
            self.facts.value = render(
                "stream_state",
                state=state,
                activity=waiting_for(state),
                clock=clock,
                max_partitions=MAX_PARTITIONS,
            )
            self.chart.value = charts(state.batches, time.time(), is_active=state.is_active)
