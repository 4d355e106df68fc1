"""Ports and addresses can be changed together or one by one, and wrong settings are reported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from eventlab import settings as settings_module
from eventlab.settings import OTHER_VARIABLES, OwnSettings, Settings, SettingsError, unknown_variables


def test_an_offset_moves_all_ports_that_are_not_set():
    moved = Settings(port_offset=7, api_port=5555)

    assert moved.kafka_port == 29099
    assert moved.spark_port == 15009
    assert moved.api_port == 5555


def test_a_port_beyond_65535_is_refused():
    with pytest.raises(ValidationError, match="kafka_port"):
        Settings(kafka_port=70000)


def test_options_for_java_with_an_open_quotation_mark_are_refused():
    with pytest.raises(ValidationError, match="No closing quotation"):
        Settings(spark_java_options="-Da='b")


def test_an_offset_that_is_not_a_number_is_refused():
    with pytest.raises(ValidationError, match="port_offset"):
        Settings(port_offset="a few")  # type: ignore[arg-type]


def test_a_misspelt_setting_is_refused():
    with pytest.raises(ValidationError, match="kafka_prot"):
        Settings(kafka_prot=1)  # type: ignore[call-arg]


def test_addresses_of_external_services_replace_those_of_the_stack():
    elsewhere = Settings(
        external_bootstrap_servers="broker.example:9092",
        external_spark_remote="sc://spark.example:15002",
        external_default_fs="hdfs://namenode.example:8020",
    )

    assert elsewhere.bootstrap_servers == "broker.example:9092"
    assert elsewhere.spark_remote == "sc://spark.example:15002"
    assert elsewhere.default_fs == "hdfs://namenode.example:8020"


@pytest.fixture
def learners_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Set variables and a settings file as a learner does."""
    file = tmp_path / "eventlab.toml"
    file.write_text('kafka_port = 30001\nexternal_default_fs = "hdfs://namenode.example:8020"\ntopic = "clicks"\n')
    monkeypatch.setenv("EVENTLAB_SETTINGS_FILE", str(file))
    monkeypatch.setenv("EVENTLAB_API_PORT", "5555")
    monkeypatch.setenv("EVENTLAB_EXTERNAL_BOOTSTRAP_SERVERS", "broker.example:9092")
    return file


def test_settings_come_from_the_environment_and_a_file(learners_settings: Path):
    assert Settings().api_port == 5555
    assert Settings().kafka_port == 30001
    assert Settings().bootstrap_servers == "broker.example:9092"


