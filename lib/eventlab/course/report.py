"""Write one HTML page from many executed notebooks."""

from collections.abc import Sequence
from pathlib import Path

from nbconvert import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from eventlab.course.execute import NotebookResult
from eventlab.files import write_atomically
from eventlab.lessons import LESSONS

TITLE = "eventlab: the course, executed"
CONTENTS = "# The course, executed\n\n| notebook | code cells | seconds | result |\n|---|---:|---:|---|\n"
NO_NETWORK = dict.fromkeys(
    ("mathjax_url", "require_js_url", "jquery_url", "mermaid_js_url", "mermaid_layout_elk_js_url"), ""
)


def write(results: Sequence[NotebookResult], page: Path) -> None:
    """Write the notebooks as one HTML file with a table of contents; the page needs no network."""
    cells = [new_markdown_cell(CONTENTS + "\n".join(map(_row, results)))]
    for result in results:
        cells.append(new_markdown_cell(f'<hr id="{result.name}">\n\n`{result.name}`'))
        cells += [
            NotebookNode(cell, id=f"{result.name[:2]}-{cell.get('id', n)}", source=_without_mermaid(cell.source))
            for n, cell in enumerate(result.node.cells)
        ]
    combined = new_notebook(cells=cells, metadata={"title": TITLE})
    exporter = HTMLExporter(**NO_NETWORK, embed_images=True)
    html, _ = exporter.from_notebook_node(combined, resources={"metadata": {"name": TITLE}})
    write_atomically(page, html)


def _without_mermaid(source: str) -> str:
    """Return a cell's source with a line of text instead of a lesson's diagram, which only a script can draw."""
    for lesson in LESSONS:
        source = source.replace(lesson.diagram, lesson.path)
    return source


def _row(result: NotebookResult) -> str:
    verdict = "completed"
    if result.failure:
        verdict = f"**cell {result.failure.cell} failed:** `{result.failure.error.splitlines()[0][:120]}`"
    return f"| [{result.name}](#{result.name}) | {result.cells} | {result.seconds:.1f} | {verdict} |"
