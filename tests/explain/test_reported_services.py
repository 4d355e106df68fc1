"""The box of a lesson's first cell names the same command as its message when several services are not running."""

from eventlab.course import LessonError
from eventlab.explain import service
from eventlab.explain.failed_cell import FailedCell
from tests.stacks import free_settings


def test_the_remedy_starts_all_services_that_the_message_names(tmp_path):
    error = LessonError("02_track_events: not running: kafka, api", "eventlab up kafka api")

    box = service.several_not_running(FailedCell(error), free_settings(tmp_path))

    assert box
    assert box.remedy == "!eventlab up kafka api"


def test_one_service_is_explained_by_its_own_box(tmp_path):
    error = LessonError("not running: kafka", "eventlab up kafka")

    assert service.several_not_running(FailedCell(error), free_settings(tmp_path)) is None
