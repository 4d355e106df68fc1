"""Fixtures for widgets with real services, in this process or in a kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from eventlab.settings import Settings
from eventlab.stack import Stack
from eventlab.widgets.panel import Panel
from tests.helpers import wait_until
from tests.stacks import free_settings
from tests.widgets.helpers import Kernel, threads

Open = Callable[..., Any]


@pytest.fixture
def show() -> Iterator[Open]:
    """Show a widget as a notebook does, close it after the test, and wait for its threads: tests count them."""
    shown: list[Panel] = []

    def show_widget(widget: Any) -> Any:
        shown.append(widget)
        widget._repr_mimebundle_()
        return widget

    yield show_widget
    for widget in shown:
        widget.close()
    wait_until(lambda: not threads(), describe=threads)


@pytest.fixture
def api_alone(tmp_path) -> Iterator[Settings]:
    """Return settings of a stack with only the API, which starts quickly and can be killed."""
    settings = free_settings(tmp_path / "state")
    yield settings
    Stack(settings, grace_s=2).down(["api"])


@pytest.fixture
def kernel(stack) -> Iterator[Kernel]:
    """Start a kernel."""
    kernel = Kernel()
    yield kernel
    kernel.client.stop_channels()
    if kernel.manager.has_kernel:
        kernel.manager.shutdown_kernel(now=True)
