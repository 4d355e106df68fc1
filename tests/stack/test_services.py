"""The services as data: what each listens on, runs as, and keeps to itself."""

import os
from pathlib import Path

import pytest

from eventlab.settings import Settings
from eventlab.stack import java
from eventlab.stack.services import COURSE, SERVICES
from eventlab.stack.tokens import jupyter_token

pytestmark = pytest.mark.usefixtures("java_home")


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state", port_offset=300)


def test_the_services_of_the_course_exist():
    assert set(COURSE) <= set(SERVICES)


def test_every_port_of_the_settings_belongs_to_one_service():
    claimed = [port for service in SERVICES.values() for port in service.ports]

    assert sorted(claimed) == sorted(name for name in Settings.model_fields if name.endswith("_port"))


@pytest.mark.parametrize("name", ["kafka", "namenode", "datanode", "spark"])
def test_a_jvm_is_started_with_the_found_java_its_options_and_its_class_path(own: Settings, name: str):
    words = SERVICES[name].command(own)

    assert words[0] == str(java.find().executable)
    assert words[1].startswith("@")
    assert words[1].endswith("jvm.options")
    assert Path(words[1][1:]).is_file()
    assert f"-Djava.io.tmpdir={own.state_dir}/data/tmp/{name}" in words
    assert all(entry.endswith(".jar") for entry in words[words.index("-cp") + 1].split(os.pathsep))


def test_the_api_is_the_file_of_the_setting_on_the_loopback_address(own: Settings, tmp_path: Path):
    mine = own.model_copy(update={"api_app": tmp_path / "my_api.py"})

    words = SERVICES["api"].command(mine)

    assert str((tmp_path / "my_api.py").resolve()) in words
    assert words[-4:] == ["--host", "127.0.0.1", "--port", "5300"]


def test_jupyter_asks_for_a_token_that_the_list_of_processes_does_not_show(own: Settings):
    token = jupyter_token(own)

    assert len(token) >= 32
    assert not any(token in word for service in SERVICES.values() for word in service.command(own))
    assert SERVICES["jupyter"].extra_variables(own) == {"JUPYTER_TOKEN": token}
    assert token in SERVICES["jupyter"].address(own)


def test_the_token_stays_and_is_readable_by_its_owner_alone(own: Settings):
    token = jupyter_token(own)

    assert jupyter_token(own) == token
    assert (own.state_dir / "jupyter-token").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("setting", "address", "names"),
    [
        ("kafka_bootstrap_servers", "broker.example:9092", ["kafka"]),
        ("default_fs_url", "hdfs://namenode.example:8020", ["namenode", "datanode"]),
        ("spark_remote_url", "sc://spark.example:15002", ["spark"]),
        ("api_address", "http://api.example", ["api"]),
    ],
)
def test_a_service_whose_address_is_set_is_run_by_somebody_else(setting: str, address: str, names: list[str]):
    elsewhere = Settings(**{setting: address})  # type: ignore[arg-type]

    assert [name for name, service in SERVICES.items() if service.is_external(elsewhere)] == names


def test_the_address_shown_of_somebody_elses_service_is_the_one_that_was_set():
    elsewhere = Settings(default_fs_url="hdfs://namenode.example:8020", api_address="http://api.example")

    assert SERVICES["datanode"].address(elsewhere) == "hdfs://namenode.example:8020"
    assert SERVICES["api"].address(elsewhere) == "http://api.example"


def test_nothing_is_external_by_default(own: Settings):
    assert not any(service.is_external(own) for service in SERVICES.values())
