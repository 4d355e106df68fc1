"""The page on which JupyterLab opens: lessons and labs with minutes and the learner's own progress.

It is Markdown in build/, which Lab shows as a page and whose links it opens in tabs, wherever Lab itself is:
behind a token, under a JupyterHub's base URL. It is written anew as a learner gets further; Lab reads it when it
is opened.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from eventlab.jupyter import progress
from eventlab.settings import ROOT, Settings, settings
from eventlab.stack.config import start_page

MINUTES = re.compile(r"\*\*(\d+) minutes\.\*\*")


def write(of: Settings = settings) -> Path:
    """Write the page for a stack, and return where it is."""
    path = ROOT / start_page(of)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = page(progress.read(of))
    new = path.with_suffix(f".{os.getpid()}")
    new.write_text(text)
    new.replace(path)
    return path


def page(done: dict[str, progress.Progress]) -> str:
    """The page's Markdown."""
    lessons = sorted(ROOT.glob("notebooks/[0-9][0-9]_*.ipynb"))
    labs = sorted(ROOT.glob("labs/*/student.ipynb"))
    ran = sum(1 for path in lessons if (entry := done.get(_key(path))) and entry.finished)
    return "\n".join(
        [
            "# Event tracking on Kafka, Spark and HDFS",
            "",
            f"**{ran} of {len(lessons)} lessons ran through.** Open one with a click and run its cells from "
            "top to bottom with Shift+Enter.",
            "",
            *_table("lesson", lessons, done),
            "",
            "## Labs, to hand in",
            "",
            *_table("lab", labs, done),
            "",
            "## The stack",
            "",
            "The menu **Stack** above opens its panel (state, start, stop, restart) and a terminal, in which",
            "",
            "| type | to |",
            "|---|---|",
            "| `eventlab status` | see what runs, where, with how much memory |",
            "| `eventlab restart` | end the services and start them again; Jupyter stays |",
            "| `eventlab up --at 07` | put everything into the state from which lesson 7 starts |",
            "| `eventlab doctor` | find out what is wrong, and what mends it |",
            "",
        ]
    )


def _table(what: str, notebooks: list[Path], done: dict[str, progress.Progress]) -> Iterator[str]:
    yield f"| {what} | minutes | your progress |"
    yield "|---|---:|---|"
    for path in notebooks:
        title, minutes = _opening(path)
        yield f"| [{title}](../{_key(path)}) | {minutes} | {_told(done.get(_key(path)))} |"


def _told(entry: progress.Progress | None) -> str:
    if entry is None:
        return "not begun"
    if entry.finished:
        return f"✓ ran through on {entry.finished}"
    return f"{entry.done} of {entry.cells} cells"


def _opening(path: Path) -> tuple[str, str]:
    """A notebook's title and minutes, from its first cell."""
    first = "".join(json.loads(path.read_text())["cells"][0]["source"])
    minutes = MINUTES.search(first)
    return first.splitlines()[0].lstrip("# "), minutes[1] if minutes else ""


def _key(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
