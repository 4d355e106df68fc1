"""The notebooks that `make bench` grades can be graded by nbgrader, too."""

import subprocess
import sys

import nbformat
import pytest

from tests.bench import grading

VALIDATES = """
import sys, nbformat
from nbgrader.nbgraderformat.v3 import MetadataValidatorV3
for path in sys.argv[1:]:
    MetadataValidatorV3().validate_nb(nbformat.read(path, as_version=4))
"""


@pytest.mark.programs
def test_nbgrader_accepts_the_class(tmp_path):
    """In a process of its own: an import of nbgrader adds setuptools' old packages to the path."""
    for student, notebook in grading.twelve().items():
        nbformat.write(notebook, tmp_path / f"{student}.ipynb")

    done = subprocess.run([sys.executable, "-c", VALIDATES, *tmp_path.iterdir()], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-2000:]
