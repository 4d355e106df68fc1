"""An export of Blackboard is one submission per student, with the last attempt's date."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.grading import platform_exports as platforms
from tests.grading.platform_exports import NOTEBOOK, file_names, found


def test_the_last_attempt_in_blackboard_counts_with_its_date(tmp_path: Path) -> None:
    students = found(tmp_path, platforms.BLACKBOARD)
    assert list(students) == ["Ada Lovelace", "Ben Bitdiddle"]
    ada = students["Ada Lovelace"]
    assert ada.notebook
    assert ada.notebook.read_bytes() == NOTEBOOK
    assert file_names(ada) == ["lab01_events.ipynb", "my_api.py", "submission.txt"]
    assert (ada.origin.id, ada.origin.submitted) == ("ada", "2026-11-02T10:00:00")
    assert ada.problem == "2 attempts: the last one counts"
    assert students["Ben Bitdiddle"].origin.id == "b_bit"


@pytest.mark.parametrize("known", [(), ("bit",), ("bit", "b_bit")])
def test_users_of_blackboard_whose_text_is_missing_stay_different_students(
    tmp_path: Path, known: tuple[str, ...]
) -> None:
    users = ("a_bit", "b_bit", "bit", "carl")
    files = {f"Lab_1_{user}_attempt_2026-11-01-09-00-00_lab01_events.ipynb": NOTEBOOK for user in users}
    files |= {f"Lab_1_{u}_attempt_2026-11-01-09-00-00.txt": f"Name: {u} ({u})\n".encode() for u in known}
    assert [one.origin.id for one in found(tmp_path, files).values()] == list(users)
