"""Learners make a mistake, correct it, run cells twice, and open the solution: each check gives the right verdict.

Each lesson runs in one kernel. The cells that send, commit or write something run twice. In the place of an
exercise, the attempts of `attempts.toml` run: mistakes, the command of the hint, the correction twice, and then
the solution. `make test` does this with one lesson; the variable ALL_LESSONS=1 with all of them.
"""

import os
import re
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from eventlab.course import run as course_run
from eventlab.course.exercises import checks
from eventlab.stack import Stack
from tests.helpers import first_group

LESSONS = course_run.find_lessons([] if os.environ.get("ALL_LESSONS") else ["04"])
ATTEMPTS = tomllib.loads(Path(__file__).with_name("attempts.toml").read_text())
SENDS = ("player.", "!ab ", "kafkacat -P", "curl ", "group)", ".write.")
"""What occurs in cells that send, commit or write something: they run twice."""


def test_each_exercise_has_attempts():
    assert list(ATTEMPTS) == list(checks)


class Learner:
    """Runs the cells of a lesson in a kernel and returns what they print."""

    def __init__(self, client):
        self.client = client

    def run(self, source):
        """Run a cell; an error of the cell is an error of the test."""
        cell = new_code_cell(source)
        self.client.nb.cells.append(cell)
        self.client.execute_cell(cell, len(self.client.nb.cells) - 1)
        return "".join(output.get("text", "") for output in cell.outputs)

    def attempt(self, name, stub, solution):
        """Do an exercise with mistakes, and return the verdicts that are not as they must be."""
        attempts = ATTEMPTS[name]
        check = stub.splitlines()[-1]
        unexpected = []
        for mistake in attempts["mistakes"]:
            printed = self.run(f"{mistake['cell']}\n{check}")
            if "not yet. " not in printed or mistake["hint"].strip() not in printed:
                unexpected.append((mistake["cell"], printed))
            for command in re.findall(r"^!.+$", printed, re.MULTILINE):
                self.run(command)
        for source in (*[f"{attempts['right']}\n{check}"] * 2, solution):
            printed = self.run(source)
            if "correct." not in printed:
                unexpected.append((source, printed))
        return unexpected


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_verdicts_are_right_after_mistakes_and_when_cells_run_twice(stack, path, monkeypatch):
    monkeypatch.setenv("EVENTLAB_WAITS", "long")  # the clients in the kernel wait for a busy broker
    exercises = {}
    unexpected = []
    client = NotebookClient(nbformat.v4.new_notebook(), timeout=120, resources={"metadata": {"path": path.parent}})
    client.nb.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    try:
        with client.setup_kernel():
            learner = Learner(client)
            for cell in nbformat.read(path, as_version=4).cells:
                tags = cell.metadata.get("tags", [])
                if cell.cell_type != "code":
                    continue
                if "exercise" in tags:
                    exercises["stub"] = cell.source
                elif "solution" in tags:
                    name = first_group(r'course\.check\("(.+?)"', cell.source)
                    unexpected += learner.attempt(name, exercises["stub"], cell.source)
                else:
                    for _ in range(2 if any(part in cell.source for part in SENDS) else 1):
                        learner.run(cell.source)
    finally:
        Stack(stack).up()

    assert unexpected == []
