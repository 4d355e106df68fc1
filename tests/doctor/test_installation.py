"""Checks of the installation: Python, packages, Java, jars and locks."""

import shutil
import sys
from pathlib import Path

import pytest

from eventlab.doctor import installation
from eventlab.stack import archives, formatted, jars, java
from eventlab.stack.installation import missing_archives


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text in a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_this_python_is_suitable():
    check = installation.python()

    assert check.ok
    assert check.detail.startswith(".".join(map(str, sys.version_info[:3])))


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(installation, "OLDEST_PYTHON", (3, 99))

    check = installation.python()

    assert not check.ok
    assert "older than 3.99" in check.detail


def test_the_installed_packages_are_the_locked_ones():
    assert installation.packages().ok, installation.packages().detail


def test_another_version_further_down_the_path_is_not_the_one_that_python_imports(tmp_path, monkeypatch):
    """A program that imports setuptools gets its folder of old packages at the end of the path."""
    folder = tmp_path / "tomli-2.4.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: tomli\nVersion: 2.4.0\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])

    assert installation.packages().ok, installation.packages().detail


def test_a_package_of_another_version_than_the_locked_one_is_named(kit: Path):
    edit(kit / "uv.lock", 'name = "gevent"\nversion = "', 'name = "gevent"\nversion = "0.')

    check = installation.packages()

    assert not check.ok
    assert "gevent is " in check.detail
    assert check.remedy == "make setup"


def test_a_lock_that_is_older_than_the_project_file_fails(kit: Path):
    edit(kit / "pyproject.toml", '"flask>=3.1,<4"', '"flask>=3.0,<4"')

    check = installation.packages()

    assert (check.ok, check.remedy) == (False, f"{'uv' if shutil.which('uv') else kit / '.uv/bin/uv'} lock")


def test_a_machine_without_java_gets_the_command_that_installs_one(bare_path: Path):
    check = installation.java_runtime()

    assert not check.ok
    assert "there is none" in check.detail
    assert check.remedy == "eventlab setup"


@pytest.mark.programs
def test_an_unsuitable_java_is_listed_with_the_reason(bare_path: Path):
    (bare_path / "java").write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    (bare_path / "java").chmod(0o755)

    check = installation.java_runtime()

    assert not check.ok
    assert "PATH" in check.detail
    assert "is Java 11, not 17 to" in check.detail


def test_missing_jars_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jars, "REPOSITORY", tmp_path)

    check = installation.checksums()

    assert not check.ok
    assert "more" in check.detail
    assert check.remedy == "eventlab setup"


@pytest.mark.services
def test_missing_archives_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archives, "FOLDER", tmp_path)

    check = installation.startup_archives()

    assert not check.ok
    assert "kafka" in check.detail


def test_a_missing_formatted_folder_is_missing_for_its_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(java, "find", lambda: None)
    monkeypatch.setattr(archives, "path", lambda java, service, class_path: tmp_path / f"{service}.jsa")
    for service in ("kafka", "namenode", "datanode", "spark"):
        (tmp_path / f"{service}.jsa").touch()
    formatted.path("hdfs").touch()

    assert missing_archives() == ["kafka"]

    formatted.path("kafka").touch()
    assert missing_archives() == []


@pytest.mark.parametrize(
    ("check", "file", "old", "new"),
    [
        (installation.connector, "spark/jgo.lock.toml", 'version = "4.2.0"', 'version = "4.1.0"'),
        (installation.hadoop, "hdfs/jgo.lock.toml", 'version = "3.5.0"', 'version = "3.4.1"'),
        (
            installation.kafka_tools,
            "kafka/jgo.lock.toml",
            'artifactId = "kafka-tools"\nversion = "',
            'artifactId = "kafka-tools"\nversion = "1',
        ),
    ],
)
def test_different_versions_that_must_be_equal_are_named(kit: Path, check, file: str, old: str, new: str):
    assert check().ok

    edit(kit / "stack" / file, old, new)

    assert not check().ok
    assert "must be equal" in check().detail


def test_a_jgo_toml_that_differs_from_its_lock_fails(kit: Path):
    assert installation.locks().ok

    edit(kit / "stack" / "spark" / "jgo.toml", "4.2.0!", "4.1.0!")

    assert not installation.locks().ok
    assert "stack/spark" in installation.locks().detail
    assert installation.locks().remedy == "eventlab setup --relock"
