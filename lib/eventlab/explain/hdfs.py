"""Explains errors of HDFS: the NameNode or the DataNode is not running, safe mode, a path that does not exist."""

import posixpath
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from eventlab.clients.hdfs_web import jmx_bean
from eventlab.explain import service
from eventlab.explain.explanation import Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.shell_words import other_commands
from eventlab.settings import Settings
from eventlab.stack import filesystem

NO_DATANODE = (
    r"could only be written to 0 of the 1 minReplication nodes",
    r"BlockMissingException",
    r"Could not obtain block",
)
NO_PATH = r"File does not exist: (\S+)|File (\S+) does not exist|HDFS has no (\S+)"
"""The messages of HDFS for files and for folders, and the one of a lab's checks."""
OF_THIS_MACHINE = ("ls", "cat", "head", "tail", "rm")
"""Commands for the files of this machine; `hadoop fs` has them, too."""


def namenode_down(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the NameNode does not answer.

    Remedy: Start or restart the NameNode.
    """
    port = urlsplit(settings.default_fs).port
    refused = rf"to \S+:{port} failed on connection exception", rf"ConnectException.*:{port}\b"
    is_reported = service.is_reported(cell, "namenode", r"HDFS does not answer", *refused)
    return service.service_not_running(settings, "namenode") if is_reported else None


def datanode_down(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that blocks cannot be written or read, because the DataNode does not answer.

    Remedy: Start or restart the DataNode.
    """
    is_reported = service.is_reported(cell, "datanode", *NO_DATANODE)
    return service.service_not_running(settings, "datanode") if is_reported else None


def safe_mode(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the NameNode is in safe mode.

    Remedy: Start the DataNode, or restart the NameNode.
    """
    return namenode_in_safe_mode(settings) if cell.matches(r"SafeModeException", r"in safe mode") else None


def namenode_in_safe_mode(settings: Settings) -> Explanation | None:
    """Ask the NameNode whether it is in safe mode, and explain the reason that it reports."""
    info = jmx_bean(settings.webhdfs_url, "Hadoop:service=NameNode,name=NameNodeInfo") or {}
    reason = info.get("Safemode", "")
    has_datanode = bool(reason) and service.answers(settings, "datanode")
    if not reason or (has_datanode and settings.external_default_fs):
        return None  # this stack cannot restart an external NameNode
    return Explanation(
        "HDFS's NameNode is in safe mode: files can be read, but nothing can be changed.",
        f"the NameNode{service.process_phrase(settings, 'namenode')} reports: {reason[:200]}",
        "!eventlab restart namenode" if has_datanode else "!eventlab up datanode",
    )


def path_missing(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a path does not exist. Show the content of the nearest folder that exists.

    Remedy: The line with the nearest path, or a command that lists the folder.
    """
    files = "".join(trace.tb_frame.f_code.co_filename for trace in cell.trace[-1:])
    match = None if "/pandas/" in files else re.search(NO_PATH, cell.text)  # its file is one of this machine
    path = next(filter(None, match.groups())).rstrip(".") if match else None
    path = cell.conditions.get("PATH_NOT_FOUND", {}).get("path", path)
    return explain_missing(cell, path, settings) if path else None


def path_on_hdfs(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a file is on HDFS, and not on this machine, where Python and `ls` look for it.

    Remedy: The same command of `hadoop fs`, or one that lists the path.
    """
    filename = getattr(cell.error, "filename", None) if isinstance(cell.error, FileNotFoundError) else None
    found = [("", str(filename))] if filename else []
    for command in other_commands(cell):
        has_option = any(word.startswith("-") and word != "-r" for word in command)  # `hadoop fs -ls` has no -l
        program = "" if has_option else command[0]
        found += [(program, word) for word in command[1:] if command[0] in OF_THIS_MACHINE]
    for program, path in found:
        if not path.startswith("/") or Path(path).exists() or not filesystem.exists(path, settings):
            continue
        what = f"{path} is on HDFS. This cell looks for a file of this machine, which is another file system."
        proof = f"the NameNode at {settings.default_fs} has {path}, and this machine has none"
        if program and (explanation := correction(cell, program, f"hadoop fs -{program}", what, proof)):
            return explanation
        return Explanation(what, proof, f"!hadoop fs -ls {path}", "To see it, run this")
    return None


def explain_missing(cell: FailedCell, path: str, settings: Settings) -> Explanation | None:
    """Explain that HDFS has no such path, if that is so."""
    if not filesystem.has_webhdfs(path, settings):
        return None
    path = filesystem.plain_path(path)
    if filesystem.exists(path, settings):
        return None
    parent, similar, proof = nearest(path, settings)
    what = f"HDFS has no {path}."
    if similar:
        explanation = correction(cell, path, similar, f"{what} Did you mean {similar}?", proof)
        if explanation:
            return explanation
    if path == "/tmp/purchases":
        topic = f"{settings.topic}-07"
        line = f'from eventlab import course; course.prepare("{topic}", events=True, purchases="{path}")'
        return Explanation(f"{what} Lesson 07 writes it.", proof, line)
    list_parent, instruction = f"!hadoop fs -ls {parent}", "To see the paths that exist, run this"
    return Explanation(f"{what} A cell must write it first.", proof, list_parent, instruction)


def nearest(path: str, settings: Settings) -> tuple[str, str, str]:
    """Return the nearest folder of a missing path, a path of a similar name or "", and what is there."""
    parent = next(
        folder for folder in map(str, PurePosixPath(path).parents) if filesystem.exists(folder, settings)
    )
    entries = filesystem.names(parent, settings)
    missing, _, below = path[len(parent.rstrip("/")) + 1 :].partition("/")
    names = close_matches(missing, entries)[:1]
    found = [posixpath.join(parent, name, below).rstrip("/") for name in names]
    similar = next((item for item in found if filesystem.exists(item, settings)), "")
    return parent, similar, f"{parent} on {settings.default_fs} contains: {', '.join(entries[:12]) or 'nothing'}"


EXPLANATIONS: list[Explain] = [namenode_down, safe_mode, datanode_down, path_missing, path_on_hdfs]
