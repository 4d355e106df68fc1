"""Errors in the browser's console: JupyterLab's own are known, those of widgets fail a test; without a browser."""

from __future__ import annotations

import pytest

from tests.browser.conftest import is_known

REMOVED = (
    "NotFoundError: Failed to execute 'removeChild' on 'Node': The node is not a child of this node.\n    at "
)
LAB = "http://127.0.0.1:28888/static/lab/jlab_core.8811dd27.js:2:3"
WIDGET = "http://127.0.0.1:28888EXTENSIONS@jupyter-widgets/jupyterlab-manager/static/644.js:1:2"


@pytest.mark.parametrize("error", [f"{REMOVED}{LAB}", f"Error: Canceled future for execute_request\n    at {LAB}"])
def test_an_error_of_jupyterlab_alone_is_known(error: str) -> None:
    assert is_known(error)


@pytest.mark.programs
@pytest.mark.parametrize(
    "error",
    [
        f"{REMOVED}{WIDGET}",
        f"{REMOVED}{LAB}\n    at {WIDGET}",
        f"TypeError: null has no property\n    at {LAB}",
    ],
)
def test_an_error_in_which_a_widget_takes_part_or_of_another_kind_fails_a_test(error: str) -> None:
    from jupyterlab.labapp import LabApp  # its import starts node

    assert not is_known(error.replace("EXTENSIONS", LabApp().labextensions_url))
