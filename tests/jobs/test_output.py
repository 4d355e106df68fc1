"""The jobs' output: folders that are replaced completely, and rows that are shown."""

import subprocess

import pytest

from eventlab.clients.hdfs import HdfsError
from eventlab.jobs import filtered_writes, just_filtering, separate_events
from eventlab.jobs.topic import JobError
from eventlab.settings import ROOT
from eventlab.stack import filesystem
from tests.jobs.helpers import KNIFE, SWORD, overwrite


def test_an_empty_topic_does_not_change_earlier_output(spark, topic, send, folder):
    overwrite(spark, spark.range(3), folder)

    with pytest.raises(JobError, match="is empty"):
        filtered_writes.run(spark, topic, folder)
    assert spark.read.parquet(folder).count() == 3


def test_a_topic_without_purchases_does_not_change_earlier_output(spark, topic, send, folder):
    overwrite(spark, spark.range(3), folder)
    send(KNIFE)

    with pytest.raises(JobError, match="is unchanged"):
        filtered_writes.run(spark, topic, folder)
    assert spark.read.parquet(folder).count() == 3


def test_a_write_that_fails_half_way_does_not_change_earlier_output(spark, folder):
    overwrite(spark, spark.range(3), folder)
    bad = spark.range(1000).selectExpr("if(id = 999, raise_error('half way'), id) as id")

    with pytest.raises(Exception, match="half way"):
        overwrite(spark, bad, folder)
    assert spark.read.parquet(folder).count() == 3
    assert filesystem.names("/tmp").count(folder.removeprefix("/tmp/")) == 1
    assert not [name for name in filesystem.names("/tmp") if name.endswith((".new", ".old"))]


def test_a_second_run_replaces_the_output_of_the_first(spark, topic, send, folder):
    send(SWORD, SWORD)

    filtered_writes.run(spark, topic, folder)
    filtered_writes.run(spark, topic, folder)

    assert spark.read.parquet(folder).count() == 2
    assert "_SUCCESS" in filesystem.names(folder)


def test_the_output_can_be_on_another_file_system(spark, topic, send, tmp_path, capsys):
    path = f"file://{tmp_path}/purchases"
    send(SWORD, SWORD)

    filtered_writes.run(spark, topic, path)
    filtered_writes.run(spark, topic, path)

    assert f"2 sword purchases are at {path}" in capsys.readouterr().out
    assert [name for name in filesystem.names(f"file://{tmp_path}") if not name.startswith(".")] == ["purchases"]


def test_the_output_can_have_a_full_hdfs_address(spark, stack, topic, send, folder):
    send(SWORD)

    filtered_writes.run(spark, topic, f"{stack.default_fs}{folder}")

    assert "_SUCCESS" in filesystem.names(folder)


def test_a_failed_replacement_does_not_change_the_output(spark, folder):
    overwrite(spark, spark.range(3), folder)

    with pytest.raises(HdfsError, match="is unchanged"):
        filesystem.replace(f"{folder}-not-there", folder)
    assert spark.read.parquet(folder).count() == 3


def test_each_event_type_has_a_folder_with_its_fields(spark, topic, send, folder):
    send(SWORD, KNIFE, SWORD)

    separate_events.run(spark, topic, folder)

    assert filesystem.names(folder) == ["purchase_knife", "purchase_sword"]
    assert spark.read.parquet(f"{folder}/purchase_sword").columns == ["Host", "event_type", "timestamp"]
    assert spark.read.parquet(f"{folder}/purchase_knife").count() == 1


def test_all_event_types_have_folders_of_different_names(spark, topic, send, folder, capsys):
    types = ["a b", "a/b", "a_b", "", "..", ".hidden", "_hidden", "{a,b}", "x" * 300, "x" * 301, "%61", "a"]
    send(*({"event_type": name} for name in types), {"Host": "no type"})

    separate_events.run(spark, topic, folder)

    written = {name: spark.read.parquet(f"{folder}/{name}").collect() for name in filesystem.names(folder)}
    assert sorted(row.event_type for rows in written.values() for row in rows) == sorted(types)
    assert len(written) == len(types)
    assert "1 events have no event_type and were left out" in capsys.readouterr().err
    assert [name for name in filesystem.names("/tmp") if name.startswith(topic)] == [topic]


def test_fields_with_any_name_are_columns(spark, topic, send, folder):
    names = ["User-Agent", "a.b", "back`tick", "a b", "(x)", "k=v", "a,b;{c}", "tab\t", "é"]
    send({"event_type": "odd"} | {name: name for name in names})

    separate_events.run(spark, topic, folder)

    row = spark.read.parquet(f"{folder}/odd").collect()[0].asDict()
    assert {name: row[name] for name in names} == {name: name for name in names}


def test_the_job_as_a_script_prints_schema_and_rows(stack, topic, send):
    send(SWORD, KNIFE)

    done = subprocess.run(
        ["spark-submit", ROOT / "lib/eventlab/jobs/just_filtering.py", topic], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert "|-- event_type: string (nullable = true)" in done.stdout
    assert done.stdout.count("purchase_sword|") == 1
    assert "purchase_knife" not in done.stdout


def test_the_output_says_that_there_are_more_purchases(spark, topic, send, capsys):
    send(*[SWORD] * (just_filtering.SHOWN + 1))

    just_filtering.run(spark, topic)

    shown = capsys.readouterr().out
    assert shown.count("purchase_sword|") == just_filtering.SHOWN
    assert f"only showing top {just_filtering.SHOWN} rows" in shown


def test_the_job_as_a_script_fails_clearly_without_a_topic(stack):
    done = subprocess.run(
        ["spark-submit", ROOT / "lib/eventlab/jobs/filtered_writes.py", "no-such-topic"],
        capture_output=True,
        text=True,
    )

    assert done.returncode != 0
    assert "error: there is no topic 'no-such-topic'" in done.stdout  # where spark-submit puts a script's errors
    assert "Traceback" not in done.stdout + done.stderr
