"""Checks that versions which must be equal are equal."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

from eventlab.doctor.result import CheckResult
from eventlab.settings import ROOT
from eventlab.stack import jars


def connector() -> CheckResult:
    """Check Spark's Kafka source: it works only with the pyspark for which it was compiled."""
    installed, locked = metadata.version("pyspark"), _locked_version("spark", "spark-sql-kafka-0-10_2.13")
    return _compare("spark and kafka", {"pyspark": installed, "its Kafka source": locked})


def hadoop() -> CheckResult:
    """Check HDFS: its class path consists of pyspark's own Hadoop client and one more jar."""
    bundled = [
        match[1]
        for jar in (jars.pyspark_home() / "jars").glob("hadoop-client-api-*.jar")
        if (match := re.fullmatch(r"hadoop-client-api-(.+)\.jar", jar.name))
    ]
    client = " and ".join(bundled) or "missing"
    locked = _locked_version("hdfs", "hadoop-client-minicluster")
    return _compare("spark and hdfs", {"pyspark's hadoop-client": client, "HDFS": locked})


def kafka_tools() -> CheckResult:
    """Check that Kafka's command line tools have the broker's version."""
    broker, tools = _locked_version("kafka", "kafka_2.13"), _locked_version("kafka", "kafka-tools")
    return _compare("kafka and tools", {"broker": broker, "kafka-tools": tools}, "eventlab setup --relock")


def locks() -> CheckResult:
    """Check that each jgo.lock.toml was made from the jgo.toml in the same folder."""
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
        return CheckResult("jar locks", False, detail, "eventlab setup --relock")
    return CheckResult("jar locks", True, "made from the present stack/*/jgo.toml")


def _compare(name: str, versions: dict[str, str], remedy: str = "make setup") -> CheckResult:
    detail = ", ".join(f"{program} {version}" for program, version in versions.items())
    equal = len(set(versions.values())) == 1
    return CheckResult(name, equal, detail if equal else f"{detail}: must be equal", remedy)


def _locked_version(environment: str, artifact: str) -> str:
    """Return an artifact's version in the lock file of an environment."""
    lock = tomllib.loads((ROOT / "stack" / environment / "jgo.lock.toml").read_text())
    return next((dep["version"] for dep in lock["dependencies"] if dep["artifactId"] == artifact), "missing")
