"""The autograder for Gradescope: the documented layout, and its script run in that layout, without services.

A submission that is already graded, with the same fingerprint, is not graded again, so the script runs to its end.
"""

import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from eventlab.grading import results
from eventlab.grading.collect import find as find_submissions
from eventlab.grading.jobs import Limits, job_for
from eventlab.labs import gradescope
from eventlab.labs.catalogue import Lab, find
from eventlab.settings import ROOT
from eventlab.stack import jars

NAME = "lab01_events"
SECRET = "a secret of this test"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return gradescope.write(find("lab01"), tmp_path_factory.mktemp("build"))


@pytest.fixture
def autograder(archive, tmp_path):
    """What Gradescope prepares: the unpacked zip, a copy of run_autograder, and a submission of one file."""
    root = tmp_path / "autograder"
    with zipfile.ZipFile(archive) as file:
        for entry in file.infolist():
            Path(file.extract(entry, root / "source")).chmod(entry.external_attr >> 16 & 0o777)
    shutil.copy(root / "source" / "run_autograder", root)
    (root / "submission").mkdir()
    shutil.copy(find("lab01").student, root / "submission" / f"{NAME}.ipynb")
    (root / "source" / ".venv").symlink_to(ROOT / ".venv")  # setup.sh installs it
    return root


def run(root, **variables):
    return subprocess.run(
        [root / "run_autograder"],
        cwd=root,
        env=os.environ | {"AUTOGRADER": str(root)} | variables,
        capture_output=True,
        text=True,
    )


def graded_before(root):
    """Write the record of the submission, as if it was graded with the same files and limits."""
    output = root / "grading" / "grades"
    lab = Lab(NAME, root / "source" / "labs" / NAME)
    submissions = root.parent / "as-copied"
    shutil.copytree(root / "submission", submissions / "submission")
    (submission,) = find_submissions(submissions, root.parent / "unpacked")
    output.mkdir(parents=True)
    (output / ".seed").write_text(SECRET)
    job = job_for(lab, submission, SECRET, Limits(60, 1024, 600))
    questions = tuple(results.Question(question, 1, lab.points(question)) for question in lab.questions)
    record = results.SubmissionRecord(
        job.student, NAME, "graded", 4, lab.points(), questions, fingerprint=job.fingerprint
    )
    results.save(record, output)


def test_the_scripts_are_executable_at_the_root_of_the_zip_and_the_lab_is_complete(archive):
    with zipfile.ZipFile(archive) as file:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in file.infolist()}

    assert modes["setup.sh"] == modes["run_autograder"] == modes["stack/bin/kafka-topics"] == 0o755
    assert {name for name in modes if name.startswith("labs/")} == {
        f"labs/{NAME}/{name}"
        for name in ("checks.py", "generate.py", "instructor.ipynb", "mistakes.py", "student.ipynb")
    }
    assert {"Makefile", "uv.lock", "lib/eventlab/cli/app.py", "stack/kafka/jgo.lock.toml"} <= set(modes)
    assert not [name for name in modes if "__pycache__" in name or name.startswith(("tests/", "build/", ".jars"))]


def test_the_same_lab_gives_the_same_bytes_that_only_the_owner_can_read(archive, tmp_path):
    again = gradescope.write(find("lab01"), tmp_path)

    assert again.read_bytes() == archive.read_bytes()
    assert again.stat().st_mode & 0o777 == 0o600


@pytest.mark.programs
@pytest.mark.parametrize("script", gradescope.SCRIPTS)
def test_bash_accepts_the_scripts(script):
    subprocess.run(["bash", "-n", str(ROOT / "stack" / "gradescope" / script)], check=True)


@pytest.mark.programs
def test_the_setup_reads_the_version_of_uv_from_the_makefile():
    program = "sed -n 's/^UV_VERSION := //p'"

    assert program in (ROOT / "stack" / "gradescope" / "setup.sh").read_text()
    read = subprocess.run(f"{program} Makefile", shell=True, cwd=ROOT, capture_output=True, text=True)
    assert re.fullmatch(r"[\d.]+\n", read.stdout)


@pytest.mark.programs
@pytest.mark.skipif(bool(jars.missing()), reason="the grader requires jars: run make setup")
def test_the_script_writes_gradescopes_results_and_closes_the_solutions(autograder):
    graded_before(autograder)

    done = run(autograder)

    assert done.returncode == 0, done.stdout + done.stderr
    written = json.loads((autograder / "results" / "results.json").read_text())
    assert (written["score"], written["extra_data"]["lab"]) == (4, NAME)
    for folder in ("source/labs", f"source/labs/{NAME}/instructor.ipynb", "grading", "results", "submission"):
        assert (autograder / folder).stat().st_mode & 0o077 == 0, folder


@pytest.mark.programs
@pytest.mark.skipif(bool(jars.missing()), reason="the grader requires jars: run make setup")
def test_without_bubblewrap_the_script_grades_without_a_sandbox_and_says_so(autograder):
    graded_before(autograder)
    programs = autograder / "programs"
    programs.mkdir()
    for name in ("bash", "cat", "chmod", "cp", "env", "java", "mkdir", "rm"):
        (programs / name).symlink_to(shutil.which(name) or name)

    done = run(autograder, PATH=str(programs))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "This container allows no sandbox" in done.stdout
    assert json.loads((autograder / "results" / "results.json").read_text())["score"] == 4


@pytest.mark.programs
def test_without_a_mark_there_are_no_results_and_the_script_fails(autograder):
    (autograder / "results").mkdir()
    (autograder / "results" / "results.json").write_text("{}")
    notebook: Path = autograder / "source" / "labs" / NAME / "instructor.ipynb"
    notebook.write_text("{")

    done = run(autograder)

    assert done.returncode != 0
    assert not (autograder / "results" / "results.json").exists()
