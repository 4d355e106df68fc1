"""The names in the exports of learning platforms: who handed in a file, when, and in which attempt.

Moodle: one folder per student and kind of submission, `NAME_ID_assignsubmission_file` (with `_` at its end before
Moodle 4.1), or one file `NAME_ID_assignsubmission_file_FILE`. Sources: `mod/assign/classes/downloader.php` and
`mod/assign/feedback/file/importziplib.php` of https://github.com/moodle/moodle, and
https://docs.moodle.org/en/Using_Assignment

Canvas: one file `NAME_USER_ATTACHMENT_FILE`, `NAME_LATE_USER_ATTACHMENT_FILE`, or `NAME_USER_text.html`; with
anonymous grading, `anon_ID` is in place of the name and the user. Source: `lib/content_zipper.rb` of
https://github.com/instructure/canvas-lms

Blackboard: one file `ASSIGNMENT_USER_attempt_DATE_FILE`, and one text file per attempt, which begins with
`Name: NAME (USER)`. Sources: https://docs.vangef.net/BBGradebookOrganiser and
https://nbgrader.readthedocs.io/en/stable/user_guide/managing_assignment_files_manually.html

The time of a file in these zips is not the time of the submission: Moodle and Canvas write the time of the
download, and in a zip that a student made it is what the student's computer says. So it is never used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import PurePath

MOODLE = re.compile(
    r"(?P<name>.*?)(?:_(?P<id>\d+))?_assignsubmission_(?P<plugin>[a-z0-9]+)(?:_(?P<file>.*))?", re.S
)
BLACKBOARD = re.compile(r"(?P<user>.+?)_attempt_(?P<date>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|\.txt)", re.S)
BLACKBOARD_NAME = re.compile(r"^\ufeff?Name:(?P<name>.*)\((?P<user>[^()\n]+)\)[^\S\n]*$", re.M)
CANVAS = re.compile(
    r"(?:(?P<name>.+?)_)?(?P<late>(?i:late)_)?(?P<id>\d+|anon_[^\W_]+)"
    r"_(?:(?P<attachment>\d+)_(?P<file>.+)|(?P<text>text|link)\.html)",
    re.S,
)

COPY_MARK = re.compile(
    r"^copy of |(?<![-_ ])[-_ ]*(?:copy\d*|\(\d+\)|-\d+|checkpoint)$|^untitled\d*$", re.IGNORECASE
)
"""What browsers, JupyterLab and platforms add to the name of a second file.

