"""The tree is as the README's map and the tests' groups describe it."""

import re
import subprocess

from eventlab.settings import ROOT
from tests.groups import LONGEST_FIRST, group_of


def mapped():
    text = (ROOT / "README.md").read_text()
    block = re.search(r"## Folders\n+```text\n(.*?)```", text, re.DOTALL)
    assert block
    return [line.split()[0] for line in block[1].splitlines()]


def tracked():
    return subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_every_place_on_the_map_exists():
    assert [place for place in mapped() if not (ROOT / place).exists()] == []


def test_every_top_level_entry_is_on_the_map():
    top = {path.split("/")[0] for path in tracked()}
    shown = {place.split("/")[0] for place in mapped()}

    assert {name for name in top if not name.startswith(".")} - shown == set()


def test_every_folder_of_the_library_is_on_the_map():
    folders = {
        path.split("/")[2] for path in tracked() if path.startswith("lib/eventlab/") and path.count("/") > 2
    }

    assert {f"lib/eventlab/{folder}/" for folder in folders} - set(mapped()) == set()


def test_the_stack_folder_holds_no_python():
    assert [path for path in tracked() if path.startswith("stack/") and path.endswith(".py")] == []


def test_every_group_of_tests_that_starts_early_exists():
    groups = {group_of(ROOT / path) for path in tracked() if re.match(r"tests/(.*/)?test_\w+\.py$", path)}

    assert [group for group in LONGEST_FIRST if group not in groups] == []
