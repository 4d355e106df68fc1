"""Explanations of a request's address, from the error and the cell alone."""

import httpx
import pytest

from eventlab.explain import arguments
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import settings

ERROR = httpx.UnsupportedProtocol("Request URL is missing an 'http://' or 'https://' protocol.")


@pytest.mark.parametrize(
    ("address", "corrected"),
    [
        ('"127.0.0.1:5000/purchase_a_sword"', '"http://127.0.0.1:5000/purchase_a_sword"'),
        ("'localhost/'", "'http://localhost/'"),
        ("f'127.0.0.1:{port}/'", "f'http://127.0.0.1:{port}/'"),
        ("'/purchase_a_sword'", "settings.api_url + '/purchase_a_sword'"),
        ("'purchase.html'", None),
        ("'ftp://127.0.0.1/'", None),
    ],
)
def test_an_address_gets_what_it_lacks(address, corrected):
    cell = FailedCell(ERROR, f"httpx.get({address})", {"settings": settings})

    explanation = arguments.address_without_server(cell, settings)

    assert (explanation and explanation.remedy) == (corrected and f"httpx.get({corrected})")
