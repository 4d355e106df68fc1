"""Start-up archives: each build of Java and each class path has its own."""

from pathlib import Path

from eventlab.stack import archives
from eventlab.stack.java import Java


def test_an_update_of_java_in_the_same_folder_needs_new_archives(tmp_path: Path) -> None:
    java = Java(tmp_path, 17, "JAVA_HOME")
    (tmp_path / "release").write_text('JAVA_VERSION="17.0.15"\n')
    before = archives.path(java, "spark", [])

    (tmp_path / "release").write_text('JAVA_VERSION="17.0.21"\n')

    assert archives.path(java, "spark", []) != before


def test_a_java_without_a_release_file_has_the_archives_of_its_major_version(tmp_path: Path) -> None:
    assert archives.path(Java(tmp_path, 17, "PATH"), "spark", []) != archives.path(
        Java(tmp_path, 21, "PATH"), "spark", []
    )
