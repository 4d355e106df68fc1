"""Who is interrupted again and again has the marks so far; the workers here are small programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventlab.grading.grade import grade
from eventlab.grading.reports import html
from tests.grading import tiny_lab
from tests.grading.worker_programs import replace_workers

pytestmark = pytest.mark.programs

INTERRUPTED = """
import json, os, sys
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    job = json.loads(line)
    fields = {"student": job["student"], "lab": "tiny", "status": "graded", "max_points": 8,
              "fingerprint": job["fingerprint"]}
    whole = job["student"] == "instructor" and sys.argv[1] == "works"
    record = fields | {"points": 8 if whole else 2}
    kind, reason = ("graded", "") if whole else ("infrastructure_failed", "kafka has ended")
    print(json.dumps({"kind": kind, "record": record, "notebook": None, "reason": reason}), flush=True)
    if not whole:
        break
"""


@pytest.mark.parametrize(("machine", "points"), [("works", 2), ("is broken", None)])
def test_who_is_interrupted_in_two_gradings_has_the_mark_so_far_if_the_machine_works_for_the_instructor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, points: float | None
) -> None:
    replace_workers(monkeypatch, INTERRUPTED, machine)
    lab, output = tiny_lab.make(tmp_path / "tiny"), tmp_path / "out"
    (tmp_path / "in").mkdir()
    tiny_lab.write(tmp_path / "in" / "ada.ipynb")

    (first,) = grade(lab, tmp_path / "in", output, workers=1)
    (second,) = grade(lab, tmp_path / "in", output, workers=1)

    assert first.points is None
    assert second.points == points
    assert ("kafka has ended" in second.doubt) == (points is not None)
    if points is not None:
        assert "may be too low" in html.overview([second]).split("<h2>")[0]
