"""compose.yaml has the services of the stack, at the same addresses, from the same files."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from eventlab.clients.spark import TOKEN_VARIABLE
from eventlab.settings import ROOT, OwnSettings, Settings
from eventlab.stack import config, jars
from eventlab.stack.services import SERVICES
from eventlab.stack.tokens import spark_token
from tests.helpers import first_group

FILE = ROOT / "stack" / "compose.yaml"
SERVICES_OF_FILE = yaml.safe_load(FILE.read_text())["services"]
DEFAULTS = OwnSettings().model_dump()


def version_of(coordinate, environment):
    """Return the version of a jar in a jgo.toml."""
    text = (ROOT / "stack" / environment / "jgo.toml").read_text()
    return first_group(rf"{re.escape(coordinate)}:([\d.]+)", text)


def test_the_file_has_the_services_of_the_stack():
    assert set(SERVICES_OF_FILE) == set(SERVICES)


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """Return settings with other ports than the defaults, and the variables of the env file."""
    settings = Settings(state_dir=tmp_path_factory.mktemp("containers"), port_offset=40)
    lines = (config.render_for_containers(settings) / "env").read_text().splitlines()
    return settings, dict(line.split("=", 1) for line in lines)


def filled_in(value, variables):
    """Return a part of the file as text, with compose's ${NAME:-default} and ${NAME:?message} filled in."""
    return re.sub(
        r"(?<!\$)\$\{(\w+)(?::([-?])([^}]*))?\}",
        lambda name: variables.get(name[1], name[3] if name[2] == "-" else f"<{name[1]} is not set>"),
        value if isinstance(value, str) else yaml.safe_dump(value, width=10_000),
    )


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
def test_the_health_check_uses_the_configured_port(service, port, moved):
    settings, variables = moved
    health = SERVICES_OF_FILE[service]["healthcheck"]

    assert re.search(rf"127\.0\.0\.1[:/]{DEFAULTS[port]}\b", filled_in(health, {}))
    assert re.search(rf"127\.0\.0\.1[:/]{getattr(settings, port)}\b", filled_in(health, variables))


def test_with_an_offset_no_default_port_remains(moved):
    _, variables = moved
    text = filled_in(FILE.read_text().partition("\nservices:")[2], variables)
    text += "".join(path.read_text() for path in Path(variables["EVENTLAB_STATE_DIR"]).glob("compose/*/*"))
    defaults = {str(port) for name, port in DEFAULTS.items() if name.endswith("_port")}

    assert defaults & set(re.findall(r"(?<=[:/= ])\d{4,5}\b", text)) == set()
    assert "is not set" not in text


def test_each_folder_that_a_service_writes_to_is_a_volume():
    volumes = yaml.safe_load(FILE.read_text())["volumes"]
    for service in ("kafka", "namenode", "datanode", "spark"):
        data = [volume for volume in SERVICES_OF_FILE[service]["volumes"] if volume.endswith(":/data")]
        assert [volume.partition(":")[0] in volumes for volume in data] == [True]
        assert SERVICES_OF_FILE[service]["user"] == "root"  # the images' own users may not write to a new volume


def test_kafka_has_the_topic_and_hdfs_the_folder_tmp():
    assert "--create --if-not-exists" in filled_in(SERVICES_OF_FILE["kafka"]["command"][-1], {})
    assert f"--topic {DEFAULTS['topic']} --partitions 1" in filled_in(SERVICES_OF_FILE["kafka"]["command"][-1], {})
    assert "-mkdir -p /tmp && hdfs dfs -chmod 1777 /tmp" in SERVICES_OF_FILE["namenode"]["command"][-1]


@pytest.mark.programs
@pytest.mark.parametrize("service", ["kafka", "namenode"])
def test_the_scripts_in_the_file_are_valid_shell(service):
    script = filled_in(SERVICES_OF_FILE[service]["command"][-1], {}).replace("$$", "$")

    done = subprocess.run(["sh", "-n", "-c", script], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_images_have_the_versions_of_the_stacks_jars():
    images = {name: service["image"].partition(":")[2] for name, service in SERVICES_OF_FILE.items()}

    assert images["kafka"] == version_of("org.apache.kafka:kafka_2.13", "kafka")
    assert images["namenode"] == images["datanode"] == version_of("hadoop-client-minicluster", "hdfs")
    assert images["spark"] == version_of("spark-sql-kafka-0-10_2.13", "spark")


def test_no_service_listens_beyond_this_machine():
    assert {service["network_mode"] for service in SERVICES_OF_FILE.values()} == {"host"}
    assert "0.0.0.0" not in FILE.read_text()


def test_the_configuration_is_that_of_the_stack_with_the_folders_of_the_containers(tmp_path):
    settings = Settings(state_dir=tmp_path, port_offset=0)

    config.render_for_containers(settings)

    folder = tmp_path / "compose"
    assert "log.dirs=/data/kafka" in (folder / "kafka" / "server.properties").read_text()
    assert "hdfs://127.0.0.1:8020" in (folder / "hdfs" / "core-site.xml").read_text()
    spark = (folder / "spark" / "spark-defaults.conf").read_text()
    assert f"/jars/{jars.class_path('spark')[0].relative_to(jars.REPOSITORY)}" in spark
    assert str(ROOT) not in spark


def test_spark_and_its_clients_have_the_token_which_only_the_owner_can_read(moved):
    settings, variables = moved

    for service in ("spark", "jupyter"):
        token = SERVICES_OF_FILE[service]["environment"][TOKEN_VARIABLE]
        assert filled_in(token, variables) == spark_token(settings)
    assert (settings.state_dir / "compose" / "env").stat().st_mode & 0o077 == 0


@pytest.mark.programs
def test_docker_compose_reads_the_file(moved):
    settings, variables = moved
    command = next(
        (c for c in (["docker-compose"], ["docker", "compose"]) if shutil.which(c[0]) and works([*c, "version"])),
        None,
    )
    if command is None:
        pytest.skip("there is no docker-compose on this machine")

    done = subprocess.run(
        [*command, "--env-file", settings.state_dir / "compose" / "env", "-f", FILE, "config"],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
    )

    assert done.returncode == 0, done.stderr
    assert f"JUPYTER_TOKEN: {variables['EVENTLAB_JUPYTER_TOKEN']}" in done.stdout
    assert f"{TOKEN_VARIABLE}: {variables['EVENTLAB_SPARK_TOKEN']}" in done.stdout
    assert set(yaml.safe_load(done.stdout)["services"]) == set(SERVICES)


def works(command):
    """Return whether a command succeeds."""
    return subprocess.run(command, capture_output=True).returncode == 0
