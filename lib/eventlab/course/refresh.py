"""Update the committed outputs of a notebook, except those that differ only in values such as times.

Times, offsets and rates differ in each run, and nobody has to review them. An old output is kept if it equals
the new one after nbval's sanitizing, or if its cell is tagged `nbval-ignore-output` and has the same source.
"""

import re
from configparser import RawConfigParser
from pathlib import Path

import nbformat
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from nbformat import NotebookNode

from eventlab.files import write_if_changed
from eventlab.lessons import EXERCISE, METADATA, SOLUTION
from eventlab.settings import ROOT

SANITIZE = ROOT / "notebooks" / "sanitize.cfg"
WIDGET = "application/vnd.jupyter.widget-view+json"
"""A widget's view refers to a model in its kernel. Only the widget's text is kept."""
IGNORED_OUTPUT = "nbval-ignore-output"
TAGS = ("parameters", IGNORED_OUTPUT, EXERCISE, SOLUTION)
FOLDED = {"source_hidden": True}
Patterns = list[tuple[re.Pattern[str], str]]


def update_outputs(notebook: Path, executed: NotebookNode) -> bool:
    """Write the cleaned executed notebook over the committed one; return whether the file changed."""
    committed = nbformat.read(notebook, as_version=4)
    return write_if_changed(notebook, nbformat.writes(clean(executed, committed)) + "\n")


def clean(executed: NotebookNode, committed: NotebookNode) -> NotebookNode:
    """Return the executed notebook as it is committed.

    Cells get sequential ids, the metadata of tools is removed, and committed outputs are kept where the new ones
    differ only in values such as times.
    """
    patterns, joined_streams = read_sanitizers(), CoalesceStreamsPreprocessor()
    cells = [cell for cell in executed.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    old_cells = [cell for cell in committed.cells if cell.cell_type == "code"]
    count = 0
    for number, cell in enumerate(cells, start=1):
        cell.id = f"cell-{number:03}"
        tags = [tag for tag in cell.metadata.get("tags", []) if tag in TAGS]
        folded = {"jupyter": FOLDED} if SOLUTION in tags else {}
        cell.metadata = NotebookNode(folded | ({"tags": tags} if tags else {}))
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count if cell.source.strip() else None
            for output in cell.outputs:
                output.pop("transient", None)
                output.get("data", {}).pop(WIDGET, None)
                if "metadata" in output:
                    output.metadata = NotebookNode()
            joined_streams.preprocess_cell(cell, {}, 0)  # a stream is split at random places
            _keep_old_outputs(cell, old_cells, patterns)
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = cell.execution_count
    return NotebookNode({**executed, "cells": cells, "metadata": NotebookNode(METADATA), "nbformat_minor": 5})


def read_sanitizers() -> Patterns:
    """Return the patterns of nbval's sanitize file with their replacements."""
    parser = RawConfigParser()
    parser.read(SANITIZE)
    return [(re.compile(parser[name]["regex"]), parser[name]["replace"]) for name in parser.sections()]


def _keep_old_outputs(cell: NotebookNode, old_cells: list[NotebookNode], patterns: Patterns) -> None:
    """Restore the outputs of the first old cell with this source, unless the new ones differ in more than times.

    That cell is removed from the old cells.
    """
    number = next((number for number, old in enumerate(old_cells) if old.source == cell.source), None)
    if number is None:
        return
    old = old_cells.pop(number)
    ignored = IGNORED_OUTPUT in cell.metadata.get("tags", [])
    if old.outputs and (ignored or _sanitize(cell.outputs, patterns) == _sanitize(old.outputs, patterns)):
        cell.outputs = old.outputs


def _sanitize(value: object, patterns: Patterns) -> object:
    """Return outputs with every string sanitized as nbval does it, without execution counts."""
    if isinstance(value, dict):
        return {key: _sanitize(item, patterns) for key, item in value.items() if key != "execution_count"}
    if isinstance(value, list):
        return [_sanitize(item, patterns) for item in value]
    if isinstance(value, str):
        for pattern, replacement in patterns:
            value = pattern.sub(replacement, value)
    return value
