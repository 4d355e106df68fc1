"""Settings and machines for the checks of `eventlab doctor`."""

import shutil
from pathlib import Path

import pytest

from eventlab.doctor import host, installation
from eventlab.settings import ROOT, Settings
from eventlab.stack import java
from tests.stacks import free_settings


@pytest.fixture
def unused(tmp_path: Path) -> Settings:
    """Return settings of a stack that does not run."""
    return free_settings(tmp_path / "state")


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set PATH to an empty folder and no JAVA_HOME, as on a machine without Java; return the folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(java, "CACHE", tmp_path / "fetched")
    return folder


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the kit's files, so that a test can change them."""
    shutil.copytree(ROOT / "stack", tmp_path / "kit" / "stack")
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path / "kit" / name)
    monkeypatch.setattr(installation, "ROOT", tmp_path / "kit")
    return tmp_path / "kit"


@pytest.fixture
def macos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that the platform is macOS."""
    monkeypatch.setattr(host, "platform_name", lambda: "macOS")
