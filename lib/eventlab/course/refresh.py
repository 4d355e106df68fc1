"""Renewing the committed outputs: execute in place, clean what varies, keep what differs only in that.

An output that cannot repeat (a clock, an offset, a rate) would make every regeneration a change to review. So
an old output stays when the new one equals it after nbval's own sanitizing, or when the cell is tagged
`nbval-ignore-output` and its source is as it was.
"""

from __future__ import annotations

import re
from configparser import RawConfigParser
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from eventlab.course.run import NOTEBOOKS

SANITIZE = NOTEBOOKS / "sanitize.cfg"
WIDGET = "application/vnd.jupyter.widget-view+json"
"""A widget's view names its kernel's model, which is gone with the kernel; its text stays."""
KEPT_TAGS = {"parameters", "nbval-ignore-output"}
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def renew(notebook: Path, executed: NotebookNode) -> bool:
    """Write the executed notebook, cleaned, over the committed one; say whether a byte changed."""
    old = nbformat.read(notebook, as_version=4)
    text = nbformat.writes(clean(executed, old)) + "\n"
    changed = notebook.read_text() != text
    if changed:
        notebook.write_text(text)
    return changed


def clean(executed: NotebookNode, old: NotebookNode) -> NotebookNode:
    """The executed notebook with sequential ids, no tool's metadata, and old outputs where only noise differs."""
    patterns = sanitizers()
    cells = [cell for cell in executed.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    before = [cell for cell in old.cells if cell.cell_type == "code"]
    count = 0
    for number, cell in enumerate(cells, start=1):
        cell.id = f"cell-{number:03}"
        tags = [tag for tag in cell.metadata.get("tags", []) if tag in KEPT_TAGS]
        cell.metadata = NotebookNode({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.execution_count = count + 1 if cell.source.strip() else None
            _settle(cell, _take(before, cell.source), patterns)
            count += 1
    return NotebookNode({**executed, "cells": cells, "metadata": NotebookNode(METADATA), "nbformat_minor": 5})


def _take(before: list[NotebookNode], source: str) -> NotebookNode | None:
    """The first old cell with that source, removed from the list."""
    for number, cell in enumerate(before):
        if cell.source == source:
            return before.pop(number)
    return None


def sanitizers() -> list[tuple[re.Pattern[str], str]]:
    """nbval's sanitize file as patterns and replacements."""
    parser = RawConfigParser()
    parser.read(SANITIZE)
    return [(re.compile(parser[name]["regex"]), parser[name]["replace"]) for name in parser.sections()]


def _settle(cell: NotebookNode, old: NotebookNode | None, patterns: list[tuple[re.Pattern[str], str]]) -> None:
    for output in cell.outputs:
        output.pop("transient", None)
        output.get("data", {}).pop(WIDGET, None)
        if "execution_count" in output:
            output.execution_count = cell.execution_count
        output.metadata = NotebookNode() if "metadata" in output else None
        if output.metadata is None:
            del output["metadata"]
    cell.outputs = _joined_streams(cell.outputs)
    if old is None or not old.outputs:
        return
    ignored = "nbval-ignore-output" in cell.metadata.get("tags", [])
    if ignored or _sanitized(cell.outputs, patterns) == _sanitized(old.outputs, patterns):
        cell.outputs = old.outputs
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = cell.execution_count


def _joined_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Neighbouring pieces of one stream as one: how a program's output was cut up is chance."""
    joined: list[NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == "stream" and last.get("name") == output.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _sanitized(value: object, patterns: list[tuple[re.Pattern[str], str]]) -> object:
    """The outputs with every string sanitized as nbval does it, execution counts left out."""
    if isinstance(value, dict):
        return {k: _sanitized(v, patterns) for k, v in value.items() if k != "execution_count"}
    if isinstance(value, list):
        return [_sanitized(item, patterns) for item in value]
    if isinstance(value, str):
        for pattern, replacement in patterns:
            value = pattern.sub(replacement, value)
    return value
