"""Explains folders that a streaming query writes: one without a file yet, one whose files were deleted."""

import re

from eventlab.explain.checkpoints import has_only_files_of_spark
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.options import sink_option
from eventlab.explain.query_program import is_active, is_query, program_of
from eventlab.settings import Settings
from eventlab.stack import filesystem


def output_deleted(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the checkpoint continues after batches that are not in the stream's folder of files.

    Remedy: Delete the checkpoint and the output.
    """
    missing = re.search(r"BATCH_METADATA_NOT_FOUND\] Unable to find batch (\S+)/_spark_metadata/(\d+)", cell.text)
    checkpoint = sink_option(cell, "checkpointLocation")
    if not missing or not checkpoint or not filesystem.has_webhdfs(missing[1], settings):
        return None
    folder = filesystem.plain_path(missing[1])
    if filesystem.exists(f"{folder}/_spark_metadata/{missing[2]}", settings):
        return None
    existing = [path for path in (folder, checkpoint) if filesystem.exists(path, settings)]
    if not all(has_only_files_of_spark(path, settings) for path in existing):
        return None
    return Explanation(
        f"The checkpoint continues after batch {missing[2]}, which is not in the stream's folder {folder}: its "
        "files were deleted, or the checkpoint belongs to another query.",
        f"{folder}/_spark_metadata has no file {missing[2]}; the checkpoint is {checkpoint}",
        f"!hadoop fs -rm -r -f -skipTrash {checkpoint} {folder}",
        "If another query uses this checkpoint, write the path of another one in the cell, and delete only "
        f"{folder}. Otherwise, to start again at the beginning, run this, then run the cell again",
    )


def batch_missing(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a folder that is read lacks batches of the stream that wrote it.

    Remedy: Delete the output; its query then needs a new checkpoint.
    """
    missing = re.search(r"FileNotFoundException\) (\S+)/_spark_metadata/(\d+) doesn't exist", cell.text)
    if not missing or not filesystem.has_webhdfs(missing[1], settings):
        return None
    folder, batch = filesystem.plain_path(missing[1]), missing[2]
    if filesystem.exists(f"{folder}/_spark_metadata/{batch}", settings):
        return None
    if not has_only_files_of_spark(folder, settings):
        return None
    return Explanation(
        f"The folder {folder} lacks batch {batch} of its stream: the query had the checkpoint of another query, "
        "or files were deleted. Spark cannot read such a folder.",
        f"{folder}/_spark_metadata has no file {batch}",
        f"!hadoop fs -rm -r -f -skipTrash {folder}",
        "Stop the query that writes it, and run this. Then start the query with a new checkpoint of its own",
    )


def nothing_written(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a folder has no Parquet file yet, because the stream of the notebook has read no event.

    Remedy: Why the query has read nothing.
    """
    if not cell.matches(r"UNABLE_TO_INFER_SCHEMA"):
        return None
    paths = {text for _, text in cell.strings() if text.startswith(("/", "hdfs://"))}
    path = paths.pop().rstrip("/") if len(paths) == 1 else ""
    if not path or not filesystem.has_webhdfs(path, settings) or not _is_empty(path, settings):
        return None
    queries = [(name, value) for name, value in cell.namespace.items() if is_query(value) and name[0] != "_"]
    for name, query in queries:
        if not _writes(cell, name, path):
            continue  # it writes another folder
        if is_active(query) and not any(batch.numInputRows for batch in query.recentProgress):
            return Explanation(
                f"The folder {path} has no Parquet file yet.",
                f"the streaming query {name} runs, and its last {len(query.recentProgress)} reports have no event",
                f"%why({name})",
                "Run the cell again when events have arrived. To see what the query waits for, run this",
            )
    return None


def _writes(cell: FailedCell, query: str, path: str) -> bool:
    """Return whether the statements of a query name a folder, or a variable with it."""
    program = program_of(FailedCell(None, "", cell.namespace), query)
    names = [
        name for name, value in cell.namespace.items() if isinstance(value, str) and value.rstrip("/") == path
    ]
    words = [rf"[\"']{re.escape(path)}/?[\"']", *(rf"\b{re.escape(name)}\b" for name in names)]
    return any(re.search(word, program) for word in words)


def _is_empty(path: str, settings: Settings) -> bool:
    """Return whether a folder on HDFS has no file but those of Spark, whose names begin with `_`."""
    return filesystem.exists(path, settings) and all(
        name.rpartition("/")[2].startswith("_") for name in filesystem.names(path, settings)
    )


EXPLANATIONS: list[Explain] = [nothing_written, output_deleted, batch_missing]
