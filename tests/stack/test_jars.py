"""The jars are the locked ones, byte by byte; what is missing or damaged is fetched again."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from jgo.maven import _core as maven

from eventlab.stack import jars
from tests.servers import file_server

needs_setup = pytest.mark.skipif(bool(jars.missing()), reason="the jars are not there yet: eventlab setup")
SMALL = "commons-pool2-2.13.1.jar"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A Maven repository on this machine with the very jars that `eventlab setup` fetched."""
    with file_server(jars.REPOSITORY) as address:
        monkeypatch.setattr(maven, "DEFAULT_REMOTE_REPOS", {"here": address})
        yield address


@pytest.fixture
def repository(registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one's own, to spoil: the jars by link, a small one as a copy."""
    copy = tmp_path / "jars"
    for jar in jars.REPOSITORY.rglob("*.jar"):
        target = copy / jar.relative_to(jars.REPOSITORY)
        target.parent.mkdir(parents=True, exist_ok=True)
        if jar.name == SMALL:
            shutil.copy(jar, target)
        else:
            target.symlink_to(jar)
    monkeypatch.setattr(jars, "REPOSITORY", copy)
    return copy


def the(name: str, repository: Path) -> Path:
    return next(repository.rglob(name))


def test_every_environment_has_jars_and_a_checksum_for_each():
    for environment in jars.ENVIRONMENTS:
        locked = jars._locked(environment)
        assert locked
        assert all(len(dep.sha256) == 64 for dep in locked), environment


def test_the_broker_and_the_spark_connector_have_their_own_kafka_clients():
    def clients(environment: str) -> list[str]:
        return [path.name for path in jars.class_path(environment) if path.name.startswith("kafka-clients")]

    assert len(clients("kafka")) == len(clients("spark")) == 1
    assert clients("kafka") != clients("spark")


def test_no_jar_is_twice_on_a_class_path_in_two_versions():
    for environment in jars.ENVIRONMENTS:
        names = [path.name for path in jars.class_path(environment)]
        assert len(names) == len(set(names)), environment


@needs_setup
def test_the_fetched_jars_are_the_locked_ones(repository: Path):
    assert jars.missing() == []
    assert jars.verify() == []


@needs_setup
def test_nothing_is_fetched_when_everything_is_there(repository: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(maven, "DEFAULT_REMOTE_REPOS", {"nowhere": "http://127.0.0.1:1"})

    assert jars.sync() == []


@needs_setup
def test_a_missing_jar_is_named_and_fetched_again(repository: Path):
    the(SMALL, repository).unlink()

    assert jars.missing() == [SMALL]
    assert SMALL.removesuffix(".jar").rpartition("-")[0] in jars.verify()[0]
    arrived: list[int] = []
    counts: list[tuple[int, int]] = []
    assert jars.sync(arrived.append, lambda done, total: counts.append((done, total))) == [SMALL]
    assert jars.verify() == []
    assert sum(arrived) == the(SMALL, repository).stat().st_size
    assert counts == [(counts[-1][1] - 1, counts[-1][1]), (counts[-1][1], counts[-1][1])]


@needs_setup
def test_a_damaged_jar_is_found_and_fetched_again(repository: Path):
    jar = the(SMALL, repository)
    whole = jar.read_bytes()
    jar.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    assert len(jars.verify()) == 1
    assert jars.missing() == []
    assert jars.sync() == [SMALL]
    assert jar.read_bytes() == whole


@needs_setup
def test_a_jar_with_other_bytes_than_the_locked_ones_is_refused(repository: Path, monkeypatch: pytest.MonkeyPatch):
    dep = next(dep for dep in jars._locked("spark") if dep.artifactId == "commons-pool2")
    monkeypatch.setattr(dep, "sha256", "0" * 64)

    with pytest.raises(jars.JarsError, match="does not have the locked SHA-256 and was removed"):
        jars.sync()
    assert jars.missing() == [SMALL]


@needs_setup
def test_without_a_network_the_jar_and_the_way_out_are_named(repository: Path, monkeypatch: pytest.MonkeyPatch):
    the(SMALL, repository).unlink()
    monkeypatch.setattr(maven, "DEFAULT_REMOTE_REPOS", {"nowhere": "http://127.0.0.1:1"})

    with pytest.raises(jars.JarsError, match=f"{SMALL} could not be downloaded"):
        jars.sync()
