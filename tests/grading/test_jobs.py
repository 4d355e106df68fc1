"""A submission is graded again when something that marks depend on has changed, and only then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest

from eventlab.grading import jobs as module
from eventlab.grading.collect import Submission
from eventlab.grading.jobs import Job, Limits, digest_of, fingerprint, job_for
from eventlab.grading.judge import Judge
from eventlab.grading.worker import Worker
from eventlab.labs.catalogue import Lab, all_labs
from eventlab.labs.cells import read
from eventlab.settings import ROOT
from tests.grading import tiny_lab


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the library, which all tests edit one after the other."""
    return shutil.copytree(
        module.KIT, tmp_path_factory.mktemp("copy") / "kit", ignore=shutil.ignore_patterns("__pycache__")
    )


@pytest.fixture
def kit(copied: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy of the library, to be edited."""
    monkeypatch.setattr(module, "KIT", copied)
    return copied


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return tiny_lab.make(tmp_path / "tiny")


@pytest.fixture
def one(tmp_path: Path) -> Submission:
    folder = tmp_path / "ada"
    folder.mkdir()
    (folder / "my_api.py").write_text("1")
    return Submission("ada", tiny_lab.write(folder / "ada.ipynb"), folder)


def edit(path: Path) -> None:
    assert path.exists()
    path.write_text(path.read_text() + "\n# edited\n")


SHOWN = (
    "grading/reports/html.py",
    "grading/csv_files.py",
    "grading/origins.py",
    "cli/grading_progress.py",
    "grading/verify.py",
    "grading/adjustments.py",
    "grading/judge_notebook.py",
    "grading/whole_class.py",
    "cli/grade.py",
    "stack/tokens.py",
)
MADE = (
    "grading/execution/regrade.py",
    "grading/worker.py",
    "grading/mistakes.py",
    "labs/mistakes.py",
    "grading/inside/kernels.py",
    "grading/environment/libraries.txt",
    "clients/kafka.py",
    "clients/hdfs.py",
    "stack/environment.py",
    "stack/services.py",
    "labs/evidence.py",
    "labs/student.py",
    "course/answers.py",
    "commands/tools.py",
    "settings.py",
)


@pytest.mark.parametrize("name", SHOWN)
def test_what_only_shows_a_record_grades_nobody_again(kit: Path, lab: Lab, one: Submission, name: str) -> None:
    before = fingerprint(digest_of(lab), one, 1, Limits())
    edit(kit / name)
    assert fingerprint(digest_of(lab), one, 1, Limits()) == before


@pytest.mark.parametrize("name", MADE)
def test_what_makes_marks_grades_all_again(kit: Path, lab: Lab, one: Submission, name: str) -> None:
    before = fingerprint(digest_of(lab), one, 1, Limits())
    edit(kit / name)
    assert fingerprint(digest_of(lab), one, 1, Limits()) != before


@pytest.mark.programs
def test_each_module_that_a_labs_notebook_imports_is_in_the_fingerprint() -> None:
    lines = {
        line for lab in all_labs() for cell in read(lab.instructor).cells for line in cell.source.splitlines()
    }
    imports = sorted(line for line in lines if line.startswith("from eventlab"))
    assert len(imports) >= 5
    program = "\n".join(
        [*imports, "import sys", 'print(*(m.__file__ for n, m in sys.modules.items() if "eventlab" in n))']
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    missed = {Path(path) for path in done.stdout.split()} - {*module.grader_files()}
    starts_services = module.KIT / "stack"
    assert {path for path in missed if not path.is_relative_to(starts_services)} == set()


def test_every_part_that_the_fingerprint_names_exists() -> None:
    assert [
        name for name in (*module.MARKS_DEPEND_ON, *module.DISPLAY_ONLY) if not (module.KIT / name).exists()
    ] == []
    assert all(any(folder.iterdir()) for folder in module.CONFIGURATION)


def test_another_configuration_of_a_service_grades_all_again(
    lab: Lab, one: Submission, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spark = shutil.copytree(ROOT / "stack" / "spark", tmp_path / "spark")
    monkeypatch.setattr(module, "CONFIGURATION", [*module.CONFIGURATION[:-1], spark])
    before = fingerprint(digest_of(lab), one, 1, Limits())
    edit(spark / "spark-defaults.conf")
    assert fingerprint(digest_of(lab), one, 1, Limits()) != before


def test_notebook_files_checks_seed_and_limits_count(lab: Lab, one: Submission, tmp_path: Path) -> None:
    seen = [fingerprint(digest_of(lab), one, 1, Limits())]
    seen += [fingerprint(digest_of(lab), one, 2, Limits())]
    seen += [fingerprint(digest_of(lab), one, 1, limits) for limits in (Limits(61), Limits(memory_mib=1025))]
    for path in (tmp_path / "ada" / "ada.ipynb", tmp_path / "ada" / "my_api.py", lab.folder / "checks.py"):
        edit(path)
        seen.append(fingerprint(digest_of(lab), one, 1, Limits()))
    assert len(set(seen)) == len(seen)


def test_each_file_of_the_lab_counts_and_what_tools_keep_there_does_not(lab: Lab, one: Submission) -> None:
    before = fingerprint(digest_of(lab), one, 1, Limits())
    (lab.folder / "__pycache__").mkdir(exist_ok=True)
    (lab.folder / "__pycache__" / "checks.pyc").write_text("1")
    assert fingerprint(digest_of(lab), one, 1, Limits()) == before
    (lab.folder / "data").mkdir()
    (lab.folder / "data" / "players").write_text("ada")
    with_data = fingerprint(digest_of(lab), one, 1, Limits())
    edit(lab.folder / "data" / "players")
    assert len({before, with_data, fingerprint(digest_of(lab), one, 1, Limits())}) == 3


def test_submissions_and_output_in_the_folder_of_the_lab_are_no_part_of_it(lab: Lab) -> None:
    without = [lab.folder / "submissions", lab.folder / "graded"]
    before = digest_of(lab, without)
    for folder in (*without, lab.folder / "build" / "grades"):
        folder.mkdir(parents=True)
        (folder / "ada.json").write_text("1")
    assert digest_of(lab, without) == before != digest_of(lab)


def test_an_edit_of_a_file_behind_a_link_counts(lab: Lab, tmp_path: Path) -> None:
    checks = lab.folder / "checks.py"
    checks.rename(tmp_path / "shared.py")
    checks.symlink_to(tmp_path / "shared.py")
    (tmp_path / "linked").symlink_to(lab.folder)
    linked = replace(lab, folder=tmp_path / "linked")
    before = digest_of(linked)
    edit(checks)
    assert digest_of(linked) != before


def test_a_file_that_moves_to_another_folder_counts(lab: Lab, one: Submission) -> None:
    assert one.files
    before = fingerprint(digest_of(lab), one, 1, Limits())
    (one.files / "code").mkdir()
    (one.files / "my_api.py").rename(one.files / "code" / "my_api.py")
    assert fingerprint(digest_of(lab), one, 1, Limits()) != before


def test_what_the_feedback_shows_does_not_help_in_a_second_submission(lab: Lab, one: Submission) -> None:
    first = job_for(lab, one, "secret", Limits())
    assert job_for(lab, one, "another secret", Limits()).seed != first.seed
    assert job_for(lab, one, "secret", Limits()).seed == first.seed

    assert one.notebook is not None
    tiny_lab.write(one.notebook, q1='lab.answer("q1", 9876)')

    assert job_for(lab, one, "secret", Limits()).seed != first.seed


def test_who_hands_in_a_file_that_is_too_large_is_told_which(
    lab: Lab, one: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert one.files
    assert job_for(lab, one, "secret", Limits()).problems == ()
    (one.files / "data.csv").write_text("12")
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 1)

    job = job_for(lab, one, "secret", Limits())

    assert list(job.workdir_files()) == ["my_api.py"]
    assert job.problems == (
        "1 files are not there when the notebook runs, because they are too large or too many: data.csv",
    )


def test_why_there_is_no_notebook_is_said_once(lab: Lab) -> None:
    config = SimpleNamespace(contained=True)
    stack = SimpleNamespace(clean=lambda: None, forget_logs=lambda: None, config=config)
    worker = Worker(lab, stack, Judge(lab), Limits(), "")  # type: ignore[arg-type]

    outcome = worker.grade(Job("eve", None, None, "no notebook in the folder", "", 1))

    assert outcome.record is not None
    assert (outcome.record.status, outcome.record.messages) == ("unreadable", ("no notebook in the folder",))


def test_no_name_of_a_file_stands_for_another_file(lab: Lab, one: Submission) -> None:
    """The seed must differ, also when a name contains the hash that stands for a file's content."""
    assert one.files is not None
    content = next(n for n in map(str, range(10_000)) if not {0, ord("/")} & {*sha256(n.encode()).digest()})
    (one.files / "x").write_text(content)
    (one.files / "y").write_text("the answers")
    two_files = job_for(lab, one, "secret", Limits()).seed
    for name in ("x", "y"):
        (one.files / name).unlink()
    Path(os.fsdecode(os.fsencode(one.files) + b"/x" + sha256(content.encode()).digest() + b"y")).write_text(
        "the answers"
    )

    assert job_for(lab, one, "secret", Limits()).seed != two_files


def test_a_folder_that_is_too_deep_for_recursion_is_read_like_any_other(
    lab: Lab, one: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert one.files
    monkeypatch.chdir(one.files)
    for _ in range(1100):
        Path("d").mkdir()
        os.chdir("d")
    try:
        assert list(job_for(lab, one, "secret", Limits()).workdir_files()) == ["my_api.py"]
    finally:
        subprocess.run(["rm", "-rf", str(one.files)], check=True)  # shutil.rmtree cannot


def test_what_tools_keep_in_a_folder_takes_no_room_from_a_students_own_files(
    lab: Lab, one: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert one.files
    monkeypatch.setattr(module, "MAX_FILES", 1)
    before = job_for(lab, one, "secret", Limits())
    for name in (".git/objects", ".ipynb_checkpoints", "__pycache__"):
        (one.files / name).mkdir(parents=True)
        (one.files / name / "kept").write_text("1")

    job = job_for(lab, one, "secret", Limits())

    assert (job.problems, list(job.workdir_files())) == ((), ["my_api.py"])
    assert job == before, "as in a zip, they are no part of the submission"
