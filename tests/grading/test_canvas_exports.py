"""An export of Canvas is one submission per student, with Canvas's id."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventlab.grading.collect import Origin
from tests.grading import platform_exports as platforms
from tests.grading.platform_exports import LAB, NOTEBOOK, file_names, found, zipped


def test_the_name_of_a_zip_leads_out_of_no_folder(tmp_path: Path) -> None:
    zips = {
        f"evem_2005_900{n}_{name}": zipped({f"{LAB}.ipynb": b"{}"}) for n, name in enumerate(["...zip", "..zip"])
    }
    eve = found(tmp_path, platforms.CANVAS | zips)["evem"]
    assert eve.notebook
    assert eve.notebook.parent.parent.parent == tmp_path / "unpacked"
    assert not list((tmp_path / "unpacked").glob("*.ipynb"))


def test_the_files_of_a_student_in_canvas_are_one_submission(tmp_path: Path) -> None:
    students = found(tmp_path, platforms.CANVAS)
    assert list(students) == ["bitdiddleben", "evel", "hackeralyssap", "lovelaceada"]
    assert file_names(students["lovelaceada"]) == ["lab01_events.ipynb", "my_api.py"]
    assert students["lovelaceada"].origin == Origin(
        "canvas", "2001", "lovelaceada", "lovelaceada_2001_90001_lab01_events.ipynb"
    )
    assert [name for name, one in students.items() if one.origin.late] == ["bitdiddleben"]
    assert students["hackeralyssap"].notebook
    assert students["hackeralyssap"].origin.file == "hackeralyssap_2003_90004_homework.zip"
    assert "text.html" in students["evel"].problem


def test_of_two_notebooks_in_canvas_the_newer_one_counts_and_both_are_named(tmp_path: Path) -> None:
    files = {"ada_2001_9002_lab01_events-1.ipynb": NOTEBOOK, "ada_2001_9001_lab01_events.ipynb": b"older"}
    [ada] = found(tmp_path, files).values()
    assert ada.problem == "2 notebooks: lab01_events-1.ipynb was taken, not lab01_events.ipynb"


def test_two_works_of_the_only_student_in_canvas_are_one_submission(tmp_path: Path) -> None:
    files = {"lovelaceada_2001_90001_lab01_events-1.ipynb": NOTEBOOK, "lovelaceada_2001_90002_notes.ipynb": b"{}"}
    [ada] = found(tmp_path, files).values()
    assert (ada.student, ada.origin.id) == ("lovelaceada", "2001")
    assert ada.problem == "2 notebooks: lab01_events-1.ipynb was taken, not notes.ipynb"


def test_anonymous_students_in_canvas_are_their_ids(tmp_path: Path) -> None:
    files = {"2001_9001_lab01_events.ipynb": NOTEBOOK, "late_2002_9002_lab01_events.ipynb": NOTEBOOK}
    students = found(tmp_path, files)
    assert {name: one.origin.late for name, one in students.items()} == {"2001": False, "2002": True}


@pytest.mark.parametrize("form", ["{}_2026_11_lab.ipynb", "{}_1_1_lab.ipynb"])
def test_names_with_numbers_are_not_taken_for_canvas(tmp_path: Path, form: str) -> None:
    students = found(tmp_path, {form.format(name): NOTEBOOK for name in ("ada", "ben")})
    assert list(students) == [form.format(name).removesuffix(".ipynb") for name in ("ada", "ben")]


@pytest.mark.parametrize(
    "names",
    [
        ("hw_2026_11_ada", "hw_2026_11_ben", "hw_2026_11_kim"),
        ("hw_2026_11_ada", "hw_2026_12_ben", "kim"),
        ("2026_11_ada", "2026_11_ben"),
        ("hw_20261101_101500_ada", "hw_20261101_111500_ben", "hw_20261102_080000_kim"),
    ],
)
def test_the_same_words_and_numbers_before_different_names_are_not_taken_for_canvas(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    assert list(found(tmp_path, {f"{name}.ipynb": NOTEBOOK for name in names})) == list(names)


def test_a_file_that_was_downloaded_twice_is_no_other_student_of_canvas(tmp_path: Path) -> None:
    files = {"lovelaceada_2001_90001_lab01_events (1).ipynb": b"older"}
    students = found(tmp_path, platforms.CANVAS | files)
    assert list(students) == ["bitdiddleben", "evel", "hackeralyssap", "lovelaceada"]
    assert students["lovelaceada"].problem == (
        "2 notebooks: lab01_events.ipynb was taken, not lab01_events (1).ipynb"
    )
