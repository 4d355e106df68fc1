"""One place for ports and addresses, movable as a whole and one by one."""

import pytest
from pydantic import ValidationError

from eventlab.settings import Settings


def test_an_offset_moves_every_port_that_is_not_set_itself():
    moved = Settings(port_offset=7, api_port=5555)

    assert moved.kafka_port == 29099
    assert moved.spark_port == 15009
    assert moved.api_port == 5555


def test_a_port_beyond_65535_is_refused():
    with pytest.raises(ValidationError, match="kafka_port"):
        Settings(kafka_port=70000)


def test_an_offset_that_is_no_number_is_refused():
    with pytest.raises(ValidationError, match="port_offset"):
        Settings(port_offset="a few")  # type: ignore[arg-type]


def test_a_misspelt_setting_is_refused():
    with pytest.raises(ValidationError, match="kafka_prot"):
        Settings(kafka_prot=1)  # type: ignore[call-arg]


def test_addresses_of_services_run_by_others_replace_the_stacks_own():
    elsewhere = Settings(
        kafka_bootstrap_servers="broker.example:9092",
        spark_remote_url="sc://spark.example:15002",
        default_fs_url="hdfs://namenode.example:8020",
    )

    assert elsewhere.bootstrap_servers == "broker.example:9092"
    assert elsewhere.spark_remote == "sc://spark.example:15002"
    assert elsewhere.default_fs == "hdfs://namenode.example:8020"
