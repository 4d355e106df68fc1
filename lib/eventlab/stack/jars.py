"""The jars of Kafka, HDFS and Spark's Kafka source: locked with checksums, downloaded once from Maven Central.

Each environment is a folder of `stack/` with a `jgo.toml` (the requirements) and a `jgo.lock.toml` (the jars
with their SHA-256). They are separate because the broker and Spark's connector need different kafka-clients.
`sync` downloads the locked jars, so that all machines have the same files; `lock` updates a lock file.
"""

import functools
import hashlib
import io
import logging
import re
import threading
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from importlib.metadata import distribution
from pathlib import Path
from types import SimpleNamespace

from eventlab import ROOT
from eventlab.errors import EventlabError
from eventlab.files import write_atomically

logger = logging.getLogger(__name__)

ENVIRONMENTS = ("kafka", "hdfs", "spark")
REPOSITORY = ROOT / ".jars"
HDFS_JARS = ("hadoop-client-", "slf4j-api", "log4j-", "commons-logging", "jcl-over-slf4j")
"""The beginnings of the names of pyspark's jars that HDFS needs."""
LARGE_JARS = ("hadoop-client-api-", "hadoop-client-minicluster-")
"""The beginnings of the names of the jars that contain HDFS."""
WEBHDFS_FOLDERS = (
    "org/apache/hadoop/hdfs/server/namenode/web/resources/",
    "org/apache/hadoop/hdfs/web/resources/",
)
WEB_PARTS = ("webapps/", *WEBHDFS_FOLDERS)
"""The beginnings of the names of what HDFS's nodes search in a jar."""

Advance = Callable[[int], None]
"""Called with the number of bytes that were received since the last call."""
CountJars = Callable[[int, int], None]
"""Called with the number of jars that match the lock files, and the number of all jars."""


class JarsError(EventlabError):
    """Jars could not be downloaded, or do not match the lock files."""


def pyspark_home() -> Path:
    """Return the folder of pyspark without importing it, which takes a second."""
    return Path(str(distribution("pyspark").locate_file("pyspark")))


def class_path(environment: str) -> list[Path]:
    """Return the jars of an environment; `hdfs` and `spark` also use jars that pyspark contains.

    The order is always the same, because a class-data-sharing archive depends on it.
    """
    jars = sorted(_path(dep) for dep in _locked(environment))
    if environment != "kafka":
        bundled = sorted((pyspark_home() / "jars").glob("*.jar"))
        jars += [jar for jar in bundled if environment == "spark" or jar.name.startswith(HDFS_JARS)]
    return [web_jar(), *map(_path_for_hdfs, jars)] if environment == "hdfs" else jars


def web_jar() -> Path:
    """Return the jar with the web pages of HDFS's nodes and the classes of WebHDFS, a copy from the large jars.

    At its start a node unpacks the whole jar in which it finds its pages. The NameNode also unpacks each jar that
    has an entry for a folder of WebHDFS, once for each of these folders. With this small jar first on the class
    path, and without the folders in the large ones, the nodes need half a second less, and the NameNode two.
    """
    return REPOSITORY / "hdfs-web.jar"


def _path_for_hdfs(jar: Path) -> Path:
    """Return where HDFS reads a jar: a large one from its copy without the entries of WEBHDFS_FOLDERS."""
    return REPOSITORY / "hdfs" / jar.name if jar.name.startswith(LARGE_JARS) else jar


def _large_jars() -> list[Path]:
    bundled = sorted((pyspark_home() / "jars").glob(f"{LARGE_JARS[0]}*.jar"))
    return [*bundled, *(path for path in map(_path, _locked("hdfs")) if path.name.startswith(LARGE_JARS))]


def _own_jars() -> list[Path]:
    """Return the paths of the jars that `sync` makes from others."""
    return [web_jar(), *map(_path_for_hdfs, _large_jars())]


def missing() -> list[str]:
    """Return the names of the jars that do not exist; this takes milliseconds."""
    return [path.name for path in [*map(_path, _all_locked()), *_own_jars()] if not path.exists()]


def verify() -> list[str]:
    """Return one sentence for each jar that is missing or damaged: another SHA-256, or a copy that differs."""
    damaged = [_path(dep) for dep in _all_locked() if not _is_intact(dep)]
    if not damaged:
        damaged = [path for path in _own_jars() if not _is_copy(path)]
    return [f"{path.name} {'is damaged' if path.exists() else 'is missing'}" for path in damaged]


def sync(advance: Advance = lambda count: None, count_jars: CountJars = lambda done, total: None) -> list[str]:
    """Download the missing and damaged jars in parallel and return their names.

    Raises:
        JarsError: A jar could not be downloaded or does not have the locked SHA-256; the other jars are kept.
    """
    locked = _all_locked()
    outdated = [dep for dep in locked if not _is_intact(dep)]
    intact = len(locked) - len(outdated)
    count_jars(intact, len(locked))
    context = _maven(advance)
    with ThreadPoolExecutor(max_workers=6) as pool:
        for fetched, _ in enumerate(pool.map(lambda dep: _fetch(context, dep), outdated), start=1):
            count_jars(intact + fetched, len(locked))
    # A newer file would make the start-up archives unusable, because they contain the times of the jars.
    for path in _own_jars():
        if not _is_copy(path):
            write_atomically(path, _web_jar_content() if path == web_jar() else b"".join(_pieces(path)))
    return [_path(dep).name for dep in outdated]


