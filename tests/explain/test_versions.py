"""A Spark server whose Kafka source has another version than pyspark, as an older kit starts it."""

import shutil
from importlib import metadata

import pytest

from eventlab.doctor import installation
from eventlab.explain import spark
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import ROOT
from eventlab.stack import Stack, jars, process
from tests.helpers import process_of

pytestmark = pytest.mark.services

OLDER = "3.5.1"
SOURCE = "spark-sql-kafka-0-10_2.13"
PARTS = (SOURCE, "spark-token-provider-kafka-0-10_2.13")


@pytest.fixture(scope="module")
def older_jars(tmp_path_factory):
    """Download the Kafka source of an earlier Spark from Maven Central."""
    from jgo.maven import MavenContext, PythonResolver

    maven = MavenContext(resolver=PythonResolver(), repo_cache=tmp_path_factory.mktemp("m2"), timeout=30)
    try:
        return {
            part: maven.project("org.apache.spark", part).at_version(OLDER).artifact(packaging="jar").resolve()
            for part in PARTS
        }
    except (OSError, RuntimeError) as error:
        pytest.skip(f"an older Kafka source cannot be downloaded: {error}")


@pytest.fixture
def older_server(broken, older_jars, monkeypatch):
    """Start the stack's Spark server with that source."""
    kit_class_path = jars.class_path

    def class_path(environment):
        return [older_jars.get(jar.parent.parent.name, jar) for jar in kit_class_path(environment)]

    Stack(broken, grace_s=2).down(["spark"])
    with monkeypatch.context() as patched:
        patched.setattr(jars, "class_path", class_path)
        Stack(broken).up(["spark"])
    older = process_of(broken, "spark")
    yield broken
    if process.alive(older):  # no remedy has replaced it
        Stack(broken, grace_s=2).down(["spark"])


def test_a_server_with_another_connector_is_restarted(notebook, older_server):
    notebook.run("!curl -s {settings.api_url}/purchase_a_sword")
    notebook.run(spark.NEW_SESSION)
    cell = "read('events').count() > 0"

    box = notebook.assert_fails(cell)

    assert f"pyspark {metadata.version('pyspark')}" in box["proof"]
    assert f"the running server has {SOURCE}-{OLDER}.jar" in box["proof"]
    assert box["remedy"].startswith("!eventlab restart spark\n")
    notebook.assert_fixed(cell, box)
    assert notebook.value == "True"


def test_a_lock_of_another_connector_asks_for_make_setup(unused, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "stack", tmp_path / "stack")
    lock = tmp_path / "stack" / "spark" / "jgo.lock.toml"
    lock.write_text(lock.read_text().replace('version = "4.2.0"', f'version = "{OLDER}"'))
    cell = FailedCell(
        RuntimeError("java.lang.NoSuchMethodError: 'void org.apache.spark.sql.kafka010.KafkaSource'")
    )

    assert spark.connector_version_mismatch(cell, unused) is None  # in this kit, the versions are equal

    monkeypatch.setattr(installation, "ROOT", tmp_path)
    box = spark.connector_version_mismatch(cell, unused)
    assert box
    assert f"pyspark 4.2.0, its Kafka source {OLDER}: must be equal" in box.proof
    assert box.remedy == "!make setup"
