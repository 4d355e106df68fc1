"""The folders are those that the README lists, and the groups of tests exist."""

import re
import subprocess

from eventlab.settings import ROOT
from tests.groups import LONGEST_FIRST, group_of
from tests.helpers import first_group


def mapped():
    """Return the paths in the README's list of folders."""
    block = first_group(r"## Folders\n+```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [line.split()[0] for line in block.splitlines()]


def tracked():
    """Return the files in git."""
    return subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()


def test_all_paths_in_the_list_of_folders_exist():
    assert [place for place in mapped() if not (ROOT / place).exists()] == []


def test_all_top_level_paths_are_in_the_list_of_folders():
    top = {path.split("/")[0] for path in tracked()}
    shown = {place.split("/")[0] for place in mapped()}

    assert {name for name in top if not name.startswith(".")} - shown == set()


def test_all_folders_of_the_library_are_in_the_list_of_folders():
    folders = {
        path.split("/")[2] for path in tracked() if path.startswith("lib/eventlab/") and path.count("/") > 2
    }

    assert {f"lib/eventlab/{folder}/" for folder in folders} - set(mapped()) == set()


def test_the_stack_folder_contains_no_python():
    assert [path for path in tracked() if path.startswith("stack/") and path.endswith(".py")] == []


def test_all_groups_of_tests_that_start_early_exist():
    groups = {group_of(ROOT / path) for path in tracked() if re.match(r"tests/(.*/)?test_\w+\.py$", path)}

    assert [group for group in LONGEST_FIRST if group not in groups] == []


def test_no_file_that_git_ignores_is_committed():
    """A link `.venv` to the environment of another clone lets `make setup` fail: it cannot create the folder."""
    ignored = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]

    assert subprocess.check_output(ignored, cwd=ROOT, text=True) == ""
