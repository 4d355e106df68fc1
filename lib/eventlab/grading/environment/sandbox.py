"""Sandbox policy: mounts, limits and user id of an untrusted process.

Three nested sandboxes, each a bubblewrap command that a pure function builds:

- a *worker*, which is trusted, in its own network namespace: all workers use the same ports, and nothing else
  reaches them;
- its *services* in two sandboxes: Kafka and HDFS, which never run a student's code, and Spark, whose workers run a
  student's Python functions;
- its *kernels* in a third one, each in its own process and mount namespaces (`inside/forked.py`).

Services and kernels do not see `labs/`, the grader's code, records or home folders. Without bubblewrap only
resource limits, another user (when run as root) and process groups are left, and every record says so.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eventlab.settings import ROOT, SETTINGS_FILE, Settings
from eventlab.stack import environment, java

INSIDE = Path(__file__).parents[1] / "inside"
INSIDE_AT = "/run/eventlab"
TMP = "tmp"
"""The folder in the state folder of services that they see as /tmp."""
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt/java")
ETC = (
    *("alternatives", "ca-certificates", "fonts", "hosts", "java*", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"),
    *("localtime", "mime.types", "nsswitch.conf", "ssl"),
)
BUBBLEWRAP = ("bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session")
FIRST_UID = 61_000
"""As root, the first worker's data services, Spark and kernels have this user id and the next two, and so on."""
TRIAL_TIMEOUT_S = 60
MIB = 1024 * 1024
LITTLE_ADDRESS_SPACE = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"}
"""Variables with which memory allocators and OpenMP reserve little address space, because that is limited."""
WARM_IMPORTS = (
    *("ipykernel.kernelapp", "ipykernel.debugger", "matplotlib.pyplot", "pandas", "pyarrow", "kafka"),
    *("pyspark.sql.connect.session", "pyspark.sql.connect.client.core"),
    *("pyspark.sql.functions", "pyspark.sql.types", "pyspark.sql.window"),
    *("eventlab.labs.student", "eventlab.settings"),
)


@dataclass(frozen=True)
class ProcessLimits:
    """What one submission may use.

    Attributes:
        memory_mib: Of its kernel with all that it starts, and again of its Python functions in Spark.
        processes: At the same time, also in Spark.
        file_mib: The largest file.
        scratch_mib: The files in the folders of its kernel, in memory.
        disk_mib: What Kafka, HDFS and Spark store for it.
        files: How many files they store for it.
        cpu_s: Processor time of each process.
    """

    memory_mib: int = 1024
    processes: int = 200
    file_mib: int = 128
    scratch_mib: int = 256
    disk_mib: int = 1024
    files: int = 20_000
    cpu_s: int = 3600

    def of_kernel(self) -> dict[str, int]:
        """Return the resource limits of each process of a kernel, without the address space."""
        return {
            "NPROC": self.processes,
            "FSIZE": self.file_mib * MIB,
            "CPU": self.cpu_s,
            "NOFILE": 1024,
            "CORE": 0,
            "MSGQUEUE": 0,
            "MEMLOCK": 0,
        }

    def of_services(self) -> dict[str, int]:
        """Return the resource limits of each service, which also bound a student's Python functions."""
        return {"NPROC": 1500, "FSIZE": 1024 * MIB, "CORE": 0, "MEMLOCK": 0}


@dataclass(frozen=True)
class SandboxSupport:
    """Which means of isolation this machine has."""

    bubblewrap: bool
    root: bool
    reason: str = ""
    changes_user: bool = False

    @property
    def described(self) -> str:
        """Return the isolation as a sentence for the record."""
        who = "another user without rights" if self.changes_user else "the same user without rights"
        if self.bubblewrap:
            return f"bubblewrap: own network, processes, files and stack, as {who}; limits on resources"
        return f"limits on resources, as {who}; no sandbox ({self.reason}): what this user can read is not hidden"


