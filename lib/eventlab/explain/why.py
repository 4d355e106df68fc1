"""Explains cells that show nothing (`%why`): a service, an empty topic, a position at its end, an unknown route.

These checks count rows and read values, so they take longer than those of failed cells. A learner asks for them.
"""

import inspect
import itertools
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from eventlab.clients import kafka
from eventlab.errors import EventlabError
from eventlab.explain import (
    api,
    braces,
    created_topics,
    kafka_calls,
    kafka_client,
    loops,
    registry,
    service,
    shell,
    shell_http,
    shell_paths,
    why_filter,
    why_line,
    why_stream,
)
from eventlab.explain.explanation import REPLACE_LINE, Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.kafka import command_to_send, nearest_topic, state_of_topic, topics_of
from eventlab.explain.session import dataframes
from eventlab.explain.shell_words import KAFKA_COMMANDS, commands, is_suspect, option, with_values
from eventlab.settings import Settings

LABEL = "Why the cell shows nothing"
CREATED_WITHIN_S = 60
"""A lesson creates a topic again within this time after it has saved the topic's messages."""


def explain(cell: FailedCell, settings: Settings) -> Explanation:
    """Return the first confirmed reason why the cell failed or shows nothing, or what was found to be in order."""
    failed = cell.error is not None or is_suspect(cell)
    functions = [*SILENCES, *shell.EXPLANATIONS, *shell_http.EXPLANATIONS, *shell_paths.EXPLANATIONS]
    found = registry.explain(cell) if failed else None
    if found and found.remedy != "%why":  # the box of a result without rows leads here
        return found
    return registry.first_confirmed(functions, cell, settings) or _nothing_found(cell, settings)


def _nothing_found(cell: FailedCell, settings: Settings) -> Explanation:
    """Say that no reason was found, with the facts that were checked."""
    facts = [*_facts_of_topics(cell, settings), *_facts_of_tables(cell)]
    what = "No reason was found why this cell would show nothing."
    if cell.error is not None:
        what = f"No service confirms a reason for this error ({type(cell.error).__name__})."
    elif is_suspect(cell):
        what = "No service confirms a reason why this command failed."
    checked = "the cell uses no topic, no consumer, no stream and no DataFrame that could be checked"
    return Explanation(what, "; ".join(facts) or checked, "!eventlab status", "To see which services run")


def _facts_of_topics(cell: FailedCell, settings: Settings) -> Iterable[str]:
    """Yield how many messages the cell's topics have, or that Kafka does not answer."""
    try:
        for topic in topics(cell, settings):
            offsets = kafka.topic_offsets(settings.bootstrap_servers, topic)
            yield f"topic {topic!r} has {offsets.count} messages" if offsets else f"no topic {topic!r}"
    except EventlabError:
        yield f"no Kafka broker answers at {settings.bootstrap_servers}"


def _facts_of_tables(cell: FailedCell) -> Iterable[str]:
    """Yield which DataFrames of the cell have rows, or that Spark cannot read them."""
    for name, frame in dataframes(cell):
        try:
            if not frame.isStreaming:
                yield f"{name} has rows" if frame.take(1) else f"{name} has no rows"
        except Exception as error:
            yield f"{name} cannot be read ({type(error).__name__})"


