"""What the stack needs, checked before a learner finds out: each thing OK, or what is wrong and how to mend it.

Every check looks at the real thing (bytes of jars, sockets, the disk) and starts no service, so that all of
them together take about a second.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from eventlab.clients import ports
from eventlab.settings import ROOT, Settings
from eventlab.stack import Stack, jars, java, process
from eventlab.stack import setup as steps
from eventlab.stack.requirements import free_offset
from eventlab.stack.services import SERVICES

OLDEST_PYTHON = (3, 11)
MEMORY_NEEDED = 2 * 2**30
DISK_NEEDED = 2**30
ODD_SIGNS = "'\\,"
"""HDFS asks a shell for the free disk space; a comma separates folders in Kafka's and HDFS's settings."""


@dataclass(frozen=True)
class Check:
    """One thing that the stack needs: as it should be, or what is wrong and the one command that mends it."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def checks(settings: Settings) -> list[Check]:
    """All checks, in the order in which one would mend things; none raises."""
    return [
        _guarded("python", "make setup", python),
        _guarded("packages", "make setup", packages),
        _guarded("java", "eventlab setup", find_java),
        _guarded("jars", "eventlab setup", checksums),
        _guarded("archives", "eventlab setup", archived),
        *(_guarded(name, "make setup", check) for name, check in VERSIONS.items()),
        _guarded("state folder", "export EVENTLAB_STATE_DIR=~/eventlab-state", lambda: writable(settings)),
        _guarded("memory", "eventlab down", lambda: memory(settings)),
        _guarded("disk", "eventlab reset", lambda: disk(settings)),
        _guarded("ports", "eventlab down", lambda: free_ports(settings)),
    ]


def show(found: list[Check]) -> None:
    """The table that `eventlab doctor` prints."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("verdict")
    table.add_column("check", no_wrap=True)
    table.add_column("detail", overflow="fold")
    for check in found:
        table.add_row("[green]OK" if check.ok else "[red]FAIL", check.name, _literally(check.detail))
        if not check.ok:
            table.add_row("", "", f"[bold]{_literally(check.remedy)}")
    Console().print(table)


def python() -> Check:
    """New enough; the kit's own environment has the locked packages, which `packages` checks in any other."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        needed = ".".join(map(str, OLDEST_PYTHON))
        return Check("python", False, f"{version} is older than {needed}", "make setup PYTHON=python3.12")
    own = Path(sys.prefix).resolve() == (ROOT / ".venv").resolve()
    return Check(
        "python", True, f"{version}, {'the kit’s own .venv' if own else f'not the kit’s own .venv: {sys.prefix}'}"
    )


def packages() -> Check:
    """pyproject.toml, uv.lock and what is installed say the same."""
    from packaging.requirements import Requirement

    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    locked = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    own = next(package for package in locked if package["name"] == "eventlab")
    asked = {_plain(Requirement(text).name): Requirement(text).specifier for text in wanted}
    noted = {_plain(entry["name"]): entry.get("specifier", "") for entry in own["metadata"]["requires-dist"]}
    if asked.keys() != noted.keys() or any(asked[name] != noted[name] for name in asked):
        return Check("packages", False, "uv.lock is not in step with pyproject.toml", _uv_lock())
    versions: dict[str, set[str]] = {}
    for package in locked:
        versions.setdefault(_plain(package["name"]), set()).add(package.get("version", ""))
    found = {_plain(dist.name): dist.version for dist in metadata.distributions() if dist.metadata["Name"]}
    wrong = [f"{name} is not installed" for name in asked if name not in found]
    wrong += [
        f"{name} is {version}, not {' or '.join(sorted(versions[name]))}"
        for name, version in sorted(found.items())
        if name in versions and name != "eventlab" and version not in versions[name]
    ]
    if wrong:
        return Check("packages", False, _few(wrong), "make setup")
    return Check("packages", True, f"{len(found.keys() & versions.keys())} installed as in uv.lock")


