"""Explains cells that show nothing (`%why`): an empty topic, a position at its end, a filter, a stream that waits.

These checks count rows and read values, so they take longer than those of failed cells. A learner asks for them.
"""

import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from eventlab.clients import kafka
from eventlab.explain import api, kafka_client, registry, service, shell
from eventlab.explain.edits import sql_texts
from eventlab.explain.explanation import RUN_FIRST, Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.kafka import message_count, topics_of
from eventlab.explain.session import dataframes, session_of
from eventlab.settings import Settings

MAX_VALUES = 100
"""Distinct values of a column that are compared with a filter's value."""
EQUALS = re.compile(
    r"""==\((?P<call>[\w.-]+),\ (?P<called>[^()]+)\)  # Column<'==(event_type, purchase_sword)'>
    |`?(?P<name>[\w.-]+)`?\s*={1,2}\s*["'](?P<value>[^"']*)["']""",  # event_type = 'purchase_sword'
    re.VERBOSE,
)


def explain(cell: FailedCell, settings: Settings) -> Explanation:
    """Return the first confirmed reason why the cell shows nothing, or what was found to be in order."""
    found = registry.first_confirmed([*SILENCES, *shell.EXPLANATIONS], cell, settings)
    return found or _all_in_order(cell, settings)


def _all_in_order(cell: FailedCell, settings: Settings) -> Explanation:
    """Say that no reason was found, with the facts that were checked."""
    facts = []
    for topic in _topics(cell, settings):
        offsets = kafka.topic_offsets(settings.bootstrap_servers, topic)
        facts.append(f"topic {topic!r} has {offsets.messages} messages" if offsets else f"no topic {topic!r}")
    facts += [f"{name} has rows" for name, frame in dataframes(cell) if not frame.isStreaming and frame.take(1)]
    return Explanation(
        "No reason was found why this cell would show nothing.",
        "; ".join(facts)
        or "the cell uses no topic, no consumer, no stream and no DataFrame that could be checked",
        "!eventlab status",
        "To see which services run",
    )


