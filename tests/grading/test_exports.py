"""Submissions in a folder or zip of any layout: which notebook counts, and what cannot be read."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from eventlab.grading import submitted_files
from eventlab.grading.collect import SubmissionsError, find
from tests.grading import platform_exports as platforms
from tests.grading.platform_exports import LAB, NOTEBOOK, file_names, found, zipped


@pytest.mark.parametrize(
    ("export", "name"),
    [
        (platforms.CANVAS, "evem_2005_90009_Ada Lovelace_2001_assignsubmission_file_lab01_events.ipynb"),
        (platforms.CANVAS, "evem_2005_90009_Lab 1_ada_attempt_2027-01-01-00-00-00_lab01_events.ipynb"),
        (platforms.MOODLE_FLAT, "Eve M_2005_assignsubmission_file_Lab_ada_attempt_2027-01-01-00-00-00_x.ipynb"),
        (platforms.BLACKBOARD, "Lab 1_2005_attempt_2026-11-01-09-00-00_Ada_101_assignsubmission_file_x.ipynb"),
        (platforms.BLACKBOARD, "Lab 1_2005_attempt_2026-11-01-09-00-00_x_attempt_2027-01-01-00-00-00_ada.ipynb"),
    ],
)
def test_a_file_that_is_called_as_on_another_platform_stays_its_students(
    tmp_path: Path, export: dict[str, bytes], name: str
) -> None:
    before = found(tmp_path, export)
    students = found(tmp_path, export | {name: NOTEBOOK})
    [eve] = [one for student, one in students.items() if student not in before]
    assert (eve.origin.id, eve.origin.file) == ("2005", name)
    assert len(students) == len(before) + 1


def test_the_time_of_a_file_is_not_the_time_of_its_submission(tmp_path: Path) -> None:
    students = found(tmp_path, platforms.MOODLE | platforms.CANVAS | {"kim.ipynb": NOTEBOOK})
    assert {one.origin.submitted for one in students.values()} == {""}


def test_of_several_notebooks_the_labs_own_name_wins(tmp_path: Path) -> None:
    files = {f"ada/{name}.ipynb": NOTEBOOK for name in ("a_trial", "deep/lab01_events", "student", "zzz")}
    ada = found(tmp_path, files | {"ben.ipynb": NOTEBOOK})["ada"]
    assert ada.notebook
    assert ada.notebook.name == "lab01_events.ipynb"
    assert ada.problem == "4 notebooks: lab01_events.ipynb was taken, not student.ipynb, a_trial.ipynb, zzz.ipynb"


@pytest.mark.parametrize("name", ["Copy of {}", "{}-Copy1", "{} (2)", "{}-1", "{}-checkpoint"])
def test_a_copy_with_the_labs_name_is_graded_and_not_a_draft(tmp_path: Path, name: str) -> None:
    files = {f"ada/{name.format(LAB)}.ipynb": NOTEBOOK, "ada/draft.ipynb": NOTEBOOK, "ben.ipynb": NOTEBOOK}
    assert found(tmp_path, files)["ada"].problem.startswith(f"2 notebooks: {name.format(LAB)}.ipynb was taken")


@pytest.mark.parametrize(
    "files",
    [
        {"ben.zip": zipped({"-" * 60_000 + "x.ipynb": NOTEBOOK, "y.ipynb": NOTEBOOK})},
        {"Lab_ben_attempt_2026-11-01-09-00-00.txt": b"Name:" * 400 + b" " * 2000},
        {"Lab_ben_attempt_2026-11-01-09-00-00.txt": b"Name:" + b" " * 4000},
    ],
)
def test_a_name_or_a_text_that_repeats_itself_does_not_keep_the_class_waiting(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    """A name in a zip has up to 65,535 bytes. To search each end of a run of hyphens took 40 s for one name."""
    started = time.process_time()
    assert "ada" in found(tmp_path, files | {"ada.ipynb": NOTEBOOK})
    assert time.process_time() - started < 3


def test_the_grade_book_next_to_the_submissions_is_nobodys(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    students = found(tmp_path, {"ada.ipynb": NOTEBOOK, "grades.xlsx": b"PK", "notes.txt": b"", "ben.pdf": b"%PDF"})
    assert list(students) == ["ada", "ben.pdf"]
    assert "grades.xlsx is not a submission and is left out" in caplog.text


def test_a_zip_per_student_is_unpacked_with_the_files_next_to_the_notebook(tmp_path: Path) -> None:
    inner = zipped({"hw/my_api.py": b"x = 1", "hw/lab01_events.ipynb": NOTEBOOK})
    students = found(tmp_path, {"ada.zip": inner, "ben.ipynb": NOTEBOOK})
    assert list(students) == ["ada", "ben"]
    assert file_names(students["ada"]) == ["lab01_events.ipynb", "my_api.py"]


def test_a_damaged_zip_of_one_student_is_a_problem_of_this_student_only(tmp_path: Path) -> None:
    students = found(tmp_path, {"ada.zip": b"not a zip", "ben.ipynb": NOTEBOOK})
    assert students["ada"].notebook is None
    assert "ada.zip is not a zip that can be unpacked" in students["ada"].problem
    assert students["ben"].notebook


def test_a_student_with_too_many_bytes_takes_none_from_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitted_files, "MAX_STUDENT_BYTES", 1000)
    files = {
        f"{name}/{file}": bytes(400) for name in ("ada", "ben", "zoe") for file in ("a.csv", "b.csv", "c.csv")
    }
    files |= {f"{name}/lab01_events.ipynb": bytes(400) for name in ("ada", "ben", "zoe")}
    students = found(tmp_path, files)
    assert {name: one.notebook and one.notebook.stat().st_size for name, one in students.items()} == {
        "ada": 400,
        "ben": 400,
        "zoe": 400,
    }
    assert "b.csv was left out: it has 400 bytes; 200 are allowed" in students["zoe"].problem


def test_names_that_are_equal_in_their_first_200_bytes_are_two_submissions(tmp_path: Path) -> None:
    names = [f"{'学' * 80}{end}" for end in ("ada", "ben")]
    students = found(tmp_path, {f"{name}.ipynb": NOTEBOOK for name in names})
    assert list(students) == names
    assert len({one.notebook for one in students.values()}) == 2


def test_names_that_are_equal_after_cleaning_are_two_submissions(tmp_path: Path) -> None:
    students = found(
        tmp_path, {"ada.ipynb": NOTEBOOK, "./ada.ipynb": b"other", "ada": b"third", "ada/x.ipynb": b"4"}
    )
    assert list(students) == ["ada", "ada (2)", "ada (3)", "ada (4)"]
    assert sorted(one.notebook.read_bytes() for one in students.values() if one.notebook) == sorted(
        [NOTEBOOK, b"other", b"third", b"4"]
    )


def test_a_notebook_in_a_very_deep_folder_is_graded(tmp_path: Path) -> None:
    files = {"eve/" + "a/" * 1500 + "lab01_events.ipynb": NOTEBOOK, "eve/" + "b" * 300 + "/x.csv": b"1"}
    eve = found(tmp_path, files | {"ben.ipynb": NOTEBOOK})["eve"]
    assert eve.notebook
    assert eve.notebook.read_bytes() == NOTEBOOK


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_what_the_machine_cannot_copy_is_an_error_and_nobodys_missing_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def broken(*_: object) -> None:
        raise OSError(number, "of the machine")

    monkeypatch.setattr(submitted_files, "_copy_limited", broken)
    with pytest.raises(SubmissionsError, match=r"lab01_events-1\.ipynb cannot be copied to .*: of the machine"):
        found(tmp_path, platforms.CANVAS)


def test_a_folder_that_cannot_be_read_is_an_error_and_no_submission_without_a_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in" / "ada").mkdir(parents=True)
    (tmp_path / "in" / "ben.ipynb").write_bytes(NOTEBOOK)
    entries = Path.iterdir

    def denied(path: Path) -> Iterator[Path]:
        if path.name == "ada":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return entries(path)

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(SubmissionsError, match=r"ada cannot be read: .*Permission denied"):
        find(tmp_path / "in", tmp_path / "unpacked", LAB)


def test_half_of_an_export_is_refused(tmp_path: Path) -> None:
    (tmp_path / "export.zip").write_bytes(zipped(platforms.CANVAS)[:200])
    with pytest.raises(SubmissionsError, match=r"is not a complete zip\. Download it again"):
        find(tmp_path / "export.zip", tmp_path / "unpacked", LAB)


def test_too_little_space_is_an_error_before_anything_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(SubmissionsError, match=r"need \d+ bytes, but only 10 are free"):
        found(tmp_path, {"ada.ipynb": NOTEBOOK, "ben.ipynb": NOTEBOOK})
    assert not (tmp_path / "unpacked").exists()
