"""A student's names and data are the student's own, and the same every day."""

import re

import pytest

from eventlab.labs.names import Namespace
from eventlab.labs.seeds import seed_of

STUDENTS = ("ada", "Ada", "ada ", "../../etc", "Жанна", "a" * 300, "", "a\udcff", "$(reboot)")


def test_a_seed_is_the_same_every_day():
    assert seed_of("ada", "lab01_events", "grading") == seed_of("ada", "lab01_events", "grading")


def test_another_student_another_lab_or_another_purpose_has_another_seed():
    seeds = {
        seed_of("ada", "lab01_events", "grading"),
        seed_of("bob", "lab01_events", "grading"),
        seed_of("ada", "lab02_extract", "grading"),
        seed_of("ada", "lab01_events", "practice"),
    }

    assert len(seeds) == 4
    assert 0 not in seeds


def test_a_seed_is_too_large_to_be_guessed_from_the_data():
    """A submission has the generator and the data: it must not be able to try all seeds."""
    bits = [seed_of(str(number), "lab01_events", "grading").bit_length() for number in range(200)]

    assert max(bits) == 128
    assert min(bits) > 100


@pytest.mark.parametrize("student", STUDENTS)
def test_every_name_is_one_that_kafka_and_hdfs_accept(student):
    names = Namespace.of_student("lab01_events", student)

    assert re.fullmatch(r"[a-zA-Z0-9._-]{1,200}", names.topic_of("thanks"))
    assert re.fullmatch(r"/tmp/[a-z0-9-]+", names.folder)


def test_students_whose_names_look_alike_have_different_names():
    assert len({Namespace.of_student("lab01_events", student).prefix for student in STUDENTS}) == len(STUDENTS)


def test_everything_of_a_namespace_begins_with_its_prefix():
    names = Namespace.random("lab01_events")

    assert all(name.startswith(names.prefix) for name in (names.topic, names.topic_of("x"), names.group))
    assert names.folder.endswith(names.prefix)


def test_a_namespace_for_grading_cannot_be_guessed():
    assert Namespace.random("lab01_events").prefix != Namespace.random("lab01_events").prefix
