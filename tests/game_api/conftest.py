"""The game API as the stack serves it."""

import pytest

from tests.game_api.helpers import SERVED, serving


@pytest.fixture
def url(topic, stack, tmp_path):
    """The API served as the stack serves it, sending to the fresh topic."""
    with serving(SERVED, tmp_path / "api.log", EVENTLAB_TOPIC=topic) as (address, _):
        yield address
