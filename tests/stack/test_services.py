"""The services: their ports, commands, addresses and tokens."""

import os
from pathlib import Path

import pytest

from eventlab.settings import Settings
from eventlab.stack import java
from eventlab.stack.services import COURSE, SERVICES
from eventlab.stack.tokens import jupyter_token

pytestmark = pytest.mark.usefixtures("java_home")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings with a port offset."""
    return Settings(state_dir=tmp_path / "state", port_offset=300)


def test_the_services_of_the_course_exist():
    assert set(COURSE) <= set(SERVICES)


def test_all_ports_of_the_settings_belong_to_one_service():
    used = [port for service in SERVICES.values() for port in service.port_settings]

    assert sorted(used) == sorted(name for name in Settings.model_fields if name.endswith("_port"))


@pytest.mark.parametrize("name", ["kafka", "namenode", "datanode", "spark"])
def test_the_command_of_a_jvm_has_the_java_the_options_and_the_class_path(settings: Settings, name: str):
    command = SERVICES[name].command(settings)

    assert command[0] == str(java.find().executable)
    assert command[1].startswith("@")
    assert command[1].endswith("jvm.options")
    assert Path(command[1][1:]).is_file()
    assert f"-Djava.io.tmpdir={settings.state_dir}/data/tmp/{name}" in command
    assert all(entry.endswith(".jar") for entry in command[command.index("-cp") + 1].split(os.pathsep))


def test_the_api_is_the_file_of_the_setting_on_the_loopback_address(settings: Settings, tmp_path: Path):
    changed = settings.model_copy(update={"api_app": tmp_path / "my_api.py"})

    command = SERVICES["api"].command(changed)

    assert str((tmp_path / "my_api.py").resolve()) in command
    assert command[-4:] == ["--host", "127.0.0.1", "--port", "5300"]


def test_the_token_of_jupyter_is_not_in_a_command(settings: Settings):
    token = jupyter_token(settings)

    assert len(token) >= 32
    assert not any(token in argument for service in SERVICES.values() for argument in service.command(settings))
    assert SERVICES["jupyter"].extra_variables(settings) == {"JUPYTER_TOKEN": token}
    assert token in SERVICES["jupyter"].address(settings)


def test_the_token_does_not_change_and_only_its_owner_can_read_it(settings: Settings):
    token = jupyter_token(settings)

    assert jupyter_token(settings) == token
    assert (settings.state_dir / "jupyter-token").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("setting", "address", "names"),
    [
        ("external_bootstrap_servers", "broker.example:9092", ["kafka"]),
        ("external_default_fs", "hdfs://namenode.example:8020", ["namenode", "datanode"]),
        ("external_spark_remote", "sc://spark.example:15002", ["spark"]),
        ("external_api_url", "http://api.example", ["api"]),
    ],
)
def test_a_service_whose_address_is_set_is_external(setting: str, address: str, names: list[str]):
    external = Settings.model_validate({setting: address})

    assert [name for name, service in SERVICES.items() if service.is_external(external)] == names


def test_the_address_of_an_external_service_is_the_one_that_was_set():
    external = Settings(external_default_fs="hdfs://namenode.example:8020", external_api_url="http://api.example")

    assert SERVICES["datanode"].address(external) == "hdfs://namenode.example:8020"
    assert SERVICES["api"].address(external) == "http://api.example"


def test_nothing_is_external_by_default(settings: Settings):
    assert not any(service.is_external(settings) for service in SERVICES.values())