A name in a zip can have 60,000 hyphens, so the search does not begin again at each of them.
"""


@dataclass(frozen=True)
class Upload:
    """What the name of an exported file or folder says.

    Attributes:
        platform: `moodle`, `canvas` or `blackboard`.
        id: The student's id on the platform: digits, at Blackboard the user name.
        name: The student's name as the platform writes it.
        attempt: Text that is larger for a later attempt; "" where an export has only one.
        file: The name of the file as the student handed it in, or "" for a folder.
        submitted: When it was handed in, in the platform's local time, or None if the name does not say it.
        late: Whether the platform says that it is late.
        number: The number of the file on the platform; a later file has a larger one.
    """

    platform: str
    id: str
    name: str
    attempt: str = ""
    file: str = ""
    submitted: datetime | None = None
    late: bool = False
    number: int = 0


def uploads(names: Iterable[str], text_of: Callable[[str], str], lab: str = "") -> dict[str, Upload]:
    """Return what the names of an export's files and folders say; names of no known form are left out.

    Args:
        names: The names at the top of the export.
        text_of: Returns the beginning of a text file.
        lab: The lab's name, which the file of a student usually has.
    """
    names = list(names)
    moodle = {name: upload for name in names if (upload := _moodle(name))}
    few, many = sorted([moodle, _blackboard(names, text_of)], key=len)
    clear = few | many  # a name that has the form of both is from the platform with more files
    are_clear = 2 * len(clear) >= len(names)  # else students have named files like those of another platform
    return clear | _canvas([name for name in names if not are_clear or name not in clear], lab)


def _moodle(name: str) -> Upload | None:
    match = MOODLE.fullmatch(name)
    return match and Upload("moodle", match["id"] or match["name"], match["name"], file=match["file"] or "")


def _blackboard(names: list[str], text_of: Callable[[str], str]) -> dict[str, Upload]:
    """Return the files of Blackboard; the text files say the user names, which may contain `_`."""
    matches = {name: match for name in names if (match := BLACKBOARD.fullmatch(name))}
    texts = [BLACKBOARD_NAME.search(text_of(name)) for name, match in matches.items() if not match["file"]]
    full_names = {text["user"]: text["name"].strip() for text in texts if text}
    found = {}
    users = _users([match["user"] for match in matches.values()], full_names)
    for name, match in matches.items():
        user = users[match["user"]]
        try:
            submitted = datetime.strptime(match["date"], "%Y-%m-%d-%H-%M-%S")
        except ValueError:
            submitted = None
        file = match["file"] or "submission.txt"
        found[name] = Upload("blackboard", user, full_names.get(user) or user, match["date"], file, submitted)
    return found


def _users(texts: list[str], known: Collection[str]) -> dict[str, str]:
    """Return the user of each text `ASSIGNMENT_USER`. Both parts may contain `_`; each text is another user.

    The assignment is the text before most of the known users, or else the common beginning of all texts.
    """
    before = Counter(text[: -len(user)] for text in texts for user in known if text.endswith(f"_{user}"))
    if before:
        assignment = max(before, key=lambda start: (before[start], -len(start)))
    else:
        pairs = zip(min(texts, default=""), max(texts, default=""), strict=False)
        shared = "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        assignment = shared[: shared.rfind("_") + 1]
    return {text: text.removeprefix(assignment) for text in texts}


def _canvas(names: list[str], lab: str) -> dict[str, Upload]:
    """Return the files of Canvas. Its names contain no fixed word, so most files must have its form.

    An id of Canvas belongs to one student, and the number of a file, too. So `ada_2026_11_lab.ipynb` is not from
    Canvas when other students' files have these numbers, too. A file may be there twice, as `lab.ipynb` and
    `lab (1).ipynb`. Students of one class have different names: in `hw_2026_11_ada.ipynb` and
    `hw_2026_12_ben.ipynb`, `hw` is no student's name.
    """
    matches = {name: match for name in names if (match := CANVAS.fullmatch(name))}
    students = {(match["id"], _canvas_name(match)) for match in matches.values()}
    owners = {(match["attachment"], match["id"]) for match in matches.values() if match["attachment"]}
    numbers = Counter(attachment for attachment, _ in owners)
    if 2 * len(matches) < len(names) or len({id for id, _ in students}) < len(students):
        return {}
    if any(times > 1 for times in numbers.values()):
        return {}
    if _is_no_name(students, [match["file"] or "" for match in matches.values()], lab):
        return {}
    return {
        name: Upload(
            "canvas",
            match["id"],
            _canvas_name(match) or match["id"],
            file=match["file"] or f"{match['text']}.html",
            late=bool(match["late"]) or (match["name"] or "").lower() == "late",
            number=int(match["attachment"] or 0),
        )
        for name, match in matches.items()
    }


def _is_no_name(students: Collection[tuple[str, str]], files: Iterable[str], lab: str) -> bool:
    """Return whether all files begin with the same word, which is then no student's name.

    If one of the files has the lab's name, the word is a student's name, and all files are this student's.
    """
    work = {COPY_MARK.sub("", PurePath(file).stem) for file in files if file.lower().endswith((".ipynb", ".zip"))}
    is_one_word = len({name for _, name in students}) == 1 and all(id.isdigit() for id, _ in students)
    return is_one_word and len(work) > 1 and lab not in work


def _canvas_name(match: re.Match[str]) -> str:
    """Return the name; with anonymous grading there is none, and `late` is the word of Canvas."""
    name = match["name"] or ""
    return "" if name.lower() == "late" else name