def _uv_lock() -> str:
    """`uv lock` with the uv that is there: the machine's, or the kit's own."""
    return f"{'uv' if shutil.which('uv') else shlex.quote(str(ROOT / '.uv' / 'bin' / 'uv'))} lock"


def find_java() -> Check:
    """The Java that services get, and those that were passed over."""
    seen = list(java.candidates())
    passed_over = [f"{other.found_in} ({other.home}) {other.unfit}" for other in seen if other.unfit]
    fit = [one for one in seen if one.unfit is None]
    if not fit:
        reason = "; ".join(passed_over) or "there is none"
        return Check("java", False, f"none of {java.OLDEST} to {java.NEWEST}: {reason}", "eventlab setup")
    chosen = f"Java {fit[0].major} ({fit[0].found_in}): {fit[0].home}"
    return Check("java", True, "; not fit: ".join([chosen, *passed_over]))


def checksums() -> Check:
    if wrong := jars.verify():
        return Check("jars", False, _few(wrong), "eventlab setup")
    return Check("jars", True, "every one there with the locked SHA-256")


def archived() -> Check:
    if lacking := [name for name in steps.ARCHIVED if not steps.archive(name).exists()]:
        detail = f"none for {', '.join(lacking)}: the stack runs, but takes longer to start"
        return Check("archives", False, detail, "eventlab setup")
    return Check("archives", True, "there for this Java and these jars: the stack starts fast")


def connector() -> Check:
    """Spark's Kafka source is compiled against one pyspark; another fails at the first read."""
    installed, locked = metadata.version("pyspark"), _locked("spark", "spark-sql-kafka-0-10_2.13")
    return _equal("spark and kafka", {"pyspark": installed, "its Kafka source": locked})


def hadoop() -> Check:
    """The NameNode's and DataNode's class path is pyspark's own Hadoop client and one more jar."""
    bundled = [
        match[1]
        for jar in (jars.pyspark_home() / "jars").glob("hadoop-client-api-*.jar")
        if (match := re.fullmatch(r"hadoop-client-api-(.+)\.jar", jar.name))
    ]
    locked = _locked("hdfs", "hadoop-client-minicluster")
    return _equal(
        "spark and hdfs", {"pyspark's hadoop-client": " and ".join(bundled) or "missing", "HDFS": locked}
    )


def kafka_tools() -> Check:
    broker, tools = _locked("kafka", "kafka_2.13"), _locked("kafka", "kafka-tools")
    return _equal("kafka and tools", {"broker": broker, "kafka-tools": tools}, "eventlab setup --relock")


def locks() -> Check:
    """Each jgo.lock.toml was made from the jgo.toml beside it."""
    from jgo.env import LockFile
    from jgo.env._lockfile import compute_spec_hash

    folders = [ROOT / "stack" / name for name in jars.ENVIRONMENTS]
    stale = [
        f"stack/{folder.name}"
        for folder in folders
        if LockFile.load(folder / "jgo.lock.toml").spec_hash != compute_spec_hash(folder / "jgo.toml")
    ]
    if stale:
        detail = f"jgo.toml was changed after jgo.lock.toml was made: {', '.join(stale)}"
        return Check("jar locks", False, detail, "eventlab setup --relock")
    return Check("jar locks", True, "in step with what stack/*/jgo.toml ask for")


VERSIONS = {
    "spark and kafka": connector,
    "spark and hdfs": hadoop,
    "kafka and tools": kafka_tools,
    "jar locks": locks,
}


def writable(settings: Settings) -> Check:
    """A file can be made in the state folder (or where it will be), and what is in it is ours to change."""
    folder = settings.state_dir.absolute()
    there = nearest_folder(folder)
    elsewhere = "export EVENTLAB_STATE_DIR=~/eventlab-state"
    if odd := [sign for sign in ODD_SIGNS if sign in str(folder)]:
        return Check("state folder", False, f"HDFS and Kafka stumble over the {odd[0]} in {folder}", elsewhere)
    if not there.is_dir():
        return Check("state folder", False, f"{there} is not a folder", elsewhere)
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        return Check("state folder", False, f"{there} cannot be written to: {error.strerror}", elsewhere)
    foreign = [path for path in _inside(folder) if not os.access(path, os.W_OK)]
    if foreign:
        detail = f"{foreign[0]} belongs to another user (a stack started with sudo?)"
        return Check("state folder", False, detail, f'sudo chown -R "$(id -u)" "{folder}"')
    return Check("state folder", True, str(folder))


