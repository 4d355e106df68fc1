"""A Spark server whose Kafka source is of another version than pyspark: one that an older kit has started."""

import shutil

import pytest

from eventlab import doctor
from eventlab.explain import spark
from eventlab.explain.failure import Failure
from eventlab.settings import ROOT
from eventlab.stack import jars, lifecycle

pytestmark = pytest.mark.services

OLDER = "3.5.1"
SOURCE = "spark-sql-kafka-0-10_2.13"
PARTS = (SOURCE, "spark-token-provider-kafka-0-10_2.13")


@pytest.fixture(scope="module")
def older_jars(tmp_path_factory):
    """The Kafka source of an earlier Spark, from Maven Central."""
    from jgo.maven import MavenContext, PythonResolver

    maven = MavenContext(resolver=PythonResolver(), repo_cache=tmp_path_factory.mktemp("m2"), timeout=30)
    try:
        return {
            part: maven.project("org.apache.spark", part).at_version(OLDER).artifact(packaging="jar").resolve()
            for part in PARTS
        }
    except (OSError, RuntimeError) as error:
        pytest.skip(f"an older Kafka source can't be fetched: {error}")


@pytest.fixture
def older_server(broken, older_jars, monkeypatch):
    """The stack's Spark server, started with that source."""
    of_the_kit = jars.class_path

    def class_path(environment):
        return [older_jars.get(jar.parent.parent.name, jar) for jar in of_the_kit(environment)]

    lifecycle.down(broken, ["spark"], grace_s=2)
    with monkeypatch.context() as patched:
        patched.setattr(jars, "class_path", class_path)
        lifecycle.up(broken, ["spark"])
    yield broken
    lifecycle.down(broken, ["spark"], grace_s=2)
    lifecycle.up(broken, ["spark"])


def test_a_server_with_another_connector_is_found_out_and_replaced(notebook, older_server):
    notebook.run("!curl -s {settings.api_url}/purchase_a_sword")
    notebook.run(spark.SESSION)
    cell = "read('events').count() > 0"

    box = notebook.fails(cell)

    assert f"pyspark {doctor.versions.metadata.version('pyspark')}" in box["proof"]
    assert f"the running server has {SOURCE}-{OLDER}.jar" in box["proof"]
    assert box["remedy"].startswith("!eventlab restart spark\n")
    notebook.is_mended(cell, box)
    assert notebook.value == "True"


def test_a_lock_of_another_connector_asks_for_make_setup(here, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "stack", tmp_path / "stack")
    lock = tmp_path / "stack" / "spark" / "jgo.lock.toml"
    lock.write_text(lock.read_text().replace('version = "4.2.0"', f'version = "{OLDER}"'))
    failure = Failure(
        RuntimeError("java.lang.NoSuchMethodError: 'void org.apache.spark.sql.kafka010.KafkaSource'")
    )

    assert spark.versions_apart(failure, here) is None  # in this kit, both are of one version

    monkeypatch.setattr(doctor.versions, "ROOT", tmp_path)
    box = spark.versions_apart(failure, here)
    assert box
    assert f"pyspark 4.2.0, its Kafka source {OLDER}: must be equal" in box.proof
    assert box.remedy == "!make setup"
