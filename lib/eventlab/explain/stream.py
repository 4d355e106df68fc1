"""Explains errors of streaming queries: a name that is in use, a checkpoint of a topic that was deleted."""

import ast
import re
from typing import Any

from eventlab.clients import kafka
from eventlab.clients.stream_messages import DATA_LOST, number_of
from eventlab.explain.checkpoints import checkpoint_in, free_folder, has_only_files_of_spark
from eventlab.explain.explanation import REPLACE_LINE, Explain, Explanation
from eventlab.explain.failed_cell import FailedCell, plans
from eventlab.explain.options import sink_option
from eventlab.explain.query_program import is_query
from eventlab.explain.session import dataframes, session_of, session_variable
from eventlab.explain.stream_calls import free_table, written_to_files
from eventlab.settings import Settings
from eventlab.stack import filesystem

TIMEOUT_S = 3.0
NAME_IN_USE = r"Cannot start query with name (\S+) as a query with that name is already active"
NOT_FOR_STREAMS = r"CALL_ON_STREAMING_DATASET_UNSUPPORTED"


def name_in_use(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the session already runs a query with that name.

    Remedy: Stop the query of that name.
    """
    match, session = re.search(NAME_IN_USE, cell.text), session_variable(cell)
    if not match or not session:
        return None
    name = match[1]
    running = next((query for query in cell.namespace[session].streams.active if query.name == name), None)
    if running is None:
        return None
    return Explanation(
        f"A streaming query named {name!r} is already running, for example from an earlier run of this cell.",
        f"{session}.streams.active contains it: id {running.id}, {running.status['message']}",
        f"[query.stop() for query in {session}.streams.active if query.name == {name!r}]",
    )


def checkpoint_of_deleted_topic(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the topic was deleted after the stream ran: its end is below the checkpoint's offsets.

    Remedy: Delete the checkpoint and the output.
    """
    if not DATA_LOST.search(cell.text) or not cell.matches(
        r"Streaming Query|checkpointLocation|\[STREAM_FAILED\]"
    ):
        return None
    checkpoint = sink_option(cell, "checkpointLocation")
    found = checkpoint_in(checkpoint or "", settings)
    for topic, partitions in found.reached.items() if found else ():
        offsets = kafka.topic_offsets(settings.bootstrap_servers, topic, TIMEOUT_S)
        for partition, offset in partitions.items():
            end = offsets.end.get(partition) if offsets else None
            if end is not None and end >= offset:
                continue
            state = "does not exist" if end is None else f"ends at offset {end}"
            folders = list(filter(None, [checkpoint, _output_folder(cell, settings)]))
            if not all(has_only_files_of_spark(folder, settings) for folder in folders):
                return None
            return Explanation(
                f"The stream's checkpoint belongs to an earlier topic {topic!r}, which was deleted.",
                f"{checkpoint} continues at offset {offset} of partition {partition}; the topic {state} now",
                f"!hadoop fs -rm -r -skipTrash {' '.join(folders)}",
                "To fix it, run this (it deletes the stream's output, which the cell writes again), then run the "
                "cell again",
            )
    return None


def no_report_yet(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `lastProgress` was None, because the query had not completed a batch yet.

    Remedy: The call that waits for the query.
    """
    if not cell.matches(r"^builtins\.(?:Attribute|Type)Error: 'NoneType' object"):
        return None
    nodes: list[ast.Attribute | ast.Subscript] = cell.failed_nodes(ast.Attribute, ast.Subscript)
    for node in nodes:
        progress = node.value
        if not isinstance(progress, ast.Attribute) or progress.attr != "lastProgress":
            continue
        name, field = getattr(progress.value, "id", ""), getattr(node, "attr", "")
        query: Any = cell.namespace.get(name)
        if is_query(query) and (getattr(cell.error, "name", None) or "") == field:
            return Explanation(
                f"{name}.lastProgress was None: the query had not completed a batch when the line ran.",
                f"None has no {field or 'fields'}; {name}.recentProgress has "
                f"{number_of(len(query.recentProgress), 'report')} now",
                f"{name}.processAllAvailable()",
                "To wait until it has read all that is there, run this before the line with lastProgress",
            )
    return None


def stream_used_as_table(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that show, count, collect or write need a table, but the DataFrame is a stream.

    Remedy: A line that writes the stream to a table in memory, or to files.
    """
    if not cell.matches(r"Queries with streaming sources must be executed with writeStream", NOT_FOR_STREAMS):
        return None
    used = {node.id for call in cell.failed_calls() for node in ast.walk(call) if isinstance(node, ast.Name)}
    streams = [(name, frame) for name, frame in dataframes(cell) if frame.isStreaming]
    for name, frame in streams:
        if name not in used and len(streams) > 1:
            continue
        has_groups = any(type(plan).__name__ == "Aggregate" for plan in plans(frame))
        mode = '.outputMode("complete")' if has_groups else ""
        table = free_table(f"{name}_rows", frame.sparkSession)
        files = None if has_groups else written_to_files(cell, settings)
        line = files or f'{name}.writeStream.format("memory").queryName("{table}"){mode}.start()'
        result = "the folder has files" if files else f'spark.table("{table}") has rows'
        return Explanation(
            f"The DataFrame {name!r} is a stream. It has no end, so nothing can show, count or write all of it.",
            f"{name}.isStreaming is True",
            f"{name}_query = {line}",
            f"{REPLACE_LINE}; after some seconds, {result}",
        )
    return None


def output_mode(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the output mode does not fit the query or the sink.

    Remedy: The line with another output mode or sink.
    """
    operation = cell.conditions.get("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION")
    sink = cell.conditions.get("STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE")
    if operation and operation["outputMode"] == "append":
        what = "In the mode append, a stream shows a group when it is complete, which needs a watermark."
        what += " The mode complete shows all groups after each batch."
        proof = "Spark reports an aggregation without a watermark in the mode append"
        return _with_mode(cell, "append", "complete", what, proof)
    if operation and operation["outputMode"] == "complete":
        what = "The mode complete shows all groups again after each batch, but this stream has no groups."
        proof = "Spark reports no streaming aggregation in the mode complete"
        return _with_mode(cell, "complete", "append", what, proof)
    if sink:
        what = f"A stream into {sink['className']} only appends. It cannot use the mode {sink['outputMode']}."
        what += " The memory sink can."
        typed = re.search(r"\bwriteStream\b.*?(\.format\(([\"'])\w+\2\))", cell.source, re.DOTALL)
        before, call, after = cell.only_line(re.escape(typed[1])).rpartition(typed[1]) if typed else ("", "", "")
        table = free_table("rows_so_far", session_of(cell))
        line = f'{before}.format("memory").queryName("{table}"){after}' if call else ""
        proof = f"Spark reports the mode {sink['outputMode']} as not supported by {sink['className']}"
        return Explanation(what, proof, line, REPLACE_LINE) if line else None
    return None


def _with_mode(cell: FailedCell, old: str, new: str, what: str, proof: str) -> Explanation | None:
    """Explain with the line that has another output mode: in its call of outputMode, or before its start."""
    typed = re.search(rf"\.outputMode\(([\"']){old}\1\)", cell.source)
    call = typed or re.search(r"\.start\(", cell.source)
    line = cell.only_line(re.escape(call[0])) if call else ""
    if not call or not line:
        return None
    changed = line.replace(call[0], f'.outputMode("{new}")' if typed else f'.outputMode("{new}"){call[0]}')
    return Explanation(what, proof, changed, REPLACE_LINE)


def checkpoint_missing(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a stream into files or Kafka needs a checkpoint. Name a folder that is free.

    Remedy: The line with a checkpoint.
    """
    if not cell.matches(r"checkpointLocation must be specified"):
        return None
    line = cell.only_line(r"\.start\(")
    if not line:
        return None
    path = free_folder("/tmp/checkpoint_", settings)
    return Explanation(
        "A stream into files or Kafka needs a checkpoint, where it notes what it has read.",
        f"Spark reports that the query has no checkpointLocation; {path} on HDFS is free",
        line.replace(".start(", f'.option("checkpointLocation", "{path}").start('),
        REPLACE_LINE,
    )


def kafka_sink_without_value(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that Kafka's sink needs a column `value` with strings or bytes.

    Remedy: The line that makes a column `value`.
    """
    missing = cell.matches(r"Required attribute 'value' not found")
    wrong_type = re.search(r"value attribute unsupported type (\w+)", cell.text)
    if not missing and not wrong_type:
        return None
    call = re.search(r"\.write(Stream)?\b", cell.source)
    line = cell.only_line(re.escape(call[0])) if call else ""
    for name, frame in dataframes(cell):
        if not call or not re.search(rf"\b{name}\b", line) or ("value" in frame.columns) is bool(missing):
            continue
        make_value = '.selectExpr("string(value) as value")'
        if missing:
            make_value = '.selectExpr("to_json(struct(*)) as value")'
        what = "Kafka's sink writes the column value, which must be a string or bytes."
        return Explanation(
            what + (f" Here it is a {wrong_type[1]}." if wrong_type else " This DataFrame has no such column."),
            f"the columns of {name} are {', '.join(frame.columns)}",
            line.replace(call[0], f"{make_value}{call[0]}"),
            REPLACE_LINE,
        )
    return None


def checkpoint_of_other_query(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the query's groups or source changed after its checkpoint was written.

    Remedy: Delete the checkpoint and the output.
    """
    changed = re.search(r"Existing (?:key|value)_schema=(\S+.*?) and new (?:key|value)_schema=(\S+.*)", cell.text)
    if not changed and not cell.matches(r"STATE_STORE_\w+_SCHEMA_NOT_COMPATIBLE", r"Log file was malformed"):
        return None
    checkpoint = sink_option(cell, "checkpointLocation")
    if not checkpoint or not filesystem.has_webhdfs(checkpoint, settings):
        return None
    if not filesystem.exists(checkpoint, settings) or not has_only_files_of_spark(checkpoint, settings):
        return None
    proof = f"{checkpoint} on HDFS contains: {', '.join(filesystem.names(checkpoint, settings))}"
    if changed:
        before, after = (", ".join(re.findall(r"StructField\((\w+)", text)) for text in changed.groups())
        proof += f"; its state has the fields {before}, the query has {after}"
    instruction = "To start again at the beginning, run this (it deletes the checkpoint), then run the cell again"
    if output := _output_folder(cell, settings):
        # Its folder _spark_metadata lists the batches that are written; the new query would leave these out.
        instruction = instruction.replace("the checkpoint", "the checkpoint and the stream's output")
    return Explanation(
        "The checkpoint belongs to an earlier form of this query: its groups, aggregates or source have changed.",
        proof,
        f"!hadoop fs -rm -r -skipTrash {' '.join(filter(None, [checkpoint, output]))}",
        instruction,
    )


def _output_folder(cell: FailedCell, settings: Settings) -> str | None:
    """Return the folder on HDFS into which the stream of the cell writes files, if it exists."""
    path = sink_option(cell, "path")
    if not path or not filesystem.has_webhdfs(path, settings):
        return None
    is_output = filesystem.exists(f"{path.rstrip('/')}/_spark_metadata", settings)
    return path if is_output and has_only_files_of_spark(path, settings) else None


EXPLANATIONS: list[Explain] = [
    name_in_use,
    checkpoint_of_deleted_topic,
    no_report_yet,
    stream_used_as_table,
    output_mode,
    checkpoint_missing,
    kafka_sink_without_value,
    checkpoint_of_other_query,
]
