"""The game API as the stack serves it."""

import pytest

from tests.game_api.helpers import SERVED, serving


@pytest.fixture
def url(topic, stack, tmp_path):
    """Serve the API as the stack does, with the new topic; return its address."""
    with serving(SERVED, tmp_path / "api.log", EVENTLAB_TOPIC=topic) as (address, _):
        yield address
