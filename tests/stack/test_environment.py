"""Commands, services and notebooks find the stack through their environment."""

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from eventlab.settings import OwnSettings, Settings
from eventlab.stack import environment


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables of the kit, Spark and Hadoop."""
    for name in [name for name in os.environ if name.startswith(("EVENTLAB_", "SPARK_", "HADOOP_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EVENTLAB_SETTINGS_FILE", "")


def settings_of_a_child(variables: dict[str, str], **more: str) -> Settings:
    """Return the settings of a process with these variables."""
    code = "from eventlab.settings import Settings; print(Settings().model_dump_json())"
    child = os.environ | variables | more
    done = subprocess.run([sys.executable, "-c", code], env=child, capture_output=True, text=True, check=True)
    return Settings.model_validate_json(done.stdout)


@pytest.mark.programs
def test_a_child_process_has_the_same_settings(tmp_path: Path, java_home: Path):
    moved = Settings(port_offset=300, api_port=5555, state_dir=tmp_path, topic="clicks")

    assert settings_of_a_child(environment.variables(moved)) == moved


@pytest.mark.programs
def test_a_child_process_has_only_the_settings_of_its_stack(tmp_path: Path, java_home: Path, monkeypatch):
    (tmp_path / "eventlab.toml").write_text("kafka_port = 30001\n")
    monkeypatch.setenv("EVENTLAB_SETTINGS_FILE", str(tmp_path / "eventlab.toml"))
    monkeypatch.setenv("EVENTLAB_API_PORT", "5555")
    settings = OwnSettings(state_dir=tmp_path, port_offset=300)

    with patch.dict(os.environ):
        environment.apply(settings)

        assert settings_of_a_child({}).model_dump() == settings.model_dump()


@pytest.mark.programs
def test_in_a_prepared_shell_a_port_follows_another_offset(java_home: Path):
    prepared = environment.variables(Settings(port_offset=300))

    child = settings_of_a_child(prepared, EVENTLAB_PORT_OFFSET="400")

    assert child == Settings(port_offset=400)


def test_the_default_stack_needs_no_variable_of_the_kit(java_home: Path):
    variables = environment.variables(Settings())

    assert [name for name in variables if name.startswith("EVENTLAB_")] == []


def test_the_variables_contain_the_addresses_of_the_services(tmp_path: Path, java_home: Path):
    moved = Settings(port_offset=300, state_dir=tmp_path)

    variables = environment.variables(moved)

    assert variables["KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:29392"
    assert variables["SPARK_REMOTE"] == "sc://localhost:15302"
    assert variables["HADOOP_CONF_DIR"] == str(tmp_path / "conf" / "hdfs")
    assert variables["JAVA_HOME"] == str(java_home)


def test_the_kits_commands_come_first_and_its_fallbacks_last(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", os.pathsep.join(["/usr/bin", "/bin"]))

    parts = environment.search_path().split(os.pathsep)

    assert parts[:2] == [str(environment.BIN_FOLDER), str(Path(sys.executable).parent)]
    assert parts[2:] == ["/usr/bin", "/bin", str(environment.FALLBACKS)]


def test_preparing_a_shell_twice_changes_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    once = environment.search_path()
    monkeypatch.setenv("PATH", once)

    assert environment.search_path() == once
