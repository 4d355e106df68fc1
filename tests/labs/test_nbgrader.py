"""A department that grades with nbgrader can use the labs: nbgrader itself releases and grades them."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from eventlab.labs.catalogue import all_labs
from eventlab.labs.release import release_for_nbgrader

UNTOUCHED = "lab01_events"
LABS = [lab for lab in all_labs() if not lab.jobs]
"""The checks of a lab with jobs kill the services of the stack, which all submissions share here."""
PROGRAM = (
    f"UNTOUCHED = {UNTOUCHED!r}"
    + """
import json, shutil, sys
from pathlib import Path
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

course, *labs = sys.argv[1:]
config = Config()
config.CourseDirectory.root = course
config.Execute.timeout = config.ExecutePreprocessor.timeout = 120
api = NbGraderAPI(config=config)
for lab in labs:
    done = api.generate_assignment(lab)
    assert done["success"], done
if UNTOUCHED in labs:
    untouched = Path(course, "submitted", "untouched", UNTOUCHED)
    untouched.mkdir(parents=True)
    shutil.copy(Path(course, "release", UNTOUCHED, f"{UNTOUCHED}.ipynb"), untouched)
scores = []
for lab in labs:
    for student in sorted(api.get_submitted_students(lab)):
        done = api.autograde(lab, student)
        assert done["success"], done
        graded = api.get_submission(lab, student)
        scores.append((lab, student, graded["score"], graded["max_score"]))
print(json.dumps(scores))
"""
)


@pytest.fixture(scope="module")
def courses(stack, tmp_path_factory):
    """Lab → its course of nbgrader's, where the lab is released and the instructor's notebook graded.

    The first course grades an untouched notebook, too. The two courses are graded side by side.
    """
    halves = [LABS[0::3], LABS[1:3]]
    with ThreadPoolExecutor(2) as pool:
        return {
            lab.name: course
            for labs, course in zip(
                halves, pool.map(graded, halves, map(tmp_path_factory.mktemp, "ab")), strict=True
            )
            for lab in labs
        }


def graded(labs, folder):
    """Return the course's folder, and (lab, student) → points and the most possible points in its grade book."""
    for lab in labs:
        source = release_for_nbgrader(lab, folder)
        submitted = folder / "submitted" / "instructor" / lab.name
        submitted.mkdir(parents=True)
        shutil.copy(source, submitted)
    words = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(folder), *(lab.name for lab in labs)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    scores = json.loads(done.stdout.splitlines()[-1])
    return folder, {(lab, student): (score, most) for lab, student, score, most in scores}


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_nbgrader_releases_no_solution_and_no_hidden_test(courses, lab):
    released = (courses[lab.name][0] / "release" / lab.name / f"{lab.name}.ipynb").read_text()

    assert "BEGIN SOLUTION" not in released
    assert "hidden=True" not in released
    assert "# YOUR CODE HERE" in released


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_nbgrader_gives_the_instructors_notebook_full_marks(courses, lab):
    assert courses[lab.name][1][lab.name, "instructor"] == (lab.points(), lab.points())


def test_nbgrader_gives_an_untouched_notebook_nothing(courses):
    assert courses[UNTOUCHED][1][UNTOUCHED, "untouched"][0] == 0
