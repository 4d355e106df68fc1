"""A lesson that starts again: a new copy, and the old one under another name."""

import filelock
import pytest
from click.testing import CliRunner

from eventlab.cli import course as commands
from eventlab.cli.app import main
from eventlab.jupyter import progress, working_copy
from eventlab.jupyter.working_copy import WorkingCopyError
from eventlab.settings import OwnSettings
from tests.jupyter.copies import NAME, change, changeable_kit, names, sources


@pytest.fixture
def kit(tmp_path, monkeypatch):
    """Use a kit whose lessons a test can change."""
    return changeable_kit(tmp_path, monkeypatch)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Return settings with an empty state folder."""
    settings = OwnSettings(state_dir=tmp_path / "state")
    monkeypatch.setattr(commands, "settings", settings)
    return settings


@pytest.fixture
def work(kit, settings):
    """Create the copies, and return their folder."""
    working_copy.update(settings)
    return settings.work_dir


def test_a_lesson_that_starts_again_keeps_the_old_file_and_loses_its_progress(work, settings, monkeypatch):
    change(work / f"{NAME}.ipynb", "mine")
    monkeypatch.setattr(progress, "settings", settings)
    for name in (NAME, "03_generate_load"):
        progress.record(f"notebooks/{name}.ipynb", 3, 9)

    done = CliRunner().invoke(main, ["lesson", "reset", "5"])

    assert done.exit_code == 0, done.output
    (old,) = [name for name in names(work) if name != f"{NAME}.ipynb"]
    assert "# mine" in "".join(sources(work / old))
    assert str(work / old) in done.output
    assert "# mine" not in "".join(sources(work / f"{NAME}.ipynb"))
    assert list(progress.read(settings)) == ["notebooks/03_generate_load.ipynb"]


def test_a_lesson_whose_progress_is_locked_does_not_start_again_and_says_why(work, settings, monkeypatch):
    change(work / f"{NAME}.ipynb", "mine")
    monkeypatch.setattr(progress, "LOCK_S", 0.1)
    settings.state_dir.mkdir(exist_ok=True)

    with filelock.FileLock(settings.state_dir / f"{progress.FILE}.lock"):
        done = CliRunner().invoke(main, ["lesson", "reset", "05"])

    assert done.exit_code == 1
    assert "another program has locked" in done.output
    assert names(work) == [f"{NAME}.ipynb"]
    assert "# mine" in "".join(sources(work / f"{NAME}.ipynb"))


def test_a_lesson_that_starts_again_twice_in_a_minute_keeps_both_files_and_takes_the_new_version(
    work, kit, settings
):
    for text in ("first", "second"):
        change(work / f"{NAME}.ipynb", text)
        change(kit / "notebooks" / f"{NAME}.ipynb", f"after {text}")
        working_copy.update(settings)
        working_copy.reset("05", settings)

    assert len(names(work)) == 3
    assert "# after second" in "".join(sources(work / f"{NAME}.ipynb"))


@pytest.mark.parametrize(
    ("name", "message"), [("77", "'77' is not a lesson or lab"), ("0", "'0' is the beginning of 01_")]
)
def test_a_name_that_is_not_one_lesson_is_an_error(work, settings, name, message):
    with pytest.raises(WorkingCopyError, match=message):
        working_copy.reset(name, settings)
