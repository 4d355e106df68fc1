"""A learning platform's export is one submission per student, with the platform's id and time."""

from __future__ import annotations

import errno
import io
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from eventlab.grading import submitted_files
from eventlab.grading.collect import Origin, Submission, SubmissionsError, find
from tests.grading import platform_exports as platforms
from tests.grading.platform_exports import NOTEBOOK, write, zipped

LAB = "lab01_events"


def found(tmp_path: Path, files: dict[str, bytes]) -> dict[str, Submission]:
    return {one.student: one for one in find(write(tmp_path / "e.zip", files), tmp_path / "unpacked", LAB)}


def beside(one: Submission) -> list[str]:
    assert one.files
    return sorted(path.name for path in one.files.rglob("*") if path.is_file())


def test_the_folders_of_a_student_in_moodle_are_one_submission(tmp_path: Path) -> None:
    students = found(tmp_path, platforms.MOODLE)
    assert list(students) == ["Ada Lovelace", "Ben Bitdiddle", "Eve"]
    assert beside(students["Ada Lovelace"]) == ["lab01_events.ipynb", "onlinetext.html"]
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
    assert beside(kim) == ["a.py", f"{LAB}.ipynb"]


def test_two_zips_of_one_name_in_different_folders_are_not_mixed(tmp_path: Path) -> None:
    top = "Kim_104_assignsubmission_file"
    zips = {f"{top}/{v}/x.zip": zipped({f"{LAB}.ipynb": v.encode(), f"{v}.py": b""}) for v in ("v1", "v2")}
    kim = found(tmp_path, platforms.MOODLE | zips)["Kim"]
    assert kim.problem == f"2 notebooks: v1/x.zip/{LAB}.ipynb was taken, not v2/x.zip/{LAB}.ipynb"
    assert beside(kim) == [f"{LAB}.ipynb", "v1.py"]


def test_the_name_of_a_zip_leads_out_of_no_folder(tmp_path: Path) -> None:
    zips = {
        f"evem_2005_900{n}_{name}": zipped({f"{LAB}.ipynb": b"{}"}) for n, name in enumerate(["...zip", "..zip"])
    }
    eve = found(tmp_path, platforms.CANVAS | zips)["evem"]
    assert eve.notebook
    assert eve.notebook.parent.parent.parent == tmp_path / "unpacked"
    assert not list((tmp_path / "unpacked").glob("*.ipynb"))


def test_files_in_a_second_zip_are_next_to_the_notebook_in_the_first(tmp_path: Path) -> None:
    top = "Kim_104_assignsubmission_file"
    zips = {f"{top}/a.zip": zipped({f"{LAB}.ipynb": NOTEBOOK}), f"{top}/b.zip": zipped({"my_api.py": b"x = 1"})}
    kim = found(tmp_path, platforms.MOODLE | zips)["Kim"]
    assert (beside(kim), kim.problem) == ([f"{LAB}.ipynb", "my_api.py"], "")


def test_who_hands_in_no_notebook_has_a_record_that_names_what_there_is(tmp_path: Path) -> None:
    eve = found(tmp_path, platforms.MOODLE)["Eve"]
    assert (eve.notebook, eve.origin.id) == (None, "103")
    assert eve.problem == "no notebook in the folder, which has: onlinetext.html"


def test_moodle_without_folders_puts_everything_into_the_names(tmp_path: Path) -> None:
    students = found(tmp_path, platforms.MOODLE_FLAT)
    assert list(students) == ["Ada Lovelace"]
    assert beside(students["Ada Lovelace"]) == ["lab01_events.ipynb", "my_api.py", "onlinetext.html"]


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


def test_the_files_of_a_student_in_canvas_are_one_submission(tmp_path: Path) -> None:
    students = found(tmp_path, platforms.CANVAS)
    assert list(students) == ["bitdiddleben", "evel", "hackeralyssap", "lovelaceada"]
    assert beside(students["lovelaceada"]) == ["lab01_events.ipynb", "my_api.py"]
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


def test_the_last_attempt_in_blackboard_counts_with_its_date(tmp_path: Path) -> None:
    students = found(tmp_path, platforms.BLACKBOARD)
    assert list(students) == ["Ada Lovelace", "Ben Bitdiddle"]
    ada = students["Ada Lovelace"]
    assert ada.notebook
    assert ada.notebook.read_bytes() == NOTEBOOK
    assert beside(ada) == ["lab01_events.ipynb", "my_api.py", "submission.txt"]
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


def test_a_file_that_was_downloaded_twice_is_no_other_student_of_canvas(tmp_path: Path) -> None:
    files = {"lovelaceada_2001_90001_lab01_events (1).ipynb": b"older"}
    students = found(tmp_path, platforms.CANVAS | files)
    assert list(students) == ["bitdiddleben", "evel", "hackeralyssap", "lovelaceada"]
    assert students["lovelaceada"].problem == (
        "2 notebooks: lab01_events.ipynb was taken, not lab01_events (1).ipynb"
    )


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
    assert beside(students["ada"]) == ["lab01_events.ipynb", "my_api.py"]


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
