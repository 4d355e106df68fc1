"""An export of Moodle is one submission per student, with Moodle's id."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from eventlab.grading.collect import Origin, find
from tests.grading import platform_exports as platforms
from tests.grading.platform_exports import LAB, NOTEBOOK, file_names, found, zipped


def test_the_folders_of_a_student_in_moodle_are_one_submission(tmp_path: Path) -> None:
    students = found(tmp_path, platforms.MOODLE)
    assert list(students) == ["Ada Lovelace", "Ben Bitdiddle", "Eve"]
    assert file_names(students["Ada Lovelace"]) == ["lab01_events.ipynb", "onlinetext.html"]
    top = "Ada Lovelace_101_assignsubmission_file"
    assert students["Ada Lovelace"].origin == Origin("moodle", "101", "Ada Lovelace", top)
    assert not students["Ada Lovelace"].problem


def test_a_zip_inside_of_a_submission_counts(tmp_path: Path) -> None:
    ben = found(tmp_path, platforms.MOODLE)["Ben Bitdiddle"]
    assert ben.notebook
    assert ben.notebook.read_bytes() == NOTEBOOK
    assert (ben.notebook.name, ben.origin.id, ben.problem) == ("lab01_events.ipynb", "102", "")


def test_of_two_zips_with_a_notebook_one_is_taken_and_both_are_named(tmp_path: Path) -> None:
    top = "Kim_104_assignsubmission_file"
    zips = {f"{top}/{name}.zip": zipped({f"{LAB}.ipynb": name.encode(), "a.py": b""}) for name in ("v1", "v2")}
    kim = found(tmp_path, platforms.MOODLE | zips)["Kim"]
    assert kim.problem == f"2 notebooks: v1.zip/{LAB}.ipynb was taken, not v2.zip/{LAB}.ipynb"
    assert kim.notebook
    assert kim.notebook.read_bytes() == b"v1"
    assert file_names(kim) == ["a.py", f"{LAB}.ipynb"]


def test_two_zips_of_one_name_in_different_folders_are_not_mixed(tmp_path: Path) -> None:
    top = "Kim_104_assignsubmission_file"
    zips = {f"{top}/{v}/x.zip": zipped({f"{LAB}.ipynb": v.encode(), f"{v}.py": b""}) for v in ("v1", "v2")}
    kim = found(tmp_path, platforms.MOODLE | zips)["Kim"]
    assert kim.problem == f"2 notebooks: v1/x.zip/{LAB}.ipynb was taken, not v2/x.zip/{LAB}.ipynb"
    assert file_names(kim) == [f"{LAB}.ipynb", "v1.py"]


def test_files_in_a_second_zip_are_next_to_the_notebook_in_the_first(tmp_path: Path) -> None:
    top = "Kim_104_assignsubmission_file"
    zips = {f"{top}/a.zip": zipped({f"{LAB}.ipynb": NOTEBOOK}), f"{top}/b.zip": zipped({"my_api.py": b"x = 1"})}
    kim = found(tmp_path, platforms.MOODLE | zips)["Kim"]
    assert (file_names(kim), kim.problem) == ([f"{LAB}.ipynb", "my_api.py"], "")


def test_who_hands_in_no_notebook_has_a_record_that_names_what_there_is(tmp_path: Path) -> None:
    eve = found(tmp_path, platforms.MOODLE)["Eve"]
    assert (eve.notebook, eve.origin.id) == (None, "103")
    assert eve.problem == "no notebook in the folder, which has: onlinetext.html"


def test_moodle_without_folders_puts_everything_into_the_names(tmp_path: Path) -> None:
    students = found(tmp_path, platforms.MOODLE_FLAT)
    assert list(students) == ["Ada Lovelace"]
    assert file_names(students["Ada Lovelace"]) == ["lab01_events.ipynb", "my_api.py", "onlinetext.html"]


def test_an_unpacked_export_is_read_as_the_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(zipped(platforms.MOODLE))) as archive:
        archive.extractall(tmp_path / "in")
    students = [one.student for one in find(tmp_path / "in", tmp_path / "unpacked", LAB)]
    assert students == ["Ada Lovelace", "Ben Bitdiddle", "Eve"]
    assert sorted(path.name for path in (tmp_path / "in").rglob("*.ipynb")) == ["lab01_events.ipynb"]


def test_a_moodle_export_of_one_student_is_one_student(tmp_path: Path) -> None:
    top = "Ada Lovelace_101_assignsubmission_file"
    files = {f"{top}/hw/lab01_events.ipynb": NOTEBOOK, f"{top}/hw/data/x.ipynb": NOTEBOOK}
    assert list(found(tmp_path, files)) == ["Ada Lovelace"]


def test_two_students_of_one_name_are_told_apart_by_their_ids(tmp_path: Path) -> None:
    names = [f"Ada Lovelace_{id}_assignsubmission_file_/lab01_events.ipynb" for id in (101, 108)]
    assert list(found(tmp_path, dict.fromkeys(names, NOTEBOOK))) == ["Ada Lovelace (101)", "Ada Lovelace (108)"]