@functools.cache
def support() -> SandboxSupport:
    """Try once which isolation works: a sandbox in a network namespace with its own mounts."""
    root = os.geteuid() == 0
    bare = root and all(is_open_to_others(path) for path in shown())
    if shutil.which("bwrap") is None:
        return SandboxSupport(False, root, "bubblewrap is not installed", bare)
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); import rights as r; "
        "r.unshare(r.CLONE_NEWNS | r.CLONE_NEWPID); first = os.fork() or os._exit(0); "
        "r.enter(os.open(f'/proc/{first}/ns/pid', os.O_RDONLY)); "
        "r.mount('none', '/', flags=r.MS_REC | r.MS_PRIVATE); r.mount('none', '/tmp', 'tmpfs'); r.give_up(61000)"
    )
    inner = [*BUBBLEWRAP, "--cap-add", "ALL", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    try:
        tried = subprocess.run(
            [*of_worker([]), *inner, "--", sys.executable, "-I", "-c", script, str(INSIDE)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TRIAL_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return SandboxSupport(False, root, f"bubblewrap did not answer within {TRIAL_TIMEOUT_S} s", bare)
    if tried.returncode:
        return SandboxSupport(
            False, root, (tried.stderr.strip().splitlines() or ["bubblewrap failed"])[-1][:200], bare
        )
    return SandboxSupport(True, root, changes_user=root)


def is_open_to_others(path: Path) -> bool:
    """Return whether every user can reach the path, which is not so below root's home folder."""
    return all(folder.stat().st_mode & 0o001 for folder in path.parents)


def of_worker(command: Sequence[str]) -> list[str]:
    """Return the command that runs a worker in its own network namespace, with loopback only."""
    words = ["bwrap", "--dev-bind", "/", "/", "--unshare-net", "--die-with-parent"]
    if os.geteuid() == 0:
        words += ["--cap-add", "ALL"]
    return [*words, "--", *command]


def of_services(
    run: Path, state: Path, variables: Mapping[str, str], command: Sequence[str], root: bool
) -> list[str]:
    """Return the command that runs services in a sandbox that shows the kit and their state folder.

    Temporary files are on the disk, in the state folder, where they are counted and deleted with it.
    """
    tmp = ["--bind", str(state / TMP), "/tmp"]
    words = [*_visible(run, tmp), "--bind", str(state), str(state), "--dir", "/home/student", "--remount-ro", "/"]
    words += ["--tmpfs", "/dev/pts", "--remount-ro", "/dev/pts"]  # a read of a terminal never ends
    if root:
        words += [word for cap in ("SETUID", "SETGID", "SETPCAP") for word in ("--cap-add", f"CAP_{cap}")]
    return [*words, *_variables(variables), "--chdir", str(ROOT), "--", *command]


def of_kernels(run: Path, client: Path, variables: Mapping[str, str], command: Sequence[str]) -> list[str]:
    """Return the command of the kernels' sandbox: the kit without the grader, and empty folders."""
    kernels = run / "kernels"
    tmp = ["--perms", "1777", "--tmpfs", "/tmp"]
    words = [*_visible(run, tmp), "--ro-bind", str(client), str(client), "--bind", str(kernels), str(kernels)]
    for folder in ("/submission", "/kernel", "/before", "/scratch"):
        words += ["--dir", folder]
    words += ["--tmpfs", "/home/student"]  # caches of the imported packages; a kernel sees another folder
    words += ["--remount-ro", "/", "--cap-add", "ALL"]
    return [*words, *_variables(variables), "--chdir", "/", "--", *command]


def inside(script: str, configuration: Mapping[str, object], contained: bool) -> list[str]:
    """Return the command that runs a script of `inside/` in its sandbox."""
    folder = INSIDE_AT if contained else str(INSIDE)
    return [sys.executable, "-B", f"{folder}/{script}.py", json.dumps(configuration)]


def variables(settings: Settings) -> dict[str, str]:
    """Return the environment of services and kernels: of the instructor's variables only PATH."""
    return environment.variables(settings) | {
        **LITTLE_ADDRESS_SPACE,
        "EVENTLAB_STATE_DIR": str(settings.state_dir),
        SETTINGS_FILE: "",
        "HOME": "/home/student",
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # ipykernel's, for a preloaded matplotlib
        "EVENTLAB_WAITS": "long",
        "EVENTLAB_EXPLAIN": "off",  # nobody reads boxes here, and nothing is to be probed
    }


def uids(worker: int, changes_user: bool) -> tuple[int, int, int]:
    """Return the user ids of a worker's data services, Spark and kernels; 0 means the current user."""
    first = FIRST_UID + 3 * worker
    return (first, first + 1, first + 2) if changes_user else (0, 0, 0)


def write_accounts(run: Path, numbers: Sequence[int]) -> None:
    """Write the sandbox's passwd and group files: Java and getpass need a name for the user."""
    everybody = [number for number in numbers if number] or [os.getuid()]
    lines = [
        f"student{i or ''}:x:{number}:{number}::/home/student:/bin/sh\n" for i, number in enumerate(everybody)
    ]
    (run / "passwd").write_text("root:x:0:0::/root:/bin/sh\n" + "".join(lines))
    (run / "group").write_text(
        "root:x:0:\n" + "".join(f"student{i or ''}:x:{n}:\n" for i, n in enumerate(everybody))
    )


def shown() -> list[Path]:
    """Return the folders of the kit, Python and Java that the sandboxes show."""
    paths = [Path(sys.base_prefix), Path(sys.prefix), java.find().home, ROOT / ".jars", ROOT / "stack"]
    paths += [ROOT / "lib", ROOT / "game_api.py"]
    return [path for path in paths if path.exists() and not path.is_relative_to("/usr")]


def _visible(run: Path, tmp: Sequence[str]) -> list[str]:
    """Return the mounts of each sandbox: programs, Python, Java and the kit without the grader, read-only.

    Of Java's programs only `java` is visible: the others (`jcmd`, `jstack`) look into running JVMs.
    """
    words = [*BUBBLEWRAP, "--clearenv", *tmp]
    for folder in ("/etc", "/home", "/run"):
        words += ["--perms", "0755", "--dir", folder]
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), name]
        elif path.exists():
            words += ["--ro-bind", name, name]
    for path in [path for pattern in ETC for path in sorted(Path("/etc").glob(pattern))]:
        words += ["--ro-bind", str(path), str(path)]
    for name in ("passwd", "group"):
        words += ["--ro-bind", str(run / name), f"/etc/{name}"]
    outside = shown()
    for parent in sorted(
        {parent for path in [*outside, run / "any"] for parent in path.parents if str(parent) != "/"}
    ):
        words += ["--perms", "0755", "--dir", str(parent)]
    for path in outside:
        words += ["--ro-bind", str(path), str(path)]
    grading = str(Path(__file__).parents[1])
    words += [*_without_java_tools(), "--tmpfs", grading, "--remount-ro", grading]
    words += ["--ro-bind", str(INSIDE), INSIDE_AT, "--proc", "/proc", "--dev", "/dev"]
    # Unlike /dev/zero, /dev/full cannot be mapped as shared memory (`inside/rights.py`).
    return [*words, "--dev-bind", "/dev/full", "/dev/zero", "--remount-ro", "/dev"]


def _without_java_tools() -> list[str]:
    """Return the mounts that hide all programs of the installed Javas except the `java` of the kit."""
    used = java.find().home.resolve()
    words = []
    for home in sorted({path.resolve() for path in Path("/usr/lib/jvm").glob("*")} | {used}):
        if (home / "bin").is_dir():
            words += ["--tmpfs", str(home / "bin")]
            words += ["--ro-bind", str(home / "bin/java"), str(home / "bin/java")] if home == used else []
            words += ["--remount-ro", str(home / "bin")]
    return words


def _variables(variables: Mapping[str, str]) -> list[str]:
    return [word for name, value in variables.items() for word in ("--setenv", name, value)]
