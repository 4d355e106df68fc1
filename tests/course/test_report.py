"""The report of a run can be read without a network."""

from pathlib import Path

import nbformat

from eventlab.course import report
from eventlab.course.execute import NotebookResult
from eventlab.course.run import find_lessons


def test_the_report_shows_each_path_as_text_and_loads_nothing(tmp_path: Path):
    (lesson,) = find_lessons(["04"])

    report.write(
        [NotebookResult(lesson.stem, nbformat.read(lesson, as_version=4), 27, 1.5)], tmp_path / "report.html"
    )

    page = (tmp_path / "report.html").read_text()
    assert "game API — event → <strong>Kafka topic</strong> → Spark" in page
    assert "flowchart LR" not in page
    assert 'import("http' not in page
    assert 'src="http' not in page
