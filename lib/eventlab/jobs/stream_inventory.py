"""Follow what each player owns, event by event: spark-submit stream_inventory.py [--catch-up] [TOPIC [PATH]].

The state of a player is the inventory, and when the player's session ends: on a `leave`, or half an hour after the
last event. The job writes one row per change. Events that are more than ten minutes late are left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming import StatefulProcessor, StatefulProcessorHandle

from eventlab.jobs import streams

PATH = "/tmp/inventory"
FIELDS = ("time", "event_type", "player", "item")
CHANGES = "player string, milliseconds long, change string, item string, owned long"
SESSION_MS = 30 * 60 * 1000
LATE = "10 minutes"
CHANGE = {"buy": 1, "sell": -1}
STATE_STORE = "spark.sql.streaming.stateStore.providerClass"
ROCKS_DB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
"""The only state store that transformWithState can use."""


class Inventory(StatefulProcessor):
    """The state of one player: the number of each item, the latest event, and the timer that ends the session."""

    def init(self, handle: StatefulProcessorHandle) -> None:
        """Declare the state."""
        self.handle = handle
        self.owned = handle.getMapState("owned", "item string", "count long")
        self.latest = handle.getValueState("latest", "milliseconds long")

    def handleInputRows(self, key: Any, rows: Iterator[Row], timerValues: Any) -> Iterator[Row]:
        """Yield one row for each event of the player in a batch, in the order of their times."""
        for row in sorted(rows, key=lambda row: (row["milliseconds"], row["partition"], row["offset"])):
            self._start_timer(row["milliseconds"], row["event_type"] == "leave")
            yield Row(
                player=key[0],
                milliseconds=row["milliseconds"],
                change=row["event_type"],
                item=row["item"],
                owned=self._change(row["item"], CHANGE.get(row["event_type"], 0)),
            )

    def handleExpiredTimer(self, key: Any, timerValues: Any, expiredTimerInfo: Any) -> Iterator[Row]:
        """Yield the end of a session whose player has sent no event for SESSION_MS."""
        end = expiredTimerInfo.getExpiryTimeInMs()
        yield Row(player=key[0], milliseconds=end, change="session ended", item=None, owned=None)

    def close(self) -> None:
        """Release nothing: Spark keeps the state."""

    def _change(self, item: str | None, change: int) -> int | None:
        """Change the number of an item in the state, and return it; a player cannot sell what is not there."""
        if item is None:
            return None
        known = self.owned.getValue((item,)) if self.owned.containsKey((item,)) else None
        before = known[0] if known else 0
        after = max(before + change, 0)
        if after != before:
            self.owned.updateValue((item,), (after,))
        return after

    def _start_timer(self, time: int, leaves: bool) -> None:
        """End the session SESSION_MS after the player's latest event; an event that is late changes nothing."""
        latest = self.latest.get()
        if latest and time < latest[0]:
            return
        self.latest.update((time,))
        for timer in self.handle.listTimers():
            self.handle.deleteTimer(timer)
        if not leaves:
            self.handle.registerTimer(time + SESSION_MS)


def inventory_changes(messages: DataFrame) -> DataFrame:
    """Return one row for each change of a player's inventory, and one for each session that ends."""
    readable = messages.where("reason is null and event.player is not null")
    milliseconds = F.unix_millis("time").alias("milliseconds")  # in Python, a time would depend on the time zone
    events = readable.select(
        "time", milliseconds, "event.event_type", "event.player", "event.item", *streams.PLACE
    )
    players = events.withWatermark("time", LATE).groupBy("player")
    changes = players.transformWithState(Inventory(), CHANGES, outputMode="Append", timeMode="EventTime")
    return changes.withColumn("time", F.timestamp_millis("milliseconds")).drop("milliseconds")


def start(spark: SparkSession, topic: str, path: str, trigger: Mapping[str, Any]) -> list[Any]:
    """Start two queries: the changes to a Parquet folder, and what cannot be read to the dead letters."""
    spark.conf.set(STATE_STORE, ROCKS_DB)
    messages = streams.with_time(streams.parse(streams.read_messages(spark, topic), FIELDS))
    return streams.start_queries(inventory_changes(messages), messages, topic, path, trigger)


if __name__ == "__main__":
    streams.run_stream(start, PATH)
