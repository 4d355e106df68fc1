"""Every command of labs/README.md is run, in the order in which it stands there, in a copy of what a clone has."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from papermill.inspection import inspect_notebook
from papermill.iorw import load_notebook_node
from papermill.utils import find_first_tagged_cell_index

from eventlab.grading import results
from eventlab.grading.audit import summary
from eventlab.labs.catalogue import find
from eventlab.settings import ROOT
from tests.grading.corpus import entries
from tests.stacks import free_offset

README = ROOT / "labs" / "README.md"
RUN_ELSEWHERE = ("make lab", "make setup")
"""Run by tests/test_lab.py, because it would hold the terminal's stack, and before any test."""
SAMPLE_OF_THE_CORPUS = ("cells_in_another_order", "q1_series", "q2_confluent", "q1_from_the_seed")
SAMPLE = {entry.name: entry for entry in entries(["lab01"]) if entry.name in SAMPLE_OF_THE_CORPUS}
"""Right and wrong submissions of the corpus, which are graded with the others."""


def sections():
    """Heading -> the lines of its sh blocks."""
    found = {}
    for section in README.read_text().split("\n## "):
        blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
        if blocks:
            found[section.partition("\n")[0]] = "".join(blocks)
    return found


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A folder from which the README's relative paths work, with submissions to lab 1."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "state").mkdir()
    shutil.copytree(ROOT / "labs", folder / "labs")
    for name in ("lib", "stack", "Makefile", "pyproject.toml", "uv.lock", ".venv", "game_api.py", "notebooks"):
        (folder / name).symlink_to(ROOT / name)
    submissions = folder / "submissions"
    submissions.mkdir()
    shutil.copy(find("lab01").instructor, submissions / "ada.ipynb")
    shutil.copy(find("lab01").student, submissions / "ben.ipynb")
    for name, entry in SAMPLE.items():
        nbformat.write(entry.notebook(find("lab01")), submissions / f"{name}.ipynb")
    return folder


def own_stack(folder):
    """Return the settings of a stack that no other test uses: the README starts and stops one."""
    return {"EVENTLAB_STATE_DIR": str(folder / "state"), "EVENTLAB_PORT_OFFSET": str(free_offset())}


def sh(commands, folder):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    lines = "\n".join(line for line in commands.splitlines() if line.strip() not in RUN_ELSEWHERE)
    return subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", lines],
        cwd=folder,
        env=os.environ | {"PATH": path} | own_stack(folder),
        capture_output=True,
        text=True,
    )


def test_the_readme_has_commands_for_students_and_instructors():
    commands = "".join(sections().values())

    for said in (
        "eventlab labs release",
        "eventlab labs verify",
        "eventlab labs list",
        "eventlab grade ",
        "gradebook ",
    ):
        assert said in commands
    for said in ("eventlab labs new", "eventlab similarity", "eventlab labs gradescope"):
        assert said in commands


@pytest.mark.services
@pytest.mark.timeout(900)
def test_every_command_of_the_readme_works(clone):
    for heading, commands in sections().items():
        done = sh(commands, clone)
        assert done.returncode == 0, f"{heading}\n{commands}\n{done.stdout}{done.stderr}"

    assert "ada.html" in done.stdout
    grades = (clone / "build" / "grades" / "lab01_events" / "grades.csv").read_text().splitlines()
    full = f"{find('lab01').points():g}"
    assert grades[1].startswith(f"ada,lab01_events,graded,{full},{full}")
    assert grades[2].startswith("ben,lab01_events,graded,1,")  # by hand
    assert results.read(results.path_of("ben", clone / "build" / "grades" / "lab01_events")).points == 0
    assert "Come to the office hour." in (clone / "build/grades/lab01_events/feedback/ben.html").read_text()


@pytest.mark.services
def test_what_papermill_executed_has_the_record_of_the_grading(clone):
    folders = [clone / "build" / folder / "lab01_events" for folder in ("grades", "judged")]
    graded, judged = (results.read(results.path_of("ada", folder)) for folder in folders)

    assert [(q.id, q.points) for q in judged.questions] == [(q.id, q.points) for q in graded.questions]
    assert [(c.name, c.passed) for c in judged.checks] == [(c.name, c.passed) for c in graded.checks]
    assert (judged.points, judged.status) == (graded.points, graded.status)


@pytest.mark.services
def test_on_a_fresh_stack_a_submission_has_the_marks_of_the_grading(clone):
    """As `eventlab grade --audit` compares them; test_audit.py shows what a difference does."""
    folders = [clone / "build" / "grades" / folder for folder in ("lab01_events", "strict")]
    graded, fresh = (results.read(results.path_of("ada", folder)) for folder in folders)

    assert summary(fresh) == summary(graded)


@pytest.mark.services
def test_papermill_reads_the_executed_copies_of_the_grading(clone):
    copy = clone / "build" / "grades" / "lab01_events" / "notebooks" / "ada.ipynb"
    node = load_notebook_node(str(copy))

    assert find_first_tagged_cell_index(node, "injected-parameters") == 1
    assert set(inspect_notebook(copy)) == {"student", "seed", "topic", "folder", "group"}
    code = [cell.metadata.papermill for cell in node.cells if cell.cell_type == "code"]
    assert {(one.status, one.exception) for one in code} == {("completed", False)}
    assert min(one.duration for one in code) > 0


@pytest.mark.services
def test_the_new_lab_the_pairs_and_the_autograder_of_the_readme_are_written(clone):
    pairs = (clone / "build" / "similarity" / "lab01_events" / "index.html").read_text()

    assert "ada and the instructor&#39;s solution" in pairs or "the instructor&#39;s solution and ada" in pairs
    assert "<li>ben: too little code of its own</li>" in pairs
    assert (clone / "build" / "labs" / "lab20_swords" / "lab20_swords.ipynb").exists()
    assert (clone / "build" / "course" / "source" / "lab01_events" / "lab01_events.ipynb").exists()
    assert (clone / "build" / "gradescope" / "lab01_events.zip").exists()


@pytest.mark.services
def test_a_sample_of_the_corpus_receives_the_marks_that_it_must_get(clone):
    records = {record.student: record for record in results.load_all(clone / "build" / "grades" / "lab01_events")}

    for name, entry in SAMPLE.items():
        points = {question.id: question.points for question in records[name].questions}
        assert points == entry.expected(find("lab01")), (name, records[name].messages)
    assert len(SAMPLE) == len(SAMPLE_OF_THE_CORPUS)


@pytest.mark.services
def test_the_files_that_the_readme_names_are_those_that_are_written(clone):
    output = clone / "build" / "grades" / "lab01_events"
    named = re.findall(r"^\| `([a-z.]+/?)` \|", README.read_text().split("\n## Publish\n")[1], re.MULTILINE)

    assert len(named) == 7
    for name in named:
        assert (output / name).exists(), name


@pytest.mark.services
def test_the_gradebook_of_the_readme_has_a_late_student_and_one_who_handed_in_nothing(clone):
    with (clone / "build" / "gradebook" / "marks.csv").open() as file:
        marks = {row["student"]: row for row in csv.DictReader(file)}

    full = f"{find('lab01').points():g}"
    assert (marks["ada"]["mark"], marks["ada"]["status"]) == (full, "graded")
    assert (marks["ben"]["days_late"], marks["ben"]["mark"]) == ("2", "0")
    assert (marks["kim"]["mark"], marks["kim"]["status"]) == ("", "not handed in")
