"""The commands of Kafka, Hadoop and Spark on the tests' stack."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from eventlab.commands import tools
from eventlab.settings import ROOT, Settings
from eventlab.stack import services


def run(*arguments, stdin=""):
    """Run a command."""
    return subprocess.run(arguments, capture_output=True, text=True, input=stdin, timeout=120)


def test_options_for_sparks_java_reach_the_server_and_the_commands(tmp_path: Path):
    fast = Settings(state_dir=tmp_path, spark_java_options="-XX:TieredStopAtLevel=1 -Da='b c'")

    for command in (services.spark_command(fast), tools.spark_submit(fast, "spark-submit", ["job.py"]).command):
        assert {"-XX:TieredStopAtLevel=1", "-Da=b c"} <= set(command)


def test_a_kafka_tool_starts_kafkas_class_with_the_stacks_broker(settings):
    command = tools.kafka_tool(settings, "kafka-topics", ["--list"]).command

    start = command.index(tools.KAFKA_TOOLS["kafka-topics"])
    assert command[start + 1 : start + 4] == ["--list", "--bootstrap-server", settings.bootstrap_servers]


def test_a_broker_that_is_named_is_kept(settings):
    command = tools.kafka_tool(
        settings, "kafka-topics", ["--bootstrap-server", "elsewhere:9092", "--list"]
    ).command

    start = command.index(tools.KAFKA_TOOLS["kafka-topics"])
    assert command[start + 1 : start + 4] == ["--bootstrap-server", "elsewhere:9092", "--list"]


def test_zookeeper_is_refused_with_the_arguments_to_use_instead(settings):
    with pytest.raises(tools.ToolUsageError, match=f"--bootstrap-server {settings.bootstrap_servers}"):
        tools.kafka_tool(settings, "kafka-topics", ["--list", "--zookeeper", "zookeeper:32181"])


def test_spark_submit_is_classic_although_a_connect_session_exists(settings):
    invocation = tools.spark_submit(settings, "spark-submit", ["job.py"])

    assert invocation.command[-1] == "job.py"
    assert invocation.variables["SPARK_REMOTE"] is None
    assert invocation.variables["SPARK_CONNECT_MODE_ENABLED"] is None


@pytest.mark.parametrize("option", [["--remote", "sc://localhost"], ["--remote=sc://localhost"]])
def test_spark_submit_with_a_connect_server_is_sparks_script_without_the_stacks_configuration(settings, option):
    invocation = tools.spark_submit(settings, "spark-submit", [*option, "job.py"])

    assert invocation.command == [str(tools.SCRIPTS / "spark-submit"), *option, "job.py"]
    assert invocation.variables == {"SPARK_CONF_DIR": None}


@pytest.mark.parametrize("arguments", [["--driver-memory", "4g"], ["--driver-memory=4g"]])
def test_the_drivers_memory_is_the_heap_of_the_jvm(settings, arguments):
    assert "-Xmx4g" in tools.spark_submit(settings, "spark-submit", [*arguments, "job.py"]).command


def test_the_kafka_source_is_removed_from_the_packages_with_a_note():
    remaining, notes = tools.remove_connector(
        ["--packages", "org.apache.spark:spark-sql-kafka-0-10_2.11:2.4.0,a:b:1", "job.py"]
    )

    assert remaining == ["--packages", "a:b:1", "job.py"]
    assert "has its own Kafka source" in notes[0]


def test_every_command_in_the_folder_is_listed():
    folder = ROOT / "stack" / "bin"
    names = {path.name.removesuffix(".sh") for path in folder.iterdir() if path.is_symlink()}

    assert names == {*tools.TOOLS, "kafkacat"}
    assert os.access(folder / "fallback" / "ab", os.X_OK)


def test_pyspark_with_old_notebook_options_starts_jupyterlab():
    options, notes = tools.translate_jupyter_options(
        "notebook --no-browser --NotebookApp.token=x --NotebookApp.ip=0.0.0.0"
    )

    assert options == "lab --no-browser --IdentityProvider.token=x --ServerApp.ip=0.0.0.0"
    assert len(notes) == 1
    assert tools.translate_jupyter_options("-i") == ("-i", ())


def test_pyspark_starts_sparks_launcher_and_startup_file(settings, monkeypatch):
    monkeypatch.setenv("PYSPARK_DRIVER_PYTHON", "jupyter")
    invocation = tools.pyspark(settings, "pyspark", ["--driver-memory", "2g"])

    assert invocation.command[1] == "pyspark-shell-main"
    assert invocation.command[-2:] == ["--driver-memory", "2g"]
    assert invocation.variables["PYSPARK_DRIVER_PYTHON"] == "jupyter"
    assert os.path.exists(str(invocation.variables["PYTHONSTARTUP"]))


@pytest.mark.programs
def test_a_learners_files_do_not_replace_pythons_modules(tmp_path):
    (tmp_path / "shlex.py").write_text("raise SystemExit('the wrong shlex')")
    (tmp_path / "kafka.py").write_text("raise SystemExit('the wrong kafka')")

    done = subprocess.run([ROOT / "stack/bin/hadoop"], cwd=tmp_path, capture_output=True, text=True)

    assert "the wrong" not in done.stderr
    assert "there are: hadoop fs" in done.stderr


@pytest.mark.programs
def test_a_command_works_through_a_link_and_a_folder_with_a_space(tmp_path):
    (tmp_path / "my bin").mkdir()
    link = tmp_path / "my bin" / "hdfs"
    link.symlink_to(ROOT / "stack/bin/hdfs")

    done = subprocess.run([link], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 2
    assert "there are: hdfs dfs" in done.stderr


def test_an_unknown_hadoop_command_is_refused(stack):
    done = run("hadoop", "jar", "x.jar")

    assert done.returncode == 2
    assert "there are: hadoop fs" in done.stderr


def test_a_topic_is_created_described_and_deleted(stack, topic):
    name = topic + "-created"
    created = run("kafka-topics", "--create", "--topic", name, "--partitions", "3", "--replication-factor", "1")
    described = run("kafka-topics.sh", "--describe", "--topic", name)
    deleted = run("kafka-topics", "--delete", "--topic", name)

    assert created.stdout == f"Created topic {name}.\n"
    assert described.stdout.count("Leader: 1") == 3
    assert deleted.returncode == 0


def test_a_missing_topic_is_kafkas_error(stack):
    done = run("kafka-topics", "--describe", "--topic", "missing")

    assert done.returncode == 1
    assert "Topic 'missing' does not exist as expected" in done.stdout + done.stderr


def test_one_console_consumes_what_another_produces(stack, topic):
    assert run("kafka-console-producer", "--topic", topic, stdin="one\ntwo\n").returncode == 0

    consumed = run("kafka-console-consumer", "--topic", topic, "--from-beginning", "--max-messages", "2")

    assert consumed.stdout == "one\ntwo\n"


def test_kafkacat_finds_the_stack_without_options(stack, topic):
    assert run("kafkacat", "-P", "-t", topic, stdin="hello\n").returncode == 0

    assert run("kafkacat", "-C", "-t", topic, "-e", "-q").stdout == "hello\n"


def test_a_groups_lag_is_described(stack, topic):
    run("kafkacat", "-P", "-t", topic, stdin="one\ntwo\n")
    group = topic + "-group"
    reset = ["--reset-offsets", "--to-earliest", "--execute"]
    assert run("kafka-consumer-groups", "--group", group, "--topic", topic, *reset).returncode == 0

    described = run("kafka-consumer-groups", "--group", group, "--describe").stdout.split()

    assert described[described.index(topic) + 1 : described.index(topic) + 5] == ["0", "0", "2", "2"]


def test_a_file_is_written_to_hdfs_and_read_again(stack, topic):
    path = f"/tmp/{topic}.txt"
    assert run("hadoop", "fs", "-put", "-", path, stdin="text\n").returncode == 0

    assert run("hdfs", "dfs", "-cat", path).stdout == "text\n"
    assert "student supergroup          5 " in run("hadoop", "fs", "-ls", path).stdout
    assert run("hadoop", "fs", "-rm", path).returncode == 0


def test_a_listing_has_the_layout_that_the_course_shows(stack):
    lines = run("hadoop", "fs", "-ls", "/").stdout.splitlines()

    assert re.fullmatch(r"Found \d+ items?", lines[0])
    assert any(
        re.fullmatch(r"drwxrwxrwt   - student supergroup +0 \d{4}-\d\d-\d\d \d\d:\d\d /tmp", line)
        for line in lines
    )


def test_a_pipe_that_closes_early_ends_a_listing(stack, topic):
    assert run("bash", "-c", f"seq 200000 | hadoop fs -put - /tmp/{topic}.seq").returncode == 0

    done = run("bash", "-c", f"set -o pipefail; hadoop fs -cat /tmp/{topic}.seq | head -n 1")

    assert done.stdout == "1\n"
    assert "at org.apache" not in done.stderr  # no stack trace


def test_a_missing_file_is_hadoops_error(stack):
    done = run("hadoop", "fs", "-ls", "/tmp/missing")

    assert done.returncode == 1
    assert done.stderr == "ls: `/tmp/missing': No such file or directory\n"


def test_the_shell_that_env_prepares_finds_the_commands(stack):
    script = 'eval "$(eventlab env)" && command -v kafka-topics kafkacat hadoop spark-submit pyspark flask ab'
    done = run("bash", "-c", f"PATH={ROOT / '.venv/bin'}:/usr/bin:/bin; {script}")

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 7


@pytest.fixture
def session_script(tmp_path):
    """Create a program that prints which kind of Spark session it gets, and counts with it."""
    script = tmp_path / "session.py"
    script.write_text(
        "from pyspark.sql import SparkSession\n"
        "spark = SparkSession.builder.getOrCreate()\n"
        "print(type(spark).__module__, spark.range(7).count())\n"
    )
    return script


def test_spark_submit_reaches_a_named_connect_server_with_the_token(stack, session_script):
    done = run("spark-submit", "--remote", stack.spark_remote, session_script)

    assert "pyspark.sql.connect.session 7" in done.stdout, done.stderr


def test_pyspark_reaches_a_named_connect_server_with_the_token(stack, session_script):
    shell = f"PYSPARK_DRIVER_PYTHON_OPTS=-i pyspark --remote {stack.spark_remote} < {session_script}"

    done = run("bash", "-c", shell)

    assert "pyspark.sql.connect.session 7" in done.stdout, done.stderr
