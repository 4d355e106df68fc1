"""The reports of a large class in a real browser: no name makes a part of a page disappear."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from eventlab.grading.reports.write_all import write_all
from tests.grading.report_examples import record

pytestmark = pytest.mark.services
NAMES = ["x" * 180, "Müller-Lüdenscheidt, Eva-Maria von und zu", "李 小龙", "<script>alert(1)</script>"]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a class of 300 whose checks received long values."""
    folder = tmp_path_factory.mktemp("reports")
    given = record()
    values = replace(given.questions[1].checks[0], got="a_long_key_without_a_space" * 20)
    questions = (given.questions[0], replace(given.questions[1], checks=(values,)))
    students = [*NAMES, *(f"student{number:03}" for number in range(300 - len(NAMES)))]
    write_all([record(name, questions=questions, messages=("m" * 300,)) for name in students], folder)
    return folder


@pytest.mark.parametrize("width", [400, 1400])
def test_each_table_of_a_report_on_300_students_fits_into_the_page(browser, reports, width):
    feedback = next(path for path in reports.glob("feedback/*.html") if path.name.startswith("xxx"))
    page = browser.new_page(viewport={"width": width, "height": 900})
    for path in (reports / "report.html", feedback):
        page.goto(path.as_uri())
        sizes = "all => all.map(one => one.scrollWidth - one.clientWidth)"
        assert page.locator(".wide").evaluate_all(sizes) == [0] * page.locator(".wide").count(), path
        assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("tbody td.name").count() > 0
    page.close()