def test_an_argument_comes_before_the_environment_and_the_environment_before_the_file(
    learners_settings: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("eventlab_kafka_port", "30002")

    assert Settings().kafka_port == 30002
    assert Settings(kafka_port=30003).kafka_port == 30003


def test_an_empty_name_of_a_settings_file_means_none(learners_settings: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EVENTLAB_SETTINGS_FILE", "")

    assert Settings().kafka_port == 29092 + Settings().port_offset


def test_settings_of_the_kits_stacks_ignore_the_learners_settings(learners_settings: Path, tmp_path: Path):
    settings = OwnSettings(state_dir=tmp_path, port_offset=100)

    assert (settings.kafka_port, settings.api_port, settings.topic) == (29192, 5100, "events")
    assert settings.bootstrap_servers == "127.0.0.1:29192"
    assert settings.default_fs == "hdfs://127.0.0.1:8120"


@pytest.mark.services
def test_the_tests_ignore_the_learners_settings(learners_settings: Path):
    """Run this module's first test again, with a variable of a learner."""
    first = f"{__file__}::test_an_offset_moves_all_ports_that_are_not_set"
    learner = os.environ | {"EVENTLAB_SPARK_PORT": "15555"}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", first], env=learner, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout


def test_an_empty_address_is_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EVENTLAB_EXTERNAL_BOOTSTRAP_SERVERS", "")

    assert Settings().external_bootstrap_servers is None


@pytest.mark.parametrize("name", ["state_dir", "api_app"])
def test_a_path_can_be_relative_or_begin_with_the_home_folder(name: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/learner")

    assert Settings.model_validate({name: "here"}).model_dump()[name] == tmp_path / "here"
    assert Settings.model_validate({name: "~/there"}).model_dump()[name] == Path("/home/learner/there")


def test_the_address_of_an_external_api_replaces_the_port():
    assert Settings(api_port=5555).api_url == "http://127.0.0.1:5555"
    assert Settings(external_api_url="http://api.example/").api_url == "http://api.example"


def test_webhdfs_is_at_the_host_of_the_namenode():
    elsewhere = Settings(external_default_fs="hdfs://namenode.example:8020")

    assert elsewhere.webhdfs_url == "http://namenode.example:9870"
    assert Settings(
        external_default_fs="hdfs://cluster", external_webhdfs_url="http://rest.example:14000"
    ).webhdfs_url == ("http://rest.example:14000")


@pytest.mark.programs
@pytest.mark.parametrize(
    "command", [["-m", "eventlab.cli", "status"], ["-m", "eventlab.commands", "hadoop", "fs"]]
)
def test_an_invalid_setting_is_reported_without_a_traceback(command: list[str]):
    wrong = os.environ | {"EVENTLAB_KAFKA_PORT": "seventy", "EVENTLAB_API_PORT": "70000"}

    done = subprocess.run([sys.executable, *command], env=wrong, capture_output=True, text=True)

    assert done.returncode == 1
    assert "EVENTLAB_KAFKA_PORT (or kafka_port in eventlab.toml) is 'seventy'" in done.stderr
    assert "EVENTLAB_API_PORT (or api_port in eventlab.toml) is '70000'" in done.stderr
    assert "Traceback" not in done.stderr


def refusal() -> str:
    """Return the message with which the user's settings are refused."""
    loaded = settings_module._load()
    with pytest.raises(SettingsError) as refused:
        _ = loaded.topic
    return str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("EVENTLAB_KAFAK_PORT", "EVENTLAB_KAFKA_PORT"),
        ("EVENTLAB_WEBHDFS", "EVENTLAB_EXTERNAL_WEBHDFS_URL"),
        ("EVENTLAB_SPARK_REMOTE_URL", "EVENTLAB_EXTERNAL_SPARK_REMOTE"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_setting_or_its_new_name(
    wrong: str, nearest: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(wrong, "29092")

    assert f"{wrong} is not a setting. Did you mean {nearest}?" in refusal()


def test_former_names_of_settings_stand_for_settings_that_exist():
    assert set(settings_module.FORMER_NAMES.values()) <= set(Settings.model_fields)
    assert not set(settings_module.FORMER_NAMES) & set(Settings.model_fields)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("kafak_port = 29092", "kafak_port is not a setting. Did you mean kafka_port?"),
        ("kafka_port 29092", "Expected '=' after a key"),
    ],
)
def test_a_wrong_line_of_the_settings_file_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, message: str
):
    file = tmp_path / "eventlab.toml"
    file.write_text(f"{line}\n")
    monkeypatch.setenv("EVENTLAB_SETTINGS_FILE", str(file))

    assert f"{file}: {message}" in refusal()


@pytest.mark.programs
def test_a_kernel_reports_an_unknown_variable():
    code = "from IPython import InteractiveShell; InteractiveShell().run_cell('import eventlab.course')"
    command = [sys.executable, "-c", code]
    kernel = subprocess.run(
        command, env=os.environ | {"EVENTLAB_TOPICS": "clicks"}, capture_output=True, text=True
    )

    assert "EVENTLAB_TOPICS is not a setting. Did you mean EVENTLAB_TOPIC?" in kernel.stdout + kernel.stderr
    assert "Traceback" not in kernel.stdout + kernel.stderr


def test_the_error_names_the_command_that_removes_the_wrong_variables(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EVENTLAB_KAFAK_PORT", "29092")
    monkeypatch.setenv("EVENTLAB_API_PORT", "70000")

    assert refusal().startswith("Settings that eventlab cannot use:\n")
    assert refusal().endswith("\nNext: unset EVENTLAB_KAFAK_PORT EVENTLAB_API_PORT")


@pytest.mark.programs
def test_a_script_with_an_invalid_setting_gets_one_error_where_it_uses_the_settings():
    script = (
        "from eventlab.settings import OwnSettings, settings\nprint(OwnSettings().topic)\nprint(settings.topic)"
    )
    environment = os.environ | {"EVENTLAB_KAFKA_PORT": "seventy"}

    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)

    assert done.stdout == "events\n"
    assert "SettingsError: Settings that eventlab cannot use:\nEVENTLAB_KAFKA_PORT" in done.stderr
    assert len(done.stderr.splitlines()) < 10


@pytest.mark.parametrize("name", OTHER_VARIABLES)
def test_other_variables_of_the_kit_are_accepted(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(name, "1")

    assert unknown_variables() == []