def _is_copy(path: Path) -> bool:
    """Return whether a jar has the content that `sync` writes, compressed by any version of zlib."""
    try:
        if path == web_jar():
            with zipfile.ZipFile(path) as jar:
                return _contents(jar) == _web_parts()
        with path.open("rb") as copy:
            return all(copy.read(len(piece)) == piece for piece in _pieces(path)) and not copy.read(1)
    except (OSError, zipfile.BadZipFile, zlib.error):
        return False


def _web_jar_content() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as target:
        for name, part in _web_parts().items():
            target.writestr(zipfile.ZipInfo(name), part, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def _pieces(path: Path) -> Iterator[bytes]:
    """Yield the content of a large jar's copy: what is before the list of entries, and another list."""
    (source,) = (jar for jar in _large_jars() if jar.name == path.name)
    _, start, entries = _read_large_jar(*_version(source))
    with source.open("rb") as original:
        while piece := original.read(min(2**20, start - original.tell())):
            yield piece
    yield entries


def _web_parts() -> dict[str, bytes]:
    return {name: part for jar in _large_jars() for name, part in _read_large_jar(*_version(jar))[0].items()}


@functools.lru_cache(maxsize=2)
def _read_large_jar(jar: Path, *version: int) -> tuple[dict[str, bytes], int, bytes]:
    """Return what belongs in `web_jar`, where the list of entries starts, and the list of the jar's copy.

    There are up to 31,000 entries, so they are read once for each version of the jar.
    """
    content = io.BytesIO(jar.read_bytes())
    with zipfile.ZipFile(content, "a") as copy:
        parts, start = _contents(copy), copy.start_dir
        copy.filelist = [entry for entry in copy.filelist if entry.filename not in WEBHDFS_FOLDERS]
        copy.comment = b"without the folders of WebHDFS"  # with a change, the list of entries is written
    return parts, start, content.getvalue()[start:]


def _version(jar: Path) -> tuple[Path, int, int, int]:
    """Return the file of a jar, and what differs when the file is another one."""
    file = jar.resolve()
    status = file.stat()
    return file, status.st_ino, status.st_size, status.st_ctime_ns


def _contents(jar: zipfile.ZipFile) -> dict[str, bytes]:
    """Return the entries of a jar that belong in `web_jar`."""
    return {name: jar.read(name) for name in jar.namelist() if name.startswith(WEB_PARTS)}


def lock(environment: str) -> int:
    """Resolve `jgo.toml`, write `jgo.lock.toml`, and return the number of locked jars."""
    from jgo.env import EnvironmentBuilder, EnvironmentSpec, LockFile
    from jgo.env._lockfile import compute_spec_hash

    spec_file = ROOT / "stack" / environment / "jgo.toml"
    spec = EnvironmentSpec.load(spec_file)
    context = _maven()
    inputs, transitive = context.resolver.resolve(EnvironmentBuilder(context).spec_to_dependencies(spec))
    dependencies = [dep for dep in inputs + transitive if dep.scope not in ("test", "provided")]
    if environment != "kafka":
        bundled = {re.sub(r"-\d.*$", "", jar.stem) for jar in (pyspark_home() / "jars").glob("*.jar")}
        dependencies = [dep for dep in dependencies if dep.artifactId not in bundled]
    spec_hash = compute_spec_hash(spec_file)
    locked = LockFile.from_resolved_dependencies(dependencies, spec.name, spec.java_version, spec_hash=spec_hash)
    locked.save(_lock_file(environment))
    _locked.cache_clear()
    return len(dependencies)


@functools.cache
def _locked(environment: str) -> list:
    """Read a lock file without jgo, because its import takes longer than a run of a Kafka tool."""
    return [SimpleNamespace(**dep) for dep in tomllib.loads(_lock_file(environment).read_text())["dependencies"]]


def _all_locked() -> list:
    return [dep for environment in ENVIRONMENTS for dep in _locked(environment)]


def _lock_file(environment: str) -> Path:
    return ROOT / "stack" / environment / "jgo.lock.toml"


def _path(dep) -> Path:
    folder = REPOSITORY / dep.groupId.replace(".", "/") / dep.artifactId / dep.version
    return folder / f"{dep.artifactId}-{dep.version}.{dep.packaging}"


def _is_intact(dep) -> bool:
    try:
        return _sha256(*_version(_path(dep))) == dep.sha256
    except FileNotFoundError:
        return False


@functools.lru_cache(maxsize=256)
def _sha256(jar: Path, *version: int) -> str:
    with jar.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _fetch(context, dep) -> None:
    path = _path(dep)
    path.unlink(missing_ok=True)
    component = context.project(dep.groupId, dep.artifactId).at_version(dep.version)
    try:
        component.artifact(packaging=dep.packaging).resolve()
    except (OSError, RuntimeError) as error:
        path.unlink(missing_ok=True)
        raise JarsError(f"{path.name} could not be downloaded: {error}", next_command="eventlab setup") from error
    if not _is_intact(dep):
        path.unlink(missing_ok=True)
        message = f"{path.name} does not have the locked SHA-256 and was removed"
        raise JarsError(message, next_command="eventlab setup")
    logger.info("downloaded %s", path.name)


def _maven(advance: Advance = lambda count: None):
    from jgo.maven import MavenContext, PythonResolver

    lock = threading.Lock()

    def add(count: int) -> None:
        with lock:
            advance(count)

    resolver = PythonResolver(progress_callback=lambda name, size: nullcontext(add))
    return MavenContext(resolver=resolver, repo_cache=REPOSITORY, timeout=30)
