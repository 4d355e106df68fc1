"""The services' configuration is the templates of stack/, filled in from the settings."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from eventlab.settings import ROOT, Settings
from eventlab.stack import config

UNUSUAL = 'Übung 1 & 2 <neu> ☃ "𝄞"'

pytestmark = pytest.mark.usefixtures("java_home")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings with a port offset."""
    return Settings(state_dir=tmp_path / "state", port_offset=300)


def rendered(settings: Settings) -> dict[str, str]:
    """Render the configuration and return the texts of the files."""
    config.render(settings)
    return {name: (settings.state_dir / "conf" / name).read_text() for name in config.TEMPLATES}


def site(text: str) -> dict[str, str]:
    """Return Hadoop's properties in an XML file."""
    return {
        entry.findtext("name", ""): entry.findtext("value", "")
        for entry in ElementTree.fromstring(text).iter("property")
    }


def properties(text: str) -> dict[str, str]:
    """Return Java's properties, read as java.util.Properties reads them."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pairs = [re.split(r"\s*[=\s]\s*", line, maxsplit=1) for line in lines]
    return {key: read_escapes(value) for key, value in pairs}


def read_escapes(value: str) -> str:
    """Return a value without its escapes."""
    units = re.sub(r"\\(u[0-9a-f]{4}|.)", lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 5 else m[1], value)
    return units.encode("utf-16", "surrogatepass").decode("utf-16")


def test_all_ports_in_the_files_are_ports_of_the_settings(settings: Settings):
    ports = {str(value) for name, value in settings.model_dump().items() if name.endswith("_port")}

    used = set()
    for name, text in rendered(settings).items():
        without_comments = re.sub(r"#.*|<!--.*?-->", "", text, flags=re.DOTALL if name.endswith("xml") else 0)
        in_file = set(re.findall(r":(\d{4,5})\b", without_comments))
        assert in_file <= ports, name
        used |= in_file
    assert len(used) >= 7  # Kafka has two ports in its file, HDFS five


def test_all_services_are_bound_to_the_loopback_address(settings: Settings):
    files = rendered(settings)

    listeners = properties(files["kafka/server.properties"])["listeners"]
    assert re.findall(r"//([^:]*):", listeners) == ["127.0.0.1", "127.0.0.1"]
    hdfs = site(files["hdfs/hdfs-site.xml"])
    bound = [value for name, value in hdfs.items() if name.endswith((".address", "-address", "bind-host"))]
    assert len(bound) == 6
    assert all(value.split(":")[0] == "127.0.0.1" for value in bound)
    spark = properties(files["spark/spark-defaults.conf"])
    assert spark["spark.driver.bindAddress"] == spark["spark.connect.grpc.binding.address"] == "127.0.0.1"


def test_the_end_of_a_write_to_hdfs_waits_a_short_time_first_and_a_long_time_in_all(settings: Settings):
    files = rendered(settings)
    of_hdfs, of_spark = site(files["hdfs/hdfs-site.xml"]), properties(files["spark/spark-defaults.conf"])
    name = "dfs.client.block.write.locateFollowingBlock"
    first, retries = f"{name}.initial.delay.ms", f"{name}.retries"

    waits_ms = [int(of_hdfs[first]) * 2**number for number in range(int(of_hdfs[retries]))]
    assert waits_ms[0] <= 20
    assert 5_000 < sum(waits_ms) < 15_000
    assert {key: of_spark[f"spark.hadoop.{key}"] for key in (first, retries)} == {
        key: of_hdfs[key] for key in (first, retries)
    }


def test_data_is_inside_the_state_folder(settings: Settings):
    files = rendered(settings)

    assert properties(files["kafka/server.properties"])["log.dirs"] == str(settings.state_dir / "data" / "kafka")
    assert properties(files["spark/spark-defaults.conf"])["spark.local.dir"] == str(
        settings.state_dir / "data/spark"
    )
    assert site(files["hdfs/core-site.xml"])["hadoop.tmp.dir"].startswith(str(settings.state_dir))


def test_a_path_with_spaces_quotes_and_unicode_is_unchanged(tmp_path: Path):
    settings = Settings(state_dir=tmp_path / UNUSUAL)
    files = rendered(settings)
    data = f"{tmp_path}/{UNUSUAL}/data"

    assert properties(files["kafka/server.properties"])["log.dirs"] == f"{data}/kafka"
    assert files["kafka/server.properties"].isascii()
    assert properties(files["spark/spark-defaults.conf"])["spark.local.dir"] == f"{data}/spark"
    assert site(files["hdfs/core-site.xml"])["hadoop.tmp.dir"] == f"{data}/hdfs/tmp"
    assert site(files["hdfs/hdfs-site.xml"])["dfs.namenode.name.dir"] == Path(f"{data}/hdfs/name").as_uri()


def test_no_placeholder_remains(settings: Settings):
    assert not any(re.search(r"\$\{\w", text) for text in rendered(settings).values())


def test_an_unknown_placeholder_is_an_error(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "stack" / "kafka").mkdir(parents=True)
    (tmp_path / "stack" / "kafka" / "server.properties").write_text("listeners=${kafka_prot}")
    monkeypatch.setattr(config, "ROOT", tmp_path)

    with pytest.raises(KeyError, match="kafka_prot"):
        config.render(settings)


def test_an_unchanged_file_is_not_written_again(settings: Settings):
    config.render(settings)
    file = settings.state_dir / "conf" / "kafka" / "server.properties"
    before = file.stat().st_mtime_ns

    config.render(settings)

    assert file.stat().st_mtime_ns == before


def test_a_changed_setting_changes_the_file(settings: Settings):
    config.render(settings)
    config.render(Settings(state_dir=settings.state_dir, port_offset=300, kafka_port=31000))

    assert ":31000" in (settings.state_dir / "conf" / "kafka" / "server.properties").read_text()


def test_all_templates_of_the_stack_are_rendered():
    templates = {
        str(path.relative_to(ROOT / "stack"))
        for path in (ROOT / "stack").glob("*/*")
        if path.suffix in config.ESCAPES and "log4j2" not in path.name and path.name != "client.properties"
    }

    assert templates == set(config.TEMPLATES)


def test_an_external_file_system_is_the_default_one(tmp_path: Path):
    files = rendered(Settings(state_dir=tmp_path, external_default_fs="hdfs://namenode.example:8020"))

    assert site(files["hdfs/core-site.xml"])["fs.defaultFS"] == "hdfs://namenode.example:8020"
    spark = properties(files["spark/spark-defaults.conf"])
    assert spark["spark.hadoop.fs.defaultFS"] == "hdfs://namenode.example:8020"
