"""A kit whose lessons a test can change, and the learner's copies of them."""

import json
import shutil

from eventlab.jupyter import working_copy
from eventlab.settings import ROOT

NAME = "05_filter_events"


def changeable_kit(tmp_path, monkeypatch):
    """Copy the kit's lessons, let the working copies follow the copied kit, and return its folder."""
    kit = tmp_path / "kit"
    shutil.copytree(ROOT / "notebooks", kit / "notebooks", ignore=shutil.ignore_patterns("pictures", ".*"))
    shutil.copytree(ROOT / "labs" / "lab01_events", kit / "labs" / "lab01_events")
    shutil.copy(ROOT / "game_api.py", kit)
    (kit / working_copy.EXPLANATIONS).parent.mkdir(parents=True)
    shutil.copy(ROOT / working_copy.EXPLANATIONS, kit / working_copy.EXPLANATIONS)
    monkeypatch.setattr(working_copy, "ROOT", kit)
    return kit


def sources(notebook):
    """Return the sources of a notebook's cells."""
    return ["".join(cell["source"]) for cell in json.loads(notebook.read_text())["cells"]]


def change(notebook, text):
    """Add a line to the first code cell of a notebook."""
    content = json.loads(notebook.read_text())
    cell = next(cell for cell in content["cells"] if cell["cell_type"] == "code")
    cell["source"] = "".join(cell["source"]) + f"\n# {text}"
    notebook.write_text(json.dumps(content))


def run_once(notebook):
    """Give the first code cell of a notebook a number, as a run does."""
    content = json.loads(notebook.read_text())
    next(cell for cell in content["cells"] if cell["cell_type"] == "code")["execution_count"] = 1
    notebook.write_text(json.dumps(content))


def names(work):
    """Return the names of the files of lesson 5."""
    return sorted(path.name for path in work.glob(f"{NAME}*"))
