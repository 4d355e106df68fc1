"""Create a small lab that works, as a start for an author."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

from eventlab.labs import release
from eventlab.labs.catalogue import LABS, Lab, LabError

TEMPLATE = LABS / "template"
NAME = re.compile(r"lab\d{2,}_[a-z0-9]+(?:_[a-z0-9]+)*")


def create(name: str, parent: Path) -> Lab:
    """Write the folder PARENT/NAME with a lab of one question that works, and return the lab.

    Raises:
        LabError: The name is not one of a lab, or a lab of the folder has its number.
    """
    if not NAME.fullmatch(name):
        topic = re.sub(r"[^a-z0-9]+", "_", re.sub(r"^lab\d*", "", name.lower())).strip("_") or "guilds"
        proposed = f"{_free_number(parent)}_{topic}"
        raise LabError(
            f"{name!r} is not the name of a lab: write `lab`, two digits, `_` and a topic in small letters",
            _command(proposed, parent),
        )
    number, _, topic = name.partition("_")
    if taken := sorted(parent.glob(f"{number}_*")):
        raise LabError(
            f"{taken[0]} exists: the number {number} names the topics of a lab in Kafka, so each lab has another",
            _command(f"{_free_number(parent)}_{topic}", parent),
        )
    folder = parent / name
    shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    lab = Lab(name, folder.resolve())
    text = lab.instructor.read_text(encoding="utf-8").replace('open_lab(\\"template\\"', f'open_lab(\\"{name}\\"')
    lab.instructor.write_text(text, encoding="utf-8", newline="\n")
    release.renew(lab)
    return lab


def _command(name: str, parent: Path) -> str:
    """Return the command that creates this lab in the folder that was named."""
    folder = "" if parent == Path("labs") else f" --folder {shlex.quote(str(parent))}"
    return f"eventlab labs new {name}{folder}"


def _free_number(parent: Path) -> str:
    """Return the next number that no lab of the folder or of the kit has, such as `lab05`."""
    names = [path.name for folder in (parent, LABS) for path in folder.glob("lab*_*")]
    taken = [int(match[1]) for name in names if (match := re.match(r"lab(\d+)_", name))]
    return f"lab{max(taken, default=0) + 1:02}"
