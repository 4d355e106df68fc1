"""The notebooks that `make bench` grades can be graded by nbgrader, too."""

from nbgrader.nbgraderformat.v3 import MetadataValidatorV3

from tests.bench import grading


def test_nbgrader_accepts_the_class():
    for notebook in grading.twelve().values():
        MetadataValidatorV3().validate_nb(notebook)
