"""A department that grades with nbgrader can use the labs: nbgrader itself releases and grades them."""

import os
import shutil
import subprocess
import sys

import pytest

from eventlab.labs.catalogue import all_labs

CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "eventlab"
c.ExecutePreprocessor.timeout = 120
c.Execute.timeout = 120
"""


def nbgrader(course, *words):
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *words],
        cwd=course,
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture(scope="module")
def course(stack, tmp_path_factory):
    """A course of nbgrader's with all labs released, and two submissions a lab: the instructor's and an untouched one."""
    course = tmp_path_factory.mktemp("course")
    (course / "nbgrader_config.py").write_text(CONFIG)
    for lab in all_labs():
        source = course / "source" / lab.name
        source.mkdir(parents=True)
        shutil.copy(lab.instructor, source / f"{lab.name}.ipynb")
        nbgrader(course, "generate_assignment", lab.name)
        for student, notebook in (
            ("instructor", lab.instructor),
            ("untouched", course / "release" / lab.name / f"{lab.name}.ipynb"),
        ):
            folder = course / "submitted" / student / lab.name
            folder.mkdir(parents=True)
            shutil.copy(notebook, folder / f"{lab.name}.ipynb")
    return course


@pytest.fixture(scope="module")
def scores(course):
    """(lab, student) -> points, as nbgrader's grade book has them."""
    from nbgrader.api import Gradebook

    for lab in all_labs():
        nbgrader(course, "autograde", lab.name)
    with Gradebook(f"sqlite:///{course}/gradebook.db") as book:
        return {
            (lab.name, each.student.id): (each.score, each.max_score)
            for lab in all_labs()
            for each in book.assignment_submissions(lab.name)
        }


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)
def test_nbgrader_releases_no_solution_and_no_hidden_test(course, lab):
    released = (course / "release" / lab.name / f"{lab.name}.ipynb").read_text()

    assert "BEGIN SOLUTION" not in released
    assert "hidden=True" not in released
    assert "# YOUR CODE HERE" in released


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)
def test_nbgrader_gives_the_instructors_notebook_full_marks(scores, lab):
    assert scores[lab.name, "instructor"] == (lab.points(), lab.points())


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)
def test_nbgrader_gives_an_untouched_notebook_nothing(scores, lab):
    assert scores[lab.name, "untouched"] == (0, lab.points())
