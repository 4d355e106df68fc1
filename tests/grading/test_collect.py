"""What is found in a folder or a zip: every student once, whatever the files are called."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from eventlab.grading import submitted_files
from eventlab.grading.collect import SubmissionsError, find


def touch(path: Path, text: str = "{}") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def students(source: Path, tmp_path: Path) -> list[str]:
    return [one.student for one in find(source, tmp_path / "unpacked")]


def packed(tmp_path: Path, *names: str, content: bytes = b"{}") -> Path:
    source = tmp_path / "export.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return source


def test_a_notebook_a_student(tmp_path: Path) -> None:
    for name in ("b.ipynb", "a.ipynb", "no ending", "Zoë 学生.ipynb", "grades.csv", ".hidden.ipynb"):
        touch(tmp_path / "in" / name)
    assert students(tmp_path / "in", tmp_path) == ["Zoë 学生", "a", "b", "no ending"]


def test_a_students_folder_has_its_notebook_and_what_lies_beside_it(tmp_path: Path) -> None:
    touch(tmp_path / "in/ada/lab.ipynb")
    touch(tmp_path / "in/ada/api.py")
    touch(tmp_path / "in/ada/.ipynb_checkpoints/lab-checkpoint.ipynb")
    [found] = find(tmp_path / "in", tmp_path / "unpacked")
    assert (found.student, found.notebook, found.files) == (
        "ada",
        tmp_path / "in/ada/lab.ipynb",
        tmp_path / "in/ada",
    )
    assert not found.problem


def test_of_several_notebooks_the_copy_is_not_taken_and_it_is_said(tmp_path: Path) -> None:
    touch(tmp_path / "in/ada/lab (1).ipynb")
    touch(tmp_path / "in/ada/lab.ipynb")
    [found] = find(tmp_path / "in", tmp_path / "unpacked")
    assert found.notebook == tmp_path / "in/ada/lab.ipynb"
    assert "2 notebooks" in found.problem


def test_a_folder_without_a_notebook_is_a_submission_all_the_same(tmp_path: Path) -> None:
    touch(tmp_path / "in/ada/readme.md")
    [found] = find(tmp_path / "in", tmp_path / "unpacked")
    assert (found.student, found.notebook, found.problem) == (
        "ada",
        None,
        "no notebook in the folder, which has: readme.md",
    )


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = touch(tmp_path / "secret")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/eve.ipynb").symlink_to(secret)
    [found] = find(tmp_path / "in", tmp_path / "unpacked")
    assert found.notebook is None
    assert "link" in found.problem


def test_two_of_the_same_name_are_both_graded(tmp_path: Path) -> None:
    touch(tmp_path / "in/ada.ipynb")
    touch(tmp_path / "in/ada/lab.ipynb")
    assert students(tmp_path / "in", tmp_path) == ["ada", "ada (2)"]


def test_a_number_that_is_added_to_a_name_is_nobodys_name(tmp_path: Path) -> None:
    for name in ("ada.ipynb", "ada/lab.ipynb", "ada (2).ipynb"):
        touch(tmp_path / "in" / name)
    assert sorted(students(tmp_path / "in", tmp_path)) == ["ada", "ada (2)", "ada (3)"]


def test_a_zip_with_one_folder_of_students(tmp_path: Path) -> None:
    source = packed(tmp_path, "export/ada/lab.ipynb", "export/bob/lab.ipynb", "__MACOSX/export/._ada")
    assert students(source, tmp_path) == ["ada", "bob"]


def test_a_zip_slip_writes_nothing_outside(tmp_path: Path) -> None:
    names = ("../../evil.ipynb", "/etc/evil.ipynb", "C:\\evil.ipynb", "..\\..\\evil.ipynb", "ada.ipynb")
    source = packed(tmp_path, *names)
    assert [one.student for one in find(source, tmp_path / "a" / "b" / "unpacked")] == ["ada"]
    assert [path.name for path in tmp_path.rglob("evil*")] == []


def test_a_link_in_a_zip_is_left_out(tmp_path: Path) -> None:
    source = packed(tmp_path, "ada.ipynb")
    with zipfile.ZipFile(source, "a") as archive:
        link = zipfile.ZipInfo("eve.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert students(source, tmp_path) == ["ada"]


@pytest.mark.parametrize(
    "names",
    [
        ("eve/x.ipynb", "eve/x.ipynb\\y.ipynb"),
        ("eve/x.ipynb/y.ipynb", "eve/x.ipynb"),
        ("eve/" + "a" * 300, "eve/" + "a" * 300 + "/b.ipynb"),
        ("eve/x.ipynb", "eve/" + "a/" * 1500 + "x.ipynb"),
    ],
)
def test_names_that_cannot_be_files_do_not_end_the_grading_of_the_others(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    assert students(packed(tmp_path, *names, "ada.ipynb"), tmp_path) == ["ada", "eve"]


def test_a_zip_bomb_is_cut_off_and_the_others_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitted_files, "MAX_FILE_BYTES", 1024 * 1024)
    source = packed(tmp_path, "bomb.ipynb", content=bytes(64 * 1024 * 1024))
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("ada.ipynb", "{}")
    found = {one.student: one for one in find(source, tmp_path / "unpacked")}
    sizes = {name: one.notebook.stat().st_size for name, one in found.items() if one.notebook}
    assert (list(found), sizes) == (["ada", "bomb"], {"ada": 2})
    assert "bomb.ipynb was left out: it has 67,108,864 bytes; 1,048,576 are allowed" in found["bomb"].problem


def test_a_zip_of_too_many_files_is_a_problem_of_the_student_who_hands_it_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitted_files, "MAX_FILES", 2)
    inner = packed(tmp_path, "a.ipynb", "b.ipynb", "c.ipynb").read_bytes()
    source = packed(tmp_path, "ada.zip", "ben.zip", "kim.zip", content=inner)
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("zoe.ipynb", "{}")
    found = {one.student: one for one in find(source, tmp_path / "unpacked")}

    assert list(found) == ["ada", "ben", "kim", "zoe"]
    assert "ada.zip was not unpacked: it has 3 files; 2 are allowed" in found["ada"].problem
    assert found["zoe"].notebook


def test_a_zip_with_a_very_long_list_of_files_is_not_read_into_memory(tmp_path: Path) -> None:
    """One of 200 MB lists four million files, which take 2 GB of memory, before they can be counted."""
    entry = b"PK\x01\x02" + bytes(42)
    count = submitted_files.MAX_DIRECTORY_BYTES // len(entry) + 1
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0, 0, count * len(entry), 0, 0)
    touch(tmp_path / "in/ada.ipynb")
    (tmp_path / "in/eve.zip").write_bytes(entry * count + end)

    ada, eve = find(tmp_path / "in", tmp_path / "unpacked")

    assert ada.notebook
    assert "eve.zip was not unpacked: its list of files is too long" in eve.problem


def test_of_very_many_files_that_are_left_out_only_the_first_are_named(tmp_path: Path) -> None:
    source = packed(tmp_path, "ada/lab.ipynb")
    with zipfile.ZipFile(source, "a") as archive:
        for number in range(500):
            archive.writestr(f"ada/{number}.csv", "1")
            archive.filelist[-1].compress_type = 99

    [ada] = find(source, tmp_path / "unpacked")

    assert ada.notebook
    assert ada.problem.startswith("0.csv was left out: it is damaged or locked (NotImplementedError); 1.csv was")
    assert ada.problem.endswith("; and 480 more")


def test_the_number_of_names_that_are_tried_does_not_grow_with_the_number_of_equal_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand equal names took seconds, in which nobody was graded."""
    tried: list[Path] = []
    claimed = submitted_files._claimed

    def count(path: Path) -> Path | None:
        tried.append(path)
        return claimed(path)

    monkeypatch.setattr(submitted_files, "_claimed", count)
    equal = [f"ada/{number * './'}data.csv" for number in range(100)]

    [ada] = find(packed(tmp_path, "ada/lab.ipynb", "ada/more-2/data.csv", *equal), tmp_path / "unpacked")

    assert ada.files
    assert len([*ada.files.rglob("data.csv")]) == 101
    assert len(tried) <= 2 * 102 + 1


