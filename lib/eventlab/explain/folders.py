"""Explains folders on HDFS that a DataFrame reads: replaced files, no files, files of another format."""

import posixpath
import re

from eventlab.explain.edits import python_correction, source_of
from eventlab.explain.explanation import RUN_FIRST, Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.session import dataframes
from eventlab.explain.syntax_trees import called_name, owner_of
from eventlab.settings import Settings
from eventlab.stack import filesystem

FILE = re.compile(r"reading file (hdfs://\S+?)\.?(?:\s|$)")


def files_replaced(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the files of a DataFrame were replaced or deleted after it was created.

    Remedy: The statement that reads the folder again, or a command that lists the folder.
    """
    match = FILE.search(cell.text) if cell.has_condition("FAILED_READ_FILE") else None
    if not match or not filesystem.has_webhdfs(match[1], settings) or filesystem.exists(match[1], settings):
        return None
    folder = posixpath.dirname(filesystem.plain_path(match[1]))
    entries = filesystem.names(folder, settings) if filesystem.exists(folder, settings) else []
    proof = f"{folder} contains: {', '.join(entries[:6]) or 'nothing'}"
    names = [name for name, _ in dataframes(cell)]
    name = names[0] if len(names) == 1 else ""
    what = f"The files that {name or 'the DataFrame'} reads were deleted or replaced after it was created."
    statement = cell.assignment_of(name) if name else None
    if any(entry.endswith(".parquet") for entry in entries) and statement and ".read" in statement:
        return Explanation(what, proof, statement, RUN_FIRST)
    what += " Overwriting the folder that a DataFrame reads deletes its files, too."
    instruction = "Run the cell that writes the folder, then the cell that reads it. "
    return Explanation(what, proof, f"!hadoop fs -ls {folder}", f"{instruction}To see what is there, run this")


def no_parquet_file(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a folder that is read as Parquet has no Parquet file.

    Remedy: A command that lists the folder.
    """
    paths = {text for _, text in cell.strings() if text.startswith(("/", "hdfs://"))}
    kind = cell.conditions.get("UNABLE_TO_INFER_SCHEMA", {}).get("format", "")
    for path in paths if "parquet" in kind.lower() and len(paths) == 1 else ():
        entries = filesystem.names(path, settings) if filesystem.has_webhdfs(path, settings) else []
        if filesystem.exists(path, settings) and not any(entry.endswith(".parquet") for entry in entries):
            what = f"The folder {path} has no Parquet file."
            instruction = "Run the cell that writes it. To see what is in the folder, run this"
            proof = f"{path} contains: {', '.join(entries[:6]) or 'nothing'}"
            return Explanation(what, proof, f"!hadoop fs -ls -R {path}", instruction)
    return None


def other_format(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a folder with Parquet files is read as JSON or CSV.

    Remedy: The line with `parquet`.
    """
    is_unreadable = cell.has_condition("UNSUPPORTED_FEATURE.QUERY_ONLY_CORRUPT_RECORD_COLUMN")
    for call in cell.calls("json", "csv") if is_unreadable else ():
        path, reader = cell.text_of(call.args[0]) if call.args else None, owner_of(call)
        if not path or reader is None or not filesystem.has_webhdfs(path, settings):
            continue
        entries = filesystem.names(path, settings)
        if any(entry.endswith(".parquet") for entry in entries):
            code = f"{source_of(cell, reader)}.parquet({source_of(cell, call.args[0])})"
            what = f"The folder {path} contains Parquet files, not {called_name(call).upper()}."
            return python_correction(cell, call, code, what, f"it contains: {', '.join(entries[:6])}")
    return None


EXPLANATIONS: list[Explain] = [files_replaced, no_parquet_file, other_format]
