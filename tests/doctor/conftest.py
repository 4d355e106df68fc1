"""Settings and machines for the checks of `eventlab doctor`."""

import shutil
from pathlib import Path

import pytest

from eventlab.doctor import host, installation
from eventlab.settings import ROOT, Settings
from eventlab.stack import java
from tests.stacks import free_settings


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """Return settings of a stack that does not run."""
    return free_settings(tmp_path / "state")


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as PATH and no JAVA_HOME: a machine without Java."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(java, "CACHE", tmp_path / "fetched")
    return folder


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the kit's own files, to spoil."""
    shutil.copytree(ROOT / "stack", tmp_path / "kit" / "stack")
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path / "kit" / name)
    monkeypatch.setattr(installation, "ROOT", tmp_path / "kit")
    return tmp_path / "kit"


@pytest.fixture
def on_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "platform_name", lambda: "macOS")
