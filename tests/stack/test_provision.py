"""A data folder is formatted once, also after an attempt that failed."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from eventlab.errors import StackError
from eventlab.settings import ROOT, OwnSettings
from eventlab.stack import config, formatted, process, provision, startup
from eventlab.stack.services import Service
from tests.helpers import create_deep_folders, wait_until


@pytest.fixture
def settings(tmp_path: Path) -> OwnSettings:
    """Return settings of a stack that was never started."""
    return OwnSettings(state_dir=tmp_path / "state")


@pytest.mark.programs
def test_a_folder_is_formatted_once(settings: OwnSettings, tmp_path: Path):
    for _ in range(2):
        provision.format_once(settings, "kafka", lambda _: ["sh", "-c", f"echo formatted >> {tmp_path}/log"])

    assert (tmp_path / "log").read_text() == "formatted\n"
    assert process.read_record(settings, "format-kafka") is None


@pytest.mark.programs
def test_what_is_too_deep_for_recursion_in_a_services_temporary_folder_is_deleted_at_its_start(
    settings: OwnSettings,
):
    """A query of Spark can create it, and Spark must start again."""
    temporary = config.tmp_dir(settings, "quick")
    temporary.mkdir(parents=True)
    create_deep_folders(temporary)
    quick = Service("quick", "Quick", (), lambda _: ["true"], lambda _: None, lambda _: "")
    is_cancelled = threading.Event()
    is_cancelled.set()

    startup._start(settings, quick, startup.no_report, {}, is_cancelled)

    assert [*temporary.iterdir()] == []


@pytest.mark.programs
def test_the_output_of_the_formatter_is_in_the_error(settings: OwnSettings):
    with pytest.raises(StackError, match="no such luck"):
        provision.format_once(settings, "kafka", lambda _: ["sh", "-c", "echo no such luck; exit 3"])


META = "node.id=1\ndirectory.id=Zd3jOC3aLX7lK-bmNFoiHQ\nversion=1\ncluster.id=KpAEYGyFEK1AVpW8eLjeVQ\n"
VERSION = "namespaceID=148046516\nblockpoolID=BP-367825417-127.0.0.1-1795749796344\nclusterID=CID-ef2e3aa5-1243\n"


def test_a_copy_of_a_formatted_folder_has_ids_of_its_own_and_needs_no_formatter(
    settings: OwnSettings, tmp_path: Path
):
    original = tmp_path / "original"
    (original / "current").mkdir(parents=True)
    (original / "meta.properties").write_text(META)
    (original / "current" / "VERSION").write_text(VERSION)
    formatted.save(original, tmp_path / "template.zip")

    provision.format_once(settings, "copy", lambda _: ["sh", "-c", "exit 3"], tmp_path / "template.zip")

    copy = settings.state_dir / "data" / "copy"
    for name, text in (("meta.properties", META), ("current/VERSION", VERSION)):
        before, after = (
            dict(line.split("=") for line in lines.splitlines()) for lines in (text, (copy / name).read_text())
        )
        new = {key for key, value in after.items() if value != before[key]}
        assert new == after.keys() & {"directory.id", "cluster.id", "blockpoolID", "clusterID"}
    assert (copy / "current").stat().st_mode & 0o777 == 0o700


def test_a_formatted_folder_that_is_not_kept_completely_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(base_name: str, *_: object) -> str:
        Path(f"{base_name}.zip").write_bytes(b"PK")
        raise OSError("No space left on device")

    monkeypatch.setattr(shutil, "make_archive", interrupted)
    with pytest.raises(OSError):
        formatted.save(tmp_path, tmp_path / "template.zip")

    assert not (tmp_path / "template.zip").exists()


@pytest.mark.usefixtures("java_home")
def test_another_configuration_needs_another_formatted_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = formatted.path("kafka")
    shutil.copytree(ROOT / "stack" / "kafka", tmp_path / "stack" / "kafka")
    with (tmp_path / "stack" / "kafka" / "server.properties").open("a") as properties:
        properties.write("node.id=2\n")
    monkeypatch.setattr(formatted, "ROOT", tmp_path)

    assert formatted.path("kafka").parent == before.parent
    assert formatted.path("kafka") != before


@pytest.mark.programs
def test_a_formatter_without_a_record_does_not_format(settings: OwnSettings, tmp_path: Path):
    killed_before_the_record = f"""if True:
        import os
        from eventlab.settings import OwnSettings
        from eventlab.stack import process, provision
        process.write_record = lambda *_: os._exit(9)
        settings = OwnSettings(state_dir={str(settings.state_dir)!r})
        provision.format_once(settings, "kafka", lambda _: ["sh", "-c", "echo formatted > {tmp_path}/log"])
    """
    killed = subprocess.run([sys.executable, "-c", killed_before_the_record])

    assert killed.returncode == 9
    wait_until(lambda: str(tmp_path) not in str([process.info for process in psutil.process_iter(["cmdline"])]))
    assert not (tmp_path / "log").exists()
