"""External services: the kit probes them, and never starts or stops them."""

from pathlib import Path

import pytest

from eventlab.errors import StackError
from eventlab.settings import OwnSettings, Settings
from eventlab.stack import Stack
from eventlab.stack.services import SERVICES
from tests.stack.helpers import states
from tests.stacks import free_settings

pytestmark = pytest.mark.services


def guest_of(settings: Settings, folder: Path, **others: str) -> Settings:
    """Return settings of another user whose Kafka and API are those of the stack."""
    addresses = {"external_bootstrap_servers": settings.bootstrap_servers, "external_api_url": settings.api_url}
    return free_settings(folder, OwnSettings, **addresses | others)


def test_external_services_are_probed_and_neither_started_nor_stopped(running: Settings, tmp_path):
    guest = guest_of(running, tmp_path)

    statuses = Stack(guest).up(["kafka", "api"])
    Stack(guest).down(["kafka", "api"])

    assert [(status.state, status.pid, status.address) for status in statuses] == [
        ("running", None, running.bootstrap_servers),
        ("running", None, running.api_url),
    ]
    assert states(running, "kafka", "api") == ["running", "running"]


@pytest.mark.parametrize(
    ("service", "setting", "address"),
    [
        ("kafka", "external_bootstrap_servers", "127.0.0.1:1"),
        ("api", "external_api_url", "http://127.0.0.1:1"),
        ("namenode", "external_default_fs", "hdfs://127.0.0.1:1"),
        ("spark", "external_spark_remote", "sc://127.0.0.1:1"),
    ],
)
def test_up_names_the_external_service_that_does_not_answer(tmp_path: Path, service, setting, address):
    guest = free_settings(tmp_path, OwnSettings, **{setting: address})

    with pytest.raises(StackError) as caught:
        Stack(guest, SERVICES).up()

    assert f"{service} (EVENTLAB_{setting.upper()}={address}) does not answer" in str(caught.value)
    assert not (tmp_path / "run").exists()
    assert Stack(guest).status([service])[0].state == "stopped"


def test_an_external_datanode_is_probed_through_its_namenode(running: Settings, tmp_path: Path):
    Stack(running).up(["namenode", "datanode"])  # they run if the whole folder is tested
    hdfs = {"external_default_fs": running.default_fs, "external_webhdfs_url": running.webhdfs_url}
    guest = guest_of(running, tmp_path, **hdfs)

    assert states(guest, "namenode", "datanode") == ["running", "running"]

    Stack(running).down(["namenode", "datanode"])
    assert states(guest, "namenode", "datanode") == ["stopped", "stopped"]
