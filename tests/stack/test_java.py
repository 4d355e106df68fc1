"""A suitable Java is found or downloaded, and an unsuitable one is refused."""

import functools
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import cjdk
import pytest

from eventlab.stack import java
from tests.servers import file_server
from tests.stack.conftest import make_java_home


@pytest.fixture(autouse=True)
def without_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set PATH to an empty folder, without JAVA_HOME and downloaded Java; return the folder."""
    on_path = tmp_path / "bin"
    on_path.mkdir()
    monkeypatch.setenv("PATH", str(on_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(java, "CACHE", tmp_path / "fetched")
    return on_path


def make_printing_java(home: Path, answer: str) -> Path:
    """Create a Java home without a `release` file, whose program always prints the same."""
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text(f"#!/bin/sh\necho '{answer}' >&2\n")
    (home / "bin" / "java").chmod(0o755)
    return home


def test_java_home_is_used_before_path(tmp_path: Path, without_java: Path, monkeypatch: pytest.MonkeyPatch):
    (without_java / "java").symlink_to(make_java_home(tmp_path / "on-path") / "bin" / "java")
    monkeypatch.setenv("JAVA_HOME", str(make_java_home(tmp_path / "named", "21.0.2")))

    assert java.find() == java.Java(tmp_path / "named", 21, "JAVA_HOME")


def test_the_home_of_a_linked_java_is_found(tmp_path: Path, without_java: Path):
    (without_java / "java").symlink_to(make_java_home(tmp_path / "jdk") / "bin" / "java")

    assert java.find() == java.Java((tmp_path / "jdk").resolve(), 17, "PATH")


def test_an_unsuitable_java_home_is_ignored_if_path_has_a_suitable_java(
    tmp_path: Path, without_java: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("JAVA_HOME", str(make_java_home(tmp_path / "old", "11.0.2")))
    (without_java / "java").symlink_to(make_java_home(tmp_path / "fit") / "bin" / "java")

    assert java.find().home == (tmp_path / "fit").resolve()


@pytest.mark.parametrize(
    ("version", "major"), [("17", 17), ("17.0.15", 17), ("21-ea", 21), ("25.0.1+8", 25), ("1.8.0_292", 8)]
)
def test_the_major_version_is_read_from_all_forms_of_versions(tmp_path: Path, version: str, major: int):
    assert java.inspect(make_java_home(tmp_path / "jdk", version), "here").major == major


@pytest.mark.programs
@pytest.mark.parametrize(
    ("answer", "major"),
    [
        (f'openjdk version "17.0.1" 2021-10-19 {java.NEEDED_MODULE}', 17),
        ('java version "1.8.0_292"', 8),
        ("java version unknown", 0),
    ],
)
def test_the_version_of_a_java_without_a_release_file_is_what_it_prints(tmp_path: Path, answer: str, major: int):
    assert java.inspect(make_printing_java(tmp_path / "jdk", answer), "here").major == major


@pytest.mark.parametrize(
    ("version", "modules", "reason"),
    [
        ("11.0.2", java.NEEDED_MODULE, "is Java 11, not 17 to"),
        ("99", java.NEEDED_MODULE, "is Java 99, not 17 to"),
        ("17.0.1", "java.base java.logging", "is a trimmed Java without the module jdk.incubator.vector"),
    ],
)
def test_an_unsuitable_java_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, modules: str, reason: str
):
    monkeypatch.setenv("JAVA_HOME", str(make_java_home(tmp_path / "jdk", version, modules)))

    with pytest.raises(java.JavaError, match=reason) as caught:
        java.find()
    assert "Next: eventlab setup" in str(caught.value)


def test_a_java_home_without_java_is_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    with pytest.raises(java.JavaError, match=r"JAVA_HOME .* has no bin/java"):
        java.find()


def test_a_machine_without_java_is_reported():
    with pytest.raises(java.JavaError, match="none was found"):
        java.find()


jlink = shutil.which("jlink")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a small Java runtime with the module that Spark needs from this machine's JDK."""
    if jlink is None:
        pytest.skip("this machine's Java has no jlink, which creates the runtime")
    home = tmp_path_factory.mktemp("jlink") / "jdk"
    modules = f"java.base,{java.NEEDED_MODULE}"
    done = subprocess.run([jlink, "--add-modules", modules, "--output", home], capture_output=True)
    if done.returncode:
        pytest.skip(f"jlink does not work here: {done.stdout.decode()}")
    return home


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve Java 17 as a vendor does; return the folder for jdk.tar.gz."""
    site = tmp_path / "site"
    site.mkdir()
    with file_server(site) as address:
        versions = {"jdk@zulu": {"17.0.1": f"tgz+{address}/jdk.tar.gz"}}
        systems = {system: dict.fromkeys(("amd64", "arm64"), versions) for system in ("linux", "darwin")}
        (site / "index.json").write_text(json.dumps(systems))
        monkeypatch.setenv("CJDK_INDEX_URL", f"{address}/index.json")
        loopback = functools.partial(cjdk.java_home, _allow_insecure_for_testing=True, progress=False)
        monkeypatch.setattr(cjdk, "java_home", loopback)  # cjdk's option for tests without HTTPS
        yield site


def offer(site: Path, home: Path) -> None:
    """Put a Java into the vendor's archive."""
    with tarfile.open(site / "jdk.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(home, "zulu17-jdk")


@pytest.mark.services
def test_a_machine_without_java_gets_a_downloaded_one_that_runs_and_is_in_the_folder_of_the_kit(
    runtime: Path, vendor: Path
):
    offer(vendor, runtime)

    fetched = java.find_or_fetch()

    assert (fetched.unfit, fetched.source) == (None, "downloaded by eventlab")
    listed = subprocess.run([fetched.executable, "--list-modules"], capture_output=True, text=True, check=True)
    assert java.NEEDED_MODULE in listed.stdout
    assert java.CACHE in fetched.home.parents
    assert java.find().home == fetched.home, "found without a network the next time"


def test_a_suitable_java_is_used_without_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JAVA_HOME", str(make_java_home(tmp_path / "jdk")))
    monkeypatch.setenv("CJDK_INDEX_URL", "https://127.0.0.1:1/index.json")

    assert java.find_or_fetch().source == "JAVA_HOME"
    assert not java.CACHE.exists()


@pytest.mark.services
def test_a_downloaded_java_without_modules_is_refused(tmp_path: Path, vendor: Path):
    offer(vendor, make_java_home(tmp_path / "trimmed", modules="java.base"))

    with pytest.raises(java.JavaError, match=r"the downloaded Java .* is a trimmed Java"):
        java.find_or_fetch()


def test_without_a_network_the_error_names_the_next_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CJDK_INDEX_URL", "https://127.0.0.1:1/index.json")

    with pytest.raises(java.JavaError, match="could not be downloaded") as caught:
        java.find_or_fetch()
    assert "set JAVA_HOME to one\nNext: eventlab setup" in str(caught.value)


@pytest.mark.services
def test_a_damaged_download_is_reported_and_can_be_repeated(tmp_path: Path, vendor: Path):
    (vendor / "jdk.tar.gz").write_bytes(os.urandom(1000))
    with pytest.raises(java.JavaError, match="could not be downloaded"):
        java.find_or_fetch()

    offer(vendor, make_java_home(tmp_path / "jdk"))

    assert java.find_or_fetch().unfit is None
