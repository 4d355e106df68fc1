"""Widgets with real services; most of them in this process, some in a kernel as a notebook has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from eventlab.settings import Settings
from eventlab.stack import Stack
from eventlab.widgets.panel import Panel
from tests.stacks import free_settings
from tests.widgets.helpers import Kernel

Open = Callable[..., Any]


@pytest.fixture
def show() -> Iterator[Open]:
    """Shows a widget as a notebook does, and closes it when the test is done."""
    shown: list[Panel] = []

    def begin(widget: Any) -> Any:
        shown.append(widget)
        widget._repr_mimebundle_()
        return widget

    yield begin
    for widget in shown:
        widget.close()


@pytest.fixture
def api_alone(tmp_path) -> Iterator[Settings]:
    """Settings of a stack of which only the API runs: it starts fast, and may be killed."""
    own = free_settings(tmp_path / "state")
    yield own
    Stack(own, grace_s=2).down(["api"])


@pytest.fixture
def kernel(stack) -> Iterator[Kernel]:
    made = Kernel()
    yield made
    made.client.stop_channels()
    if made.manager.has_kernel:
        made.manager.shutdown_kernel(now=True)
