"""Finding submissions: a folder of notebooks or of students' folders, or the zip that a learning platform exports.

Each student has one submission: what the platform stored in several files or folders belongs together, the last
attempt counts, and a zip that a student handed in is unpacked.
"""

from __future__ import annotations

import logging
import shutil
import zipfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from eventlab.files import delete_folder
from eventlab.grading import exports, submitted_files
from eventlab.grading.exports import Upload
from eventlab.grading.submitted_files import SubmissionsError, SubmittedFile, Tree
from eventlab.printable import printable

STRAY_SUFFIXES = {
    *(".csv", ".html", ".json", ".md", ".txt", ".toml", ".tsv", ".log", ".yml", ".yaml"),
    *(".xls", ".xlsx", ".ods", ".numbers"),
}
"""Files with these endings next to the submissions belong to no student; any other file is a submission."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """What is known about a submission from the platform's export.

    Attributes:
        platform: `moodle`, `canvas`, `blackboard`, or "".
        id: The student's id on the platform.
        name: The student's name as the platform writes it.
        file: The name of the graded file, or of its folder, in the export.
        submitted: When it was handed in, as ISO 8601 in the platform's local time, or "" without a time.
        late: Whether the platform marked it as late.
    """

    platform: str = ""
    id: str = ""
    name: str = ""
    file: str = ""
    submitted: str = ""
    late: bool = False


@dataclass(frozen=True)
class Submission:
    """One student's submission.

    Attributes:
        student: The name.
        notebook: The notebook, a file with any content, or None without one.
        files: The folder with further files.
        problem: Sentences about what is wrong, or "".
        origin: What the platform's export says.
    """

    student: str
    notebook: Path | None
    files: Path | None = None
    problem: str = ""
    origin: Origin = Origin()


@dataclass
class _Group:
    """The files of one student. `top` is their file (`is_file`) or folder at the top of the export."""

    student: str
    top: str
    is_file: bool
    upload: Upload | None
    files: list[SubmittedFile] = field(default_factory=list)


def find(source: Path, unpacked: Path, lab: str = "") -> list[Submission]:
    """Return the submissions in a folder or a zip, sorted by student.

    `<student>.ipynb` and a file without an ending are notebooks, and `<student>/...` is a folder with one. The
    module `exports` recognizes the names of platforms. Two submissions with the same name are both graded, and the
    second name gets a number. Files in a zip, and files that must be sorted by student, are copied.

    Args:
        source: The folder, the zip, or one notebook.
        unpacked: The folder for copies. What it contains is deleted.
        lab: The lab's name. Of several notebooks of a student, the one with this name is graded.

    Raises:
        SubmissionsError: There is no submission, the zip is damaged, or the disk has no room.
    """
    delete_folder(unpacked)
    with ExitStack() as opened:
        if source.is_dir():
            tree = submitted_files.of_folder(source)
        elif source.suffix.lower() != ".ipynb" and zipfile.is_zipfile(source):
            tree = submitted_files.of_zip(opened.enter_context(zipfile.ZipFile(source))).below_single_folder()
        elif source.suffix.lower() == ".zip" and source.exists():
            raise SubmissionsError(f"{source} is not a complete zip. Download it again")
        elif source.exists():
            return [Submission(_student(source.name), source, origin=Origin(file=source.name))]
        else:
            raise SubmissionsError(f"{source} does not exist. Name a folder of notebooks or a zip")
        groups = _grouped(tree, lab)
        if not groups:
            raise SubmissionsError(
                f"{source} holds no submission: neither <student>.ipynb nor <student>/....ipynb"
            )
        _require_space(groups, unpacked)
        return [_submission(group, unpacked / f"{n:04}", lab) for n, group in enumerate(groups, start=1)]


def _grouped(tree: Tree, lab: str) -> list[_Group]:
    """Return the files by student, sorted by student, with different names."""
    names = tree.names
    uploads = exports.uploads(names, lambda name: file.beginning() if (file := names[name]) else "", lab)
    groups: dict[tuple[object, ...], _Group] = {}
    for top in sorted(tree.folders):
        _group_of(groups, top, False, uploads.get(top))
    for file in tree.files:
        top, is_file, upload = file.parts[0], len(file.parts) == 1, uploads.get(file.parts[0])
        if is_file and not upload and file.suffix in STRAY_SUFFIXES and not file.is_link:
            logger.warning("%s is not a submission and is left out", printable(top))
            continue
        own = file.parts[1:] or (upload.file if upload and upload.file else top,)
        file = replace(file, parts=own, top=top, upload=upload)
        _group_of(groups, top, is_file, upload).files.append(file)
    names_of = Counter(group.student for group in groups.values() if group.upload)
    for group in groups.values():
        if group.upload and names_of[group.student] > 1:
            group.student = f"{group.student} ({group.upload.id})"
    found = sorted(groups.values(), key=lambda group: (group.student, group.is_file, group.top))
    _make_distinct(found)
    return found


def _group_of(groups: dict[tuple[object, ...], _Group], top: str, is_file: bool, upload: Upload | None) -> _Group:
    """Return the group of a name at the top; each of two files with one name gets its own."""
    if upload:
        return groups.setdefault((upload.platform, upload.id), _Group(upload.name, top, is_file, upload))
    key: tuple[object, ...] = (top, is_file, len(groups) if is_file else 0)
    return groups.setdefault(key, _Group(_student(top) if is_file else top, top, is_file, None))


def _make_distinct(groups: Sequence[_Group]) -> None:
    """Add a number to each name that an earlier group has, so that all names differ."""
    taken = {group.student for group in groups}
    seen: set[str] = set()
    for group in groups:
        name, again = group.student, 1
        while group.student in seen or (again > 1 and group.student in taken):
            again += 1
            group.student = f"{name} ({again})"
        seen.add(group.student)


def _student(name: str) -> str:
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in (".ipynb", ".zip") else name


def _submission(group: _Group, target: Path, lab: str) -> Submission:
    """Return the submission of a group; its files are copied to `target` unless they can stay where they are."""
    attempts = {file.upload.attempt if file.upload else "" for file in group.files}
    files = [file for file in group.files if not file.upload or file.upload.attempt == max(attempts)]
    problems = [f"{len(attempts)} attempts: the last one counts"] if len(attempts) > 1 else []
    if any(file.is_link for file in files):
        return Submission(group.student, None, problem="a link, not a file: it is not followed")
    with ExitStack() as opened:
        unpacked = _without_zips(files, target.with_name(f"{target.name}-zips"), opened, problems)
        is_single = group.is_file and not group.upload and unpacked == files
        if unpacked == files and not group.upload and all(file.path for file in files):
            copies = {file.path: file for file in files if file.path}
        else:
            copies, left_out = submitted_files.copy(unpacked, target)
            problems += left_out
    notebooks = sorted(copies if is_single else _notebooks(copies), key=lambda path: _rank(copies[path], lab))
    if not notebooks:
        names = ", ".join(sorted({file.parts[-1][:100] for file in unpacked})[:4])
        problems.insert(
            0, f"no notebook in the folder, which has: {names}" if names else "no notebook in the folder"
        )
        folder = None if group.is_file else next((path.parent for path in copies), None)
        return Submission(group.student, None, folder, _sentences(problems), _origin(group, files))
    first, *others = notebooks
    if others:
        is_clear = len({path.name for path in notebooks}) == len(notebooks)
        taken, *rest = (path.name if is_clear else "/".join(copies[path].parts)[-200:] for path in notebooks[:4])
        problems.insert(0, f"{len(notebooks)} notebooks: {taken} was taken, not {', '.join(rest)}")
    origin = _origin(group, [copies[first]])
    return Submission(group.student, first, None if is_single else first.parent, _sentences(problems), origin)


def _sentences(problems: Sequence[str]) -> str:
    """Return the first 20 problems as one text, and how many there are more: each file of a zip can be one."""
    more = [f"and {len(problems) - 20:,} more"] if len(problems) > 20 else []
    return "; ".join([*problems[:20], *more])


def _without_zips(
    files: list[SubmittedFile], folder: Path, opened: ExitStack, problems: list[str]
) -> list[SubmittedFile]:
    """Return the files; unless one is a notebook, zips are replaced by the files in them."""
    zips = [file for file in files if file.suffix == ".zip"]
    if not zips or any(file.suffix == ".ipynb" for file in files):
        return files
    copies, left_out = submitted_files.copy(zips, folder)
    problems += left_out
    opened.callback(delete_folder, folder)
    found = [file for file in files if file not in zips]
    trees: list[tuple[SubmittedFile, Tree]] = []
    for path, file in copies.items():
        try:
            archive = zipfile.ZipFile(opened.enter_context(submitted_files.StudentsZip(path)))
        except submitted_files.LongListError:
            problems.append(f"{file.parts[-1][:100]} was not unpacked: its list of files is too long")
            continue
        except submitted_files.UNREADABLE as error:
            submitted_files.raise_if_machine_failed(error, file, folder)
            problems.append(f"{file.parts[-1][:100]} is not a zip that can be unpacked")
            continue
        if (count := len(archive.infolist())) > submitted_files.MAX_FILES:
            most = submitted_files.MAX_FILES
            problems.append(
                f"{file.parts[-1][:100]} was not unpacked: it has {count:,} files; {most:,} are allowed"
            )
            continue
        trees.append((file, submitted_files.of_zip(archive)))
    with_notebook = sum(any(inner.suffix == ".ipynb" for inner in tree.files) for _, tree in trees)
    for file, tree in trees:
        folder_of_zip = file.parts if with_notebook > 1 else ()
        for inner in tree.files:
            found.append(replace(inner, parts=folder_of_zip + inner.parts, top=file.top, upload=file.upload))
    return found


def _notebooks(paths: Sequence[Path] | dict[Path, SubmittedFile]) -> list[Path]:
    """Return the notebooks, or, without any, the files without an ending."""
    return [path for path in paths if path.suffix.lower() == ".ipynb"] or [
        path for path in paths if not path.suffix
    ]


def _rank(file: SubmittedFile, lab: str) -> tuple[object, ...]:
    """Return a sort key: first the notebook with the lab's name, then the newest one that is not a copy."""
    name = PurePosixPath(file.parts[-1]).stem
    base = exports.COPY_MARK.sub("", name)
    by_name = 0 if lab in (name, base) else 1 if base == "student" else 2
    number = -file.upload.number if file.upload else 0
    return (by_name, number, len(file.parts), bool(exports.COPY_MARK.search(name)), file.parts)


def _origin(group: _Group, files: Sequence[SubmittedFile]) -> Origin:
    """Return what the export says about the files that count."""
    upload = next((file.upload for file in files if file.upload), group.upload)
    if upload is None:
        return Origin(file=files[0].top if files else group.top)
    submitted = upload.submitted.isoformat() if upload.submitted else ""
    late = any(file.upload.late for file in group.files if file.upload)
    top = files[0].top if files else group.top
    return Origin(upload.platform, upload.id, upload.name, top, submitted, late)


def _require_space(groups: Sequence[_Group], unpacked: Path) -> None:
    """Raise an error before anything is copied when the disk has no room for it."""
    sizes = [sum(file.size for file in group.files if not file.path or file.upload) for group in groups]
    needed = sum(min(size, submitted_files.MAX_STUDENT_BYTES) for size in sizes)
    parent = next(path for path in (unpacked, *unpacked.absolute().parents) if path.exists())
    free = shutil.disk_usage(parent).free
    if needed > free:
        raise SubmissionsError(
            f"the submissions need {needed:,} bytes, but only {free:,} are free in {parent}. "
            "Name another folder with --output"
        )
