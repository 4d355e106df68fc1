"""compose.yaml offers the stack's own services, at the stack's own addresses, from the same files."""

import re
import shutil
import subprocess

import pytest
import yaml

from eventlab.settings import ROOT, Settings
from eventlab.stack import config, jars
from eventlab.stack.services import SERVICES

FILE = ROOT / "stack" / "compose.yaml"
SERVICES_OF_FILE = yaml.safe_load(FILE.read_text())["services"]
DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}


def version_of(coordinate, environment):
    found = re.search(
        rf"{re.escape(coordinate)}:([\d.]+)", (ROOT / "stack" / environment / "jgo.toml").read_text()
    )
    assert found
    return found[1]


def test_it_has_the_stacks_services():
    assert set(SERVICES_OF_FILE) == set(SERVICES)


@pytest.mark.parametrize(
    ("service", "port"),
    [
        ("kafka", "kafka_port"),
        ("namenode", "namenode_web_port"),
        ("datanode", "datanode_web_port"),
        ("spark", "spark_port"),
        ("api", "api_port"),
        ("jupyter", "jupyter_port"),
    ],
)
def test_a_service_is_asked_for_its_health_at_the_stacks_port(service, port):
    assert re.search(rf"127\.0\.0\.1[:/]{DEFAULTS[port]}\b", str(SERVICES_OF_FILE[service]["healthcheck"]))


def test_images_have_the_versions_of_the_stacks_jars():
    images = {name: service["image"].partition(":")[2] for name, service in SERVICES_OF_FILE.items()}

    assert images["kafka"] == version_of("org.apache.kafka:kafka_2.13", "kafka")
    assert images["namenode"] == images["datanode"] == version_of("hadoop-client-minicluster", "hdfs")
    assert images["spark"] == version_of("spark-sql-kafka-0-10_2.13", "spark")


def test_no_service_listens_beyond_this_machine():
    assert {service["network_mode"] for service in SERVICES_OF_FILE.values()} == {"host"}
    assert "0.0.0.0" not in FILE.read_text()


def test_its_configuration_is_the_stacks_with_the_containers_folders(tmp_path):
    settings = Settings(state_dir=tmp_path, port_offset=0)

    config.render_for_containers(settings)

    folder = tmp_path / "compose"
    assert "log.dirs=/data/kafka" in (folder / "kafka" / "server.properties").read_text()
    assert "hdfs://127.0.0.1:8020" in (folder / "hdfs" / "core-site.xml").read_text()
    spark = (folder / "spark" / "spark-defaults.conf").read_text()
    assert f"/jars/{jars.class_path('spark')[0].relative_to(jars.REPOSITORY)}" in spark
    assert str(ROOT) not in spark


def test_docker_compose_can_read_it():
    command = next(
        (c for c in (["docker-compose"], ["docker", "compose"]) if shutil.which(c[0]) and works([*c, "version"])),
        None,
    )
    if command is None:
        pytest.skip("there is no docker-compose on this machine")

    done = subprocess.run(
        [*command, "-f", FILE, "config", "--quiet"],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "EVENTLAB_JUPYTER_TOKEN": "token"},
    )

    assert done.returncode == 0, done.stderr


def works(command):
    return subprocess.run(command, capture_output=True).returncode == 0