def service_down(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the broker of the cell's topics does not answer.

    Remedy: Start the broker.
    """
    uses_kafka = topics_of(cell) or re.search(r"kafka|kcat|topic", cell.source, re.IGNORECASE)
    return service.service_not_running(settings, "kafka") if uses_kafka else None


def empty_topic(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a topic of the cell is missing or empty, and whether a lesson emptied it.

    Remedy: The line with the nearest topic, or a command that sends an event.
    """
    servers = settings.bootstrap_servers
    for topic in _topics(cell, settings):
        offsets = kafka.topic_offsets(servers, topic)
        if offsets and offsets.messages:
            continue
        existing = [name for name in kafka.list_topics(servers) if message_count(servers, name)]
        what = f"The topic {topic!r} is empty." if offsets else f"There is no topic {topic!r}."
        proof = f"topics with messages at {servers}: {', '.join(existing) or 'none'}"
        if offsets:
            proof = f"in every partition of {topic!r}, first and end offset are equal; {proof}"
        for similar in close_matches(topic, existing)[:1]:
            if explanation := correction(cell, topic, similar, f"{what} Did you mean {similar!r}?", proof):
                return explanation
        if saved := _saved_messages(settings, topic):
            minute = time.strftime("%H:%M:%S on %Y-%m-%d", time.localtime(saved.stat().st_mtime))
            count = sum(1 for _ in saved.open("rb"))
            return Explanation(
                f"{what} The first cell of a lesson or lab emptied it at {minute}.",
                f"it saved the topic's {count} messages in {saved}; {proof}",
                _send(settings, topic),
                "A lesson creates the events that it reads in its first cell. To send one event, run",
            )
        return Explanation(what, proof, _send(settings, topic))
    return None


def _send(settings: Settings, topic: str) -> str:
    """Return a command that sends one event to the topic."""
    if topic == settings.topic and service.answers(settings, "api"):
        return f"!curl -s {settings.api_url}/purchase_a_sword"
    return f"""!echo '{{"event_type": "default"}}' | kafkacat -P -t {topic}"""


def _saved_messages(settings: Settings, topic: str) -> Path | None:
    """Return the newest file in which `course.fresh_topic` saved the messages of a topic that it emptied."""
    names = re.compile(rf"{re.escape(topic)}-\d{{8}}-\d{{6}}-\w+\.jsonl")
    files = [path for path in (settings.state_dir / "saved").glob("*.jsonl") if names.fullmatch(path.name)]
    return max(files, key=lambda path: path.stat().st_mtime, default=None)


def position_at_end(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a consumer, kafkacat or a group starts at the end of a topic that has messages.

    Remedy: The line that starts at the beginning, or with another group.
    """
    if explanation := kafka_client.no_message_for_consumer(cell, settings):
        return explanation
    for command in shell.commands(cell):
        topic = shell.option(command, "-t")
        if command[0] in ("kafkacat", "kcat") and topic and shell.option(command, "-o") == "end":
            offsets = kafka.topic_offsets(settings.bootstrap_servers, topic)
            if offsets and offsets.messages:
                what = f"-o end starts after the last message of {topic!r} and shows only new ones."
                proof = f"{topic!r} has {offsets.messages} messages; its end offsets are {offsets.end}"
                return correction(cell, "-o end", "-o beginning", what, proof)
    return None


def filter_keeps_nothing(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that no row has the value for which a query filters. Name the nearest value.

    Remedy: The line or the statement with the nearest value.
    """
    for result, frame, column, value in _filters(cell):
        if result.take(1):
            continue
        values = [row[0] for row in frame.select(f"`{column}`").distinct().limit(MAX_VALUES).collect()]
        texts = sorted({str(item) for item in values if item is not None})
        if value in texts or not texts:
            continue
        what = f"No row has {column} = {value!r}, so the filter keeps nothing."
        proof = f"the values of {column} are: {', '.join(map(repr, texts[:10]))}"
        proof += " and others" if len(texts) > 10 else ""
        same = [text for text in texts if text.strip().lower() == value.strip().lower()]
        for similar in (same or close_matches(value, texts))[:1]:
            question = f"{what} Did you mean {similar!r}?"
            if explanation := correction(cell, value, similar, question, proof):
                return explanation
            for name, _ in dataframes(cell):
                statement = cell.assignment_of(name) or ""
                if statement.count(value) == 1:
                    return Explanation(question, proof, statement.replace(value, similar), RUN_FIRST)
        return correction(cell, value, texts[0], f"{what} Filter for a value that exists, for example.", proof)
    return None


def _filters(cell: FailedCell) -> Iterator[tuple[Any, Any, str, str]]:
    """Yield the equality filters of the cell: (result, rows before the filter, column, value)."""
    session = session_of(cell)
    if session is None:
        return
    for _, frame in dataframes(cell):
        plan = getattr(frame, "_plan", None)
        while plan is not None:
            if type(plan).__name__ == "Filter" and not frame.isStreaming:
                before = type(frame)(plan._child, frame.sparkSession)
                for match in EQUALS.finditer(str(plan.filter)):
                    yield frame, before, *_pair(match)
            plan = getattr(plan, "_child", None)
    for _, text in sql_texts(cell, ""):
        tables = re.findall(r"\bfrom\s+`?([\w.]+)", text, re.IGNORECASE)
        for match in EQUALS.finditer(text) if len(tables) == 1 and session.catalog.tableExists(tables[0]) else ():
            yield session.sql(text), session.table(tables[0]), *_pair(match)


def _pair(match: re.Match[str]) -> tuple[str, str]:
    column, value = match["call"] or match["name"], match["called"] or match["value"]
    return column.rpartition(".")[2], value.strip("'\"")


def stream_waits(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a stream has ended, waits for messages, or keeps windows until the watermark passes.

    Remedy: A line that shows the error or the progress, or the option that the stream lacks.
    """
    for name, query in _queries(cell):
        if error := query.exception():
            return Explanation(
                f"The streaming query {name} has ended with an error.",
                f"its exception is: {str(error).split(chr(10))[0][:200]}",
                f"raise {name}.exception()",
                "To see the error with its explanation, run this",
            )
        progress, status = query.lastProgress, query.status
        if not query.isActive:
            return _ended_stream(cell, name, query, progress)
        if progress is None:
            continue
        watermark = dict(progress.eventTime or {})
        sources = "; ".join(f"{source.description}: ends at {source.endOffset}" for source in progress.sources)
        if progress.numInputRows and watermark.get("watermark"):
            return _watermark(name, watermark)
        if not progress.numInputRows:
            rows = sum(item.numInputRows for item in query.recentProgress)
            if not rows and (explanation := _stream_at_end(cell, name, settings)):
                return explanation
            if watermark.get("watermark") and rows:
                return _watermark(name, watermark)
            return Explanation(
                f"The streaming query {name} waits for new messages.",
                f"its status is {status['message']!r}; in its last batch it read 0 rows; {sources}",
                _send(settings, next(iter(_topics(cell, settings)), settings.topic)),
                "To send one event, run this",
            )
    return None


def _ended_stream(cell: FailedCell, name: str, query: Any, progress: Any) -> Explanation | None:
    """Explain that a query ended without an error: another query has its checkpoint, or it was stopped."""
    session = session_of(cell)
    others = [other for other in (session.streams.active if session else ()) if other.id == query.id]
    if others:
        return Explanation(
            f"The streaming query {name} was stopped, because another query started with the same checkpoint.",
            f"run {others[0].runId} of the query {query.id} is active; {name} is run {query.runId}",
            f'.option("checkpointLocation", "/tmp/checkpoint_{name}")',
            "Give each query its own checkpointLocation, for example",
        )
    return Explanation(
        f"The streaming query {name} is not running: it was stopped, or has read all that was there.",
        f"{name}.isActive is False, and it has no exception; rows in its last batch: "
        f"{progress.numInputRows if progress else 0}",
        f"{name}.recentProgress",
        "To see what it read, run this; to read new messages, start it again",
    )


def _watermark(name: str, times: dict[str, str]) -> Explanation:
    """Explain that a window appears when the watermark has passed its end."""
    return Explanation(
        f"The streaming query {name} shows a window only when the watermark has passed the window's end.",
        f"the watermark is {times['watermark']}; the newest event is of {times.get('max', 'an earlier batch')}",
        f"{name}.lastProgress.eventTime",
        "Send events with later times, which move the watermark. To see it, run this",
    )


def _stream_at_end(cell: FailedCell, name: str, settings: Settings) -> Explanation | None:
    """Explain that a stream that has read nothing starts at the end of a topic with messages."""
    for options in cell.reader_options():
        topic = options.get("subscribe", "")
        offsets = kafka.topic_offsets(settings.bootstrap_servers, topic) if topic else None
        if options.get("startingOffsets", "latest") == "latest" and offsets and offsets.messages:
            return Explanation(
                f"The stream {name} reads only messages that arrive after its start.",
                "its option startingOffsets is 'latest', the default of streams; "
                f"{topic!r} has {offsets.messages} messages from before",
                '.option("startingOffsets", "earliest")',
                "To read them too, add this option to the stream's reader and start the query again",
            )
    return None


def _queries(cell: FailedCell) -> Iterator[tuple[str, Any]]:
    """Yield the streaming queries of the cell, and those into the tables that the cell names."""
    for name, value in list(cell.namespace.items()):
        if type(value).__name__ == "StreamingQuery" and not name.startswith("_"):
            table = value.name if value.isActive else None
            if name in cell.variables or (table and re.search(rf"\b{table}\b", cell.source)):
                yield name, value


def unknown_route(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a request was answered with 404, because the API has no such route.

    Remedy: The line with the nearest route.
    """
    for value in cell.variables.values():
        if getattr(value, "status_code", None) == 404:
            return api.unknown_route(cell, str(value.url), settings)
    for command in shell.commands(cell):
        for word in command[1:] if command[0] in ("curl", "ab") else ():
            if word.startswith(settings.api_url) and (found := api.unknown_route(cell, word, settings)):
                return found
    return None


def _topics(cell: FailedCell, settings: Settings) -> Iterable[str]:
    """Return the topics that the cell reads, with Spark, a consumer or a command."""
    topics = topics_of(cell)
    for command in shell.commands(cell):
        if re.match(r"(kafkacat|kcat|kafka-)", command[0]) and (name := shell.option(command, "-t", "--topic")):
            topics.append(name)
    if not topics:
        existing = kafka.list_topics(settings.bootstrap_servers)
        topics = [text for _, text in cell.strings() if text in existing]
    return dict.fromkeys(topics)


SILENCES: list[Explain] = [
    service_down,
    empty_topic,
    position_at_end,
    unknown_route,
    stream_waits,
    filter_keeps_nothing,
]
