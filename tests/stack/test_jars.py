"""The jars match the lock; missing and damaged ones are downloaded again."""

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlab.stack import jars
from tests.servers import file_server

REMOTE_REPOSITORIES = "jgo.maven._core.DEFAULT_REMOTE_REPOS"
needs_setup = pytest.mark.skipif(bool(jars.missing()), reason="the jars are missing: eventlab setup")
SMALL = "commons-pool2-2.13.1.jar"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the jars that `eventlab setup` has downloaded as a Maven repository."""
    with file_server(jars.REPOSITORY) as address:
        monkeypatch.setattr(REMOTE_REPOSITORIES, {"here": address})
        yield address


@pytest.fixture
def repository(registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a repository that a test can damage: links to the jars, and a copy of a small one."""
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


def find(name: str, repository: Path) -> Path:
    """Return the path of a jar."""
    return next(repository.rglob(name))


def test_all_environments_have_jars_with_checksums():
    for environment in jars.ENVIRONMENTS:
        locked = jars._locked(environment)
        assert locked
        assert all(len(dep.sha256) == 64 for dep in locked), environment


def test_the_broker_and_the_spark_connector_have_different_kafka_clients():
    def clients(environment: str) -> list[str]:
        return [path.name for path in jars.class_path(environment) if path.name.startswith("kafka-clients")]

    assert len(clients("kafka")) == len(clients("spark")) == 1
    assert clients("kafka") != clients("spark")


@needs_setup
def test_the_nodes_of_hdfs_find_what_they_search_in_a_small_jar_only():
    first, *others = jars.class_path("hdfs")
    everything = jars._large_jars()[1]

    with zipfile.ZipFile(first) as small, zipfile.ZipFile(everything) as large:
        pages = {name: large.read(name) for name in large.namelist() if name.startswith("webapps/")}
        assert {name: small.read(name) for name in small.namelist() if name in pages} == pages
        assert {*jars.WEBHDFS_FOLDERS} <= {*small.namelist()}
        assert len(first.read_bytes()) < len(everything.read_bytes()) / 20
    assert "webapps/hdfs/dfshealth.js" in pages
    for jar in others:
        with zipfile.ZipFile(jar) as other:
            assert not {*jars.WEBHDFS_FOLDERS} & {*other.namelist()}, jar


@needs_setup
@pytest.mark.parametrize("number", [0, 1])
def test_a_large_jar_of_hdfs_is_used_as_it_is_except_the_folders_of_webhdfs(number: int):
    source = jars._large_jars()[number]
    copy = next(jar for jar in jars.class_path("hdfs") if jar.name == source.name)

    assert copy != source
    with zipfile.ZipFile(source) as original, zipfile.ZipFile(copy) as copied:
        entries = {entry.filename: entry.CRC for entry in original.infolist()}
        assert {entry.filename: entry.CRC for entry in copied.infolist()} == {
            name: crc for name, crc in entries.items() if name not in jars.WEBHDFS_FOLDERS
        }
        assert copy.read_bytes()[: copied.start_dir] == source.read_bytes()[: original.start_dir]


def test_no_jar_is_on_a_class_path_twice():
    for environment in jars.ENVIRONMENTS:
        names = [path.name for path in jars.class_path(environment)]
        assert len(names) == len(set(names)), environment


@needs_setup
def test_the_downloaded_jars_match_the_lock(repository: Path):
    assert jars.missing() == []
    assert jars.verify() == []


@needs_setup
def test_a_download_of_another_jar_keeps_the_copies_that_the_archives_remember(repository: Path):
    kept = [path.stat().st_mtime_ns for path in jars._own_jars()]
    find(SMALL, repository).unlink()

    jars.sync()

    assert jars.web_jar().parent == repository
    assert [path.stat().st_mtime_ns for path in jars._own_jars()] == kept


@needs_setup
@pytest.mark.parametrize(("number", "damage"), [(0, "truncated"), (0, "other content"), (1, "a changed byte")])
def test_a_damaged_copy_from_a_large_jar_is_found_and_written_again(repository: Path, number: int, damage: str):
    copy = jars._own_jars()[number]
    content = copy.read_bytes()
    copy.unlink()
    if damage == "truncated":
        copy.write_bytes(content[: len(content) // 2])
    elif damage == "a changed byte":
        copy.write_bytes(content[:1000] + bytes([content[1000] ^ 1]) + content[1001:])
    else:
        with zipfile.ZipFile(copy, "w") as other:
            other.writestr("webapps/hdfs/dfshealth.js", "of another version")

    assert jars.verify() == [f"{copy.name} is damaged"]
    assert jars.sync() == []
    assert jars.verify() == []


@needs_setup
def test_complete_jars_are_not_downloaded_again(repository: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(REMOTE_REPOSITORIES, {"nowhere": "http://127.0.0.1:1"})

    assert jars.sync() == []


@needs_setup
def test_a_missing_jar_is_named_and_downloaded_again(repository: Path):
    find(SMALL, repository).unlink()

    assert jars.missing() == [SMALL]
    assert SMALL.removesuffix(".jar").rpartition("-")[0] in jars.verify()[0]
    received: list[int] = []
    counts: list[tuple[int, int]] = []
    assert jars.sync(received.append, lambda done, total: counts.append((done, total))) == [SMALL]
    assert jars.verify() == []
    assert sum(received) == find(SMALL, repository).stat().st_size
    assert counts == [(counts[-1][1] - 1, counts[-1][1]), (counts[-1][1], counts[-1][1])]


@needs_setup
def test_a_damaged_jar_is_downloaded_again(repository: Path):
    jar = find(SMALL, repository)
    content = jar.read_bytes()
    jar.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    assert len(jars.verify()) == 1
    assert jars.missing() == []
    assert jars.sync() == [SMALL]
    assert jar.read_bytes() == content


@needs_setup
def test_a_downloaded_jar_with_another_checksum_is_refused(repository: Path, monkeypatch: pytest.MonkeyPatch):
    dep = next(dep for dep in jars._locked("spark") if dep.artifactId == "commons-pool2")
    monkeypatch.setattr(dep, "sha256", "0" * 64)

    with pytest.raises(jars.JarsError, match="does not have the locked SHA-256 and was removed"):
        jars.sync()
    assert jars.missing() == [SMALL]


@needs_setup
def test_without_a_network_the_missing_jar_is_named(repository: Path, monkeypatch: pytest.MonkeyPatch):
    find(SMALL, repository).unlink()
    monkeypatch.setattr(REMOTE_REPOSITORIES, {"nowhere": "http://127.0.0.1:1"})

    with pytest.raises(jars.JarsError, match=f"{SMALL} could not be downloaded"):
        jars.sync()
