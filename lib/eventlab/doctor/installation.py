"""Checks of what is installed: Python and its packages, Java, the jars, the archives, and that versions fit."""

import shlex
import shutil
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from eventlab.doctor.result import HealthCheck, result_of
from eventlab.settings import ROOT, Settings, SettingsError
from eventlab.stack import jars, java
from eventlab.stack.installation import missing_archives

OLDEST_PYTHON = (3, 11)


def valid_settings(settings: Settings) -> HealthCheck:
    """Check that all settings in the environment and in the settings file can be used."""
    try:
        return HealthCheck("settings", True, f"{len(settings.model_dump())} are valid")
    except SettingsError as error:
        return HealthCheck("settings", False, error.message.partition("\n")[2], error.next_command)


def python() -> HealthCheck:
    """Check that Python is new enough, and show whether it is the kit's own environment."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return HealthCheck("python", False, f"{version} is older than {oldest}", "make setup PYTHON=python3.12")
    is_kit_python = Path(sys.prefix).resolve() == (ROOT / ".venv").resolve()
    place = "the kit’s own .venv" if is_kit_python else f"not the kit’s own .venv: {sys.prefix}"
    return HealthCheck("python", True, f"{version}, {place}")


def packages() -> HealthCheck:
    """Check that pyproject.toml, uv.lock and the installed packages agree."""
    locked = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = {canonicalize_name(line.name): line.specifier for line in map(Requirement, project["dependencies"])}
    kit = next(package for package in locked if package["name"] == "eventlab")
    entries = kit["metadata"]["requires-dist"]
    if required != {entry["name"]: SpecifierSet(entry.get("specifier", "")) for entry in entries}:
        uv = "uv" if shutil.which("uv") else shlex.quote(str(ROOT / ".uv" / "bin" / "uv"))
        return HealthCheck("packages", False, "uv.lock does not match pyproject.toml", f"{uv} lock")
    versions: dict[str, set[str]] = {}
    for package in locked:
        versions.setdefault(package["name"], set()).add(package.get("version", ""))
    headers = [dist.metadata for dist in metadata.distributions()]  # each of dist's properties would parse them
    installed: dict[str, str] = {}
    for of in headers:  # the first one in the path is the one that Python imports
        if of["Name"]:
            installed.setdefault(canonicalize_name(of["Name"]), of["Version"])
    problems = [f"{name} is not installed" for name in required if name not in installed]
    problems += [
        f"{name} is {version}, not {' or '.join(sorted(versions[name]))}"
        for name, version in sorted(installed.items())
        if name in versions and name != "eventlab" and version not in versions[name]
    ]
    detail = f"{len(installed.keys() & versions.keys())} installed as in uv.lock"
    return result_of("packages", problems, "make setup", detail)


def java_runtime() -> HealthCheck:
    """Check that there is a suitable Java; show the one that the services use, and the unsuitable ones."""
    runtimes = list(java.candidates())
    unfit = [f"{other.source} ({other.home}) {other.unfit}" for other in runtimes if other.unfit]
    fit = [runtime for runtime in runtimes if runtime.unfit is None]
    if not fit:
        reason = "; ".join(unfit) or "there is none"
        return HealthCheck("java", False, f"needs {java.OLDEST} to {java.NEWEST}: {reason}", "eventlab setup")
    used = f"Java {fit[0].major} ({fit[0].source}): {fit[0].home}"
    return HealthCheck("java", True, "; unsuitable: ".join([used, *unfit]))


def checksums() -> HealthCheck:
    """Check that each locked jar exists and has its SHA-256."""
    return result_of("jars", jars.verify(), "eventlab setup", "all exist and have the locked SHA-256")


def startup_archives() -> HealthCheck:
    """Check that each service has an archive for this Java and these jars."""
    if missing := missing_archives():
        detail = f"missing for {', '.join(missing)}: the stack works, but starts more slowly"
        return HealthCheck("archives", False, detail, "eventlab setup")
    return HealthCheck("archives", True, "exist for this Java and these jars: the stack starts fast")


def connector() -> HealthCheck:
    """Check Spark's Kafka source: it works only with the pyspark for which it was compiled."""
    installed, locked = metadata.version("pyspark"), _locked_version("spark", "spark-sql-kafka-0-10_2.13")
    return _compare("spark and kafka", {"pyspark": installed, "its Kafka source": locked})


def hadoop() -> HealthCheck:
    """Check HDFS: its class path consists of pyspark's own Hadoop client and one more jar."""
    clients = (jars.pyspark_home() / "jars").glob("hadoop-client-api-*.jar")
    client = " and ".join(jar.stem.removeprefix("hadoop-client-api-") for jar in clients) or "missing"
    locked = _locked_version("hdfs", "hadoop-client-minicluster")
    return _compare("spark and hdfs", {"pyspark's hadoop-client": client, "HDFS": locked})


def kafka_tools() -> HealthCheck:
    """Check that Kafka's command line tools have the broker's version."""
    broker, tools = _locked_version("kafka", "kafka_2.13"), _locked_version("kafka", "kafka-tools")
    return _compare("kafka and tools", {"broker": broker, "kafka-tools": tools}, "eventlab setup --relock")


def locks() -> HealthCheck:
    """Check that each jgo.lock.toml matches the jgo.toml in the same folder."""
    from jgo.env import LockFile
    from jgo.env._lockfile import compute_spec_hash

    problems = [
        f"stack/{folder.name}/jgo.toml was changed after jgo.lock.toml was written"
        for folder in (ROOT / "stack" / name for name in jars.ENVIRONMENTS)
        if LockFile.load(folder / "jgo.lock.toml").spec_hash != compute_spec_hash(folder / "jgo.toml")
    ]
    return result_of("jar locks", problems, "eventlab setup --relock", "match the current stack/*/jgo.toml")


def _compare(name: str, versions: dict[str, str], remedy: str = "make setup") -> HealthCheck:
    detail = ", ".join(f"{program} {version}" for program, version in versions.items())
    equal = len(set(versions.values())) == 1
    return HealthCheck(name, equal, detail if equal else f"{detail}: must be equal", remedy)


def _locked_version(environment: str, artifact: str) -> str:
    """Return an artifact's version in the lock file of an environment."""
    lock = tomllib.loads((ROOT / "stack" / environment / "jgo.lock.toml").read_text())
    return next((dep["version"] for dep in lock["dependencies"] if dep["artifactId"] == artifact), "missing")