@pytest.mark.parametrize(
    ("length", "problem"), [(200, ""), (2000, "eve.zip was not unpacked: its list of files is too long")]
)
def test_a_zip_of_the_most_files_is_unpacked_unless_their_names_are_very_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, problem: str
) -> None:
    part = 2000
    monkeypatch.setattr(submitted_files, "MAX_FILES", submitted_files.MAX_FILES // part)
    monkeypatch.setattr(submitted_files, "MAX_DIRECTORY_BYTES", submitted_files.MAX_DIRECTORY_BYTES // part)
    names = [f"{number:0{length}}" for number in range(submitted_files.MAX_FILES - 1)]
    inner = packed(tmp_path, "lab.ipynb", *names).read_bytes()

    ada, eve = find(packed(tmp_path, "ada.ipynb", "eve.zip", content=inner), tmp_path / "unpacked")

    assert ada.notebook
    assert problem in eve.problem
    assert (eve.notebook is None) == bool(problem)


def test_the_name_of_a_file_that_is_left_out_does_not_control_the_terminal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path / "in/ada.ipynb")
    touch(tmp_path / "in/gra\x1b[2Jdes.csv")

    assert students(tmp_path / "in", tmp_path) == ["ada"]

    assert caplog.messages == ["gra�[2Jdes.csv is not a submission and is left out"]


def test_nothing_to_grade_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(SubmissionsError, match=r"neither <student>.ipynb nor <student>/"):
        find(tmp_path / "in", tmp_path / "unpacked")
    with pytest.raises(SubmissionsError, match="does not exist"):
        find(tmp_path / "nowhere", tmp_path / "unpacked")


@pytest.mark.parametrize(("name", "depth"), [("d", 1100), ("d" * 200, 60)])
def test_a_folder_that_is_too_deep_to_be_opened_does_not_stop_the_class(
    name: str, depth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "in/ada.ipynb")
    touch(tmp_path / "in/ben/lab.ipynb")
    monkeypatch.chdir(tmp_path / "in/ben")
    for _ in range(depth):
        Path(name).mkdir()
        os.chdir(name)
    try:
        assert students(tmp_path / "in", tmp_path) == ["ada", "ben"]
    finally:
        subprocess.run(["rm", "-rf", str(tmp_path / "in")], check=True)  # shutil.rmtree cannot