def service_down(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a service of the cell does not answer: Kafka, HDFS, Spark or the game API.

    Remedy: Start the service.
    """
    text = re.sub(r"(?m)^\s*#.*$", "", f"{cell.source}\n{with_values(cell)}")
    uses: dict[str, Callable[[], object]] = {
        "kafka": lambda: topics_of(cell) or re.search(r"kafka|kcat|topic", text, re.IGNORECASE),
        "namenode": lambda: re.search(r"\b(hadoop|hdfs)\b", text),
        "datanode": lambda: re.search(r"\b(hadoop|hdfs)\b", text),
        "api": lambda: api.is_used(cell, settings, text),
        "spark": lambda: settings.is_spark_connect and next(dataframes(cell), None),
    }
    down = (service.service_not_running(settings, name) for name, is_used in uses.items() if is_used())
    return next(filter(None, down), None)


def empty_topic(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a topic of the cell is missing or empty; a lesson may have emptied it.

    Remedy: The line with the nearest topic, or a command that sends an event.
    """
    for topic in topics(cell, settings):
        state = state_of_topic(topic, settings)
        if state is None or (not state.is_missing and why_stream.reads_elsewhere(cell)):
            continue
        send, saved = command_to_send(topic, settings), _saved_by_lesson(topic, settings)
        if not saved and (explanation := nearest_topic(cell, topic, state, settings)):
            return explanation
        if saved:
            minute = time.strftime("%H:%M:%S on %Y-%m-%d", time.localtime(saved.stat().st_mtime))
            with saved.open("rb") as file:
                count = sum(1 for _ in file)
            return Explanation(
                f"{state.what} A lesson or lab emptied it at {minute}.",
                f"it saved the topic's {count} messages in {saved}, and Kafka created the topic again right after "
                f"that; {state.proof}",
                send,
                "A lesson creates the events that it reads in its first cell. To send one event, run",
            )
        if any(why_stream.queries(cell)):
            instruction = "The query waits for its first message. To send one, run"
            return Explanation(state.what, state.proof, send, instruction)
        return Explanation(state.what, state.proof, send)
    return None


def _saved_by_lesson(topic: str, settings: Settings) -> Path | None:
    """Return the file with the messages of a topic that `course.fresh_topic` emptied, if nothing else did since.

    The proof is the time at which the stack's broker created the topic, which its log folder has. A topic to which
    a message was written since then has a greater end offset than 0.
    """
    offsets = kafka.topic_offsets(settings.bootstrap_servers, topic)
    created = created_topics.creation_time(topic, settings)
    if offsets is None or any(offsets.end.values()) or created is None:
        return None
    names = re.compile(rf"{re.escape(topic)}-\d{{8}}-\d{{6}}-\w+\.jsonl")
    files = [path for path in (settings.state_dir / "saved").glob("*.jsonl") if names.fullmatch(path.name)]
    near = (path for path in files if 0 <= created - path.stat().st_mtime <= CREATED_WITHIN_S)
    return max(near, key=lambda path: path.stat().st_mtime, default=None)


def position_at_end(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a consumer, kafkacat or a group starts at the end of a topic that has messages.

    Remedy: The line that starts at the beginning, or with another group.
    """
    for function in (kafka_client.no_message_for_consumer, kafka_calls.unnamed_consumer_at_end):
        if explanation := function(cell, settings):
            return explanation
    for command in commands(cell):
        topic = option(command, "-t")
        start = option(command, "-o") or ""
        if command[0] in ("kafkacat", "kcat") and topic and (start == "end" or start.isdigit()):
            offsets = kafka.topic_offsets(settings.bootstrap_servers, topic)
            if offsets and offsets.count and (start == "end" or int(start) >= max(offsets.end.values())):
                what = f"-o {start} starts after the last message of {topic!r} and shows only new ones."
                proof = f"{topic!r} has {offsets.count} messages; its end offsets are {offsets.end}"
                return correction(cell, f"-o {start}", "-o beginning", what, proof)
    return None


def group_at_end(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a consumer group, whose name the cell contains, has read all messages of a topic.

    Remedy: The command that sets the group back to the beginning.
    """
    servers, texts = settings.bootstrap_servers, {text for _, text in cell.strings()}
    if "group_id" not in cell.program:
        return None
    with kafka.open_admin(servers) as admin:
        groups = texts & {item["group_id"] for item in admin.list_groups()}
    for group, topic in itertools.product(sorted(groups), topics(cell, settings)):
        offsets, committed = kafka.topic_offsets(servers, topic), kafka.committed_offsets(servers, group, topic)
        if offsets and offsets.count and committed == offsets.end:
            return Explanation(
                f"The group {group!r} has read all messages of {topic!r}.",
                f"its committed offsets are {committed}, and the end offsets are {offsets.end}",
                f"!kafka-consumer-groups --bootstrap-server {servers} --group {group} --topic {topic} "
                "--reset-offsets --to-earliest --execute",
                "To read the messages again, close the consumers of the group, run this, then run the cell again",
            )
    return None


def request_refused(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the API answered 400, 404, 405 or 503: a wrong body, route or method, or Kafka does not run.

    Remedy: The line with the nearest route or another method, what shows the API's checks, or the start of Kafka.
    """
    values = [value for value in [*cell.variables.values(), _shown(cell)] if type(value).__name__ == "Response"]
    answers = [value for value in values if getattr(value, "status_code", 0) in (400, 404, 405, 503)]
    return next(filter(None, (api.explain_answer(cell, answer, settings) for answer in answers)), None)


def method_without_parentheses(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the cell's last line names a method and does not call it: `frame.show`.

    Remedy: The line with parentheses.
    """
    method, line = _shown(cell), cell.source.rstrip().split("\n")[-1].strip()
    owner = getattr(method, "__self__", None)
    is_method = inspect.isroutine(method) and owner is not None and not inspect.ismodule(owner)
    if not is_method or not line.endswith(f".{method.__name__}"):
        return None
    what = f"{method.__name__} is a method. It is called with parentheses: {method.__name__}()."
    return Explanation(what, f"the cell's value is {str(method)[:60]}", f"{line}()", REPLACE_LINE)


def _shown(cell: FailedCell) -> Any:
    """Return what the cell's last line returned, which Jupyter showed, or None."""
    return cell.namespace.get("Out", {}).get((cell.number or 0) - 1)


def topics(cell: FailedCell, settings: Settings) -> Iterable[str]:
    """Return the topics that the cell reads, with Spark, a consumer or a command."""
    found = topics_of(cell)
    for command in commands(cell):
        name = option(command, "-t", "--topic") if re.match(KAFKA_COMMANDS, command[0]) else None
        if name and not {"--create", "--delete"} & set(command):
            found.append(name)
    if not found:
        existing = kafka.list_topics(settings.bootstrap_servers)
        found = [text for _, text in cell.strings() if text in existing]
    return dict.fromkeys(found)


SILENCES: list[Explain] = [
    why_line.unknown_name,
    braces.unset_in_braces,
    method_without_parentheses,
    loops.loop_shows_columns,
    service_down,
    created_topics.new_topic,
    empty_topic,
    position_at_end,
    group_at_end,
    request_refused,
    why_stream.stream_waits,
    why_filter.filter_keeps_nothing,
]
