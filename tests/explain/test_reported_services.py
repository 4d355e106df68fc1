"""The box of a lesson's first cell names the same command as its message when several services are not running."""

from eventlab.course import LessonError
from eventlab.explain import registry, service
from eventlab.explain.explanation import Explanation
from eventlab.explain.failed_cell import FailedCell


def remedy(error, command="!eventlab up kafka"):
    """Return the remedy of a box for an error."""
    box = Explanation("Kafka's broker is not running.", "nothing listens", command)
    return service.with_all_reported(FailedCell(error), box).remedy


def test_the_remedy_starts_all_services_that_the_message_names():
    error = LessonError("02_track_events: not running: kafka, api", "eventlab up kafka api")

    assert remedy(error) == "!eventlab up kafka api"


def test_other_remedies_stay():
    two = LessonError("not running: kafka, api", "eventlab up kafka api")

    assert remedy(two, "!eventlab restart kafka") == "!eventlab restart kafka"
    assert remedy(LessonError("not running: kafka", "eventlab up kafka")) == "!eventlab up kafka"
    assert remedy(ConnectionRefusedError(111, "Connection refused")) == "!eventlab up kafka"


def test_the_box_of_a_cell_has_that_remedy(monkeypatch):
    box = Explanation("Kafka's broker is not running.", "nothing listens", "!eventlab up kafka")
    monkeypatch.setattr(registry, "explanations", lambda: [lambda cell, settings: box])

    explained = registry.explain(FailedCell(LessonError("not running: kafka, spark", "eventlab up kafka spark")))

    assert explained
    assert explained.remedy == "!eventlab up kafka spark"
