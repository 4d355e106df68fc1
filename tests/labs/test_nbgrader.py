"""A department that grades with nbgrader can use the labs: nbgrader itself releases and grades them."""

import json
import shutil
import subprocess
import sys

import pytest

from eventlab.labs.catalogue import all_labs

UNTOUCHED = "lab01_events"
PROGRAM = """
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
untouched = Path(course, "submitted", "untouched", labs[0])
untouched.mkdir(parents=True)
shutil.copy(Path(course, "release", labs[0], f"{labs[0]}.ipynb"), untouched)
scores = []
for lab in labs:
    for student in sorted(api.get_submitted_students(lab)):
        done = api.autograde(lab, student)
        assert done["success"], done
        graded = api.get_submission(lab, student)
        scores.append((lab, student, graded["score"], graded["max_score"]))
print(json.dumps(scores))
"""


@pytest.fixture(scope="module")
def course(stack, tmp_path_factory):
    """A course of nbgrader's: the labs are released, the instructor's notebooks and an untouched one graded."""
    folder = tmp_path_factory.mktemp("course")
    for lab in all_labs():
        for place in (folder / "source" / lab.name, folder / "submitted" / "instructor" / lab.name):
            place.mkdir(parents=True)
            shutil.copy(lab.instructor, place / f"{lab.name}.ipynb")
    words = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(folder), *(lab.name for lab in all_labs())]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder, json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def scores(course):
    """(lab, student) -> points and the most that can be had, as nbgrader's grade book has them."""
    return {(lab, student): (score, most) for lab, student, score, most in course[1]}


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)
def test_nbgrader_releases_no_solution_and_no_hidden_test(course, lab):
    released = (course[0] / "release" / lab.name / f"{lab.name}.ipynb").read_text()

    assert "BEGIN SOLUTION" not in released
    assert "hidden=True" not in released
    assert "# YOUR CODE HERE" in released


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)
def test_nbgrader_gives_the_instructors_notebook_full_marks(scores, lab):
    assert scores[lab.name, "instructor"] == (lab.points(), lab.points())


def test_nbgrader_gives_an_untouched_notebook_nothing(scores):
    assert scores[UNTOUCHED, "untouched"][0] == 0