def memory(settings: Settings) -> Check:
    """Enough for the whole stack; what its running services have is counted as there."""
    ours = sum(process.resident_bytes(own) for own in _own(settings))
    there = psutil.virtual_memory().available + ours
    detail = f"{_gibibytes(there)} available, {_gibibytes(MEMORY_NEEDED)} needed (Kafka and the API alone: half)"
    return Check("memory", there >= MEMORY_NEEDED, detail, "eventlab up kafka api")


def disk(settings: Settings) -> Check:
    """Enough for a course's events and files."""
    folder = nearest_folder(settings.state_dir.absolute())
    free = shutil.disk_usage(folder).free
    detail = f"{_gibibytes(free)} free at {folder}, {_gibibytes(DISK_NEEDED)} needed"
    return Check("disk", free >= DISK_NEEDED, detail, roomy() or "eventlab reset")


def roomy() -> str | None:
    """The command that moves the state folder to a disk of this machine with enough space; None without one."""
    mounted = [Path(each.mountpoint) for each in psutil.disk_partitions()]
    for folder in [Path.home(), *mounted]:
        if os.access(folder, os.W_OK) and folder.is_dir() and shutil.disk_usage(folder).free >= DISK_NEEDED:
            return f"export EVENTLAB_STATE_DIR={shlex.quote(str(folder / 'eventlab-state'))}"
    return None


def free_ports(settings: Settings) -> Check:
    """Every port of the stack is free, or held by the stack's own service."""
    ours = Stack(settings).listening_ports()
    own_count = 0
    taken = []
    for service in SERVICES.values():
        if service.is_external(settings):
            continue
        for port in service.port_numbers(settings):
            if port in ours:
                own_count += 1
            elif not ports.is_free(port):
                taken.append(f"{port} ({service.name}) is held by {ports.holder(port)}")
    if taken:
        return Check("ports", False, _few(taken), f"export EVENTLAB_PORT_OFFSET={free_offset(settings)}")
    return Check(
        "ports", True, f"{own_count} held by this stack's services, the others free" if own_count else "free"
    )


def _guarded(name: str, remedy: str, check: Callable[[], Check]) -> Check:
    """A check that breaks is a check that fails: the doctor never does."""
    try:
        found = check()
        return replace(found, remedy="") if found.ok else found
    except Exception as error:  # whatever is broken is what the doctor is asked about
        return Check(name, False, f"could not be checked: {type(error).__name__}: {error}", remedy)


def _equal(name: str, versions: dict[str, str], remedy: str = "make setup") -> Check:
    detail = ", ".join(f"{what} {version}" for what, version in versions.items())
    same = len(set(versions.values())) == 1
    return Check(name, same, detail if same else f"{detail}: must be equal", remedy)


def _locked(environment: str, artifact: str) -> str:
    """The artifact's version in the environment's lock file."""
    lock = tomllib.loads((ROOT / "stack" / environment / "jgo.lock.toml").read_text())
    return next((dep["version"] for dep in lock["dependencies"] if dep["artifactId"] == artifact), "missing")


def _own(settings: Settings) -> list[psutil.Process]:
    found = [process.find(settings, name) for name in SERVICES]
    return [one for one in found if one is not None]


def nearest_folder(path: Path) -> Path:
    """The path or its nearest parent that exists."""
    return next(one for one in [path, *path.parents] if one.exists())


def _inside(folder: Path) -> Iterator[Path]:
    """The folder's first two levels: enough to see who made them."""
    yield from folder.glob("*")
    yield from folder.glob("*/*")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _few(wrong: list[str]) -> str:
    more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    return "; ".join(wrong[:3]) + more


def _literally(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _gibibytes(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
