"""Services that do not answer: the box names the reason, and its remedy fixes it."""

import pytest

from eventlab.clients.spark import release_session
from eventlab.explain import spark
from eventlab.stack import Stack, process
from eventlab.stack.tokens import spark_token
from tests.helpers import Stopwatch, process_of, suspend, wait_until

pytestmark = pytest.mark.services

NEXT_EVENT = """
from kafka import KafkaConsumer
consumer = KafkaConsumer("events", bootstrap_servers=broker, bootstrap_timeout_ms=3000,
                         auto_offset_reset="earliest", consumer_timeout_ms=3000)
consumer.close()
"""


LIMIT_S = 15
"""Seconds after which a client of Kafka gives up when no broker answers."""
READ = "read('events').count()"
STREAM = """
flow = read('events', spark.readStream).writeStream.format('noop')
flow.trigger(availableNow=True).start().awaitTermination()"""


def timed(notebook, cell):
    """Run a cell that fails, and return its box and how many seconds it took without the box."""
    lines = "\n".join(f"    {line}" for line in cell.strip().split("\n"))
    body = f"import time\nstarted = time.monotonic()\ntry:\n{lines}\nfinally:\n"
    taken = Stopwatch()
    box = notebook.assert_fails(f"{body}    seconds = time.monotonic() - started")
    speed = taken.speed
    notebook.assert_runs("seconds")
    print(cell.strip(), notebook.value, speed)
    return box, float(notebook.value) * speed


def kill(settings, name):
    """Kill a service and return the id of its process."""
    running = process_of(settings, name)
    running.kill()
    wait_until(lambda: not process.alive(running))
    return running.pid


def test_the_proof_that_a_broker_ended_is_its_process_and_port(notebook, broken):
    pid = kill(broken, "kafka")

    box = notebook.assert_fails(NEXT_EVENT)

    assert box["what"] == "Kafka's broker has ended."
    assert f"process {pid} has ended, and nothing listens at port {broken.kafka_port}" in box["proof"]
    assert box["remedy"] == "!eventlab up kafka"

    for cell in (READ, STREAM):
        found, seconds = timed(notebook, cell)
        assert found["what"] == box["what"]
        assert seconds < LIMIT_S, cell  # Spark's defaults wait for three minutes
    assert notebook.run("!kafkacat -C -t events -o beginning -e")["what"] == box["what"]
    assert notebook.run("%%bash\nkafkacat -L -t events")["what"] == box["what"]
    notebook.assert_fixed(NEXT_EVENT, box)
    notebook.assert_runs("!kafkacat -C -t events -o beginning -e")


def test_a_suspended_broker_exists_but_does_not_answer(notebook, broken):
    running = process_of(broken, "kafka")
    cell = NEXT_EVENT.replace("consumer_timeout_ms=3000)", "request_timeout_ms=3000)\nconsumer.topics()")
    suspend(running)
    try:
        box = notebook.assert_fails(cell)
        waits = {cell: timed(notebook, cell) for cell in (READ, STREAM)}
    finally:
        running.resume()

    for read, (found, seconds) in waits.items():
        assert found["what"] == "Kafka's broker does not answer.", read
        assert seconds < LIMIT_S, read
    assert box["what"] == "Kafka's broker does not answer."
    assert f"process {running.pid} exists (stopped)" in box["proof"]
    assert box["remedy"] == "!eventlab restart kafka"
    suspend(running)
    notebook.assert_fixed(cell, box)


def test_a_session_that_the_server_has_ended_is_not_called_a_restart(notebook, broken):
    notebook.run(spark.reconnect("spark"))
    notebook.assert_runs("spark.range(3).count()\nprint(spark.client._user_id or '-', spark.session_id)")
    user, session = notebook.printed.split()[-2:]
    release_session(broken.spark_remote, spark_token(broken), user.strip("-"), session)
    cell = "spark.range(3).count()"

    box = notebook.assert_fails(cell)

    assert "has ended this notebook's session" in box["what"]
    assert session in box["proof"]
    notebook.assert_fixed(cell, box)


def test_a_stopped_session_is_replaced(notebook):
    notebook.assert_runs("spark.stop()")
    cell = "spark.range(3).count()"

    box = notebook.assert_fails(cell)

    assert "is closed" in box["what"]
    notebook.assert_fixed(cell, box)


def test_a_restarted_namenode_waits_in_safe_mode_for_its_datanode_and_a_lesson_needs_it(notebook, broken):
    notebook.assert_runs("spark.range(3).write.mode('overwrite').parquet('/tmp/three')")
    Stack(broken, grace_s=2).down(["namenode", "datanode"])
    read = "spark.read.parquet('/tmp/three').count()"

    box = notebook.assert_fails(read)

    assert box["what"] == "HDFS's NameNode is not running."
    assert box["remedy"] == "!eventlab up namenode"
    assert notebook.run("!hadoop fs -ls /tmp")["what"] == box["what"]
    notebook.run(box["remedy"])

    lesson = "from eventlab.course import preparation; preparation.prepare(needs=['datanode'])"
    box_of_lesson = notebook.assert_fails(lesson)
    assert box_of_lesson["what"] == "HDFS's DataNode is not running."

    write = "spark.range(3).write.mode('overwrite').parquet('/tmp/other')"
    box = notebook.assert_fails(write)
    assert "safe mode" in box["what"]
    assert "The reported blocks 0 needs additional" in box["proof"]
    assert box["remedy"] == "!eventlab up datanode"

    notebook.assert_fixed(write, box)
    notebook.assert_runs(read)
    assert box_of_lesson["remedy"] == box["remedy"]
    notebook.assert_runs(lesson)


def test_a_game_api_that_does_not_answer(notebook, broken):
    kill(broken, "api")
    cell = "import httpx; httpx.get(settings.api_url)"

    box = notebook.assert_fails(cell)

    assert box["what"] == "The game API has ended."
    assert notebook.run("!curl -s {settings.api_url}/")["remedy"] == "!eventlab up api"
    notebook.assert_fixed(cell, box)


def test_a_wrong_port_of_a_game_api_that_is_not_running_has_a_short_traceback(notebook, broken):
    Stack(broken, grace_s=2).down(["api"])
    cell = "httpx.get('http://localhost:1/')"

    box = notebook.assert_fails(f"import httpx\n{cell}")

    assert "and does not answer there either" in box["what"]
    assert "httpcore" not in "\n".join(notebook.reply["traceback"])
    address = broken.api_url.removeprefix("http://")
    assert f"then write {address} for localhost:1" in box["instruction"]
    notebook.assert_fixed(cell.replace("localhost:1", address), box)


def test_a_service_that_answers_is_never_reported_as_stopped(notebook):
    for error in (
        "from kafka.errors import KafkaTimeoutError; raise KafkaTimeoutError('Unable to bootstrap')",
        "raise RuntimeError('StatusCode.UNAVAILABLE: Connection refused')",
        "raise RuntimeError('HDFS does not answer: Connection refused')",
        "raise RuntimeError('Name node is in safe mode')",
        "!kafkacat -C -t events --no-such-flag",
    ):
        assert notebook.run(error) is None, error


def test_a_suspended_broker_delays_the_cell_no_longer_than_the_limit(notebook, broken):
    running = process_of(broken, "kafka")
    notebook.assert_runs("from kafka.errors import KafkaTimeoutError; hook.TIME_LIMIT_S = 0.5")
    suspend(running)
    try:
        taken = Stopwatch()
        notebook.run("raise KafkaTimeoutError('no answer')")
        seconds = taken.seconds
    finally:
        running.resume()
        notebook.assert_runs("hook.TIME_LIMIT_S = 30")

    assert seconds < 2.5  # without the limit, a probe waits 6 s


@pytest.fixture(scope="module")
def stopped_spark(notebook, broken):
    """Stop the Spark server, and return the box that says so; its remedy starts one with the smallest heap."""
    notebook.assert_runs("spark.range(3).count()")
    Stack(broken, grace_s=2).down(["spark"])
    notebook.assert_runs("import os; os.environ['EVENTLAB_SPARK_MEMORY'] = '512m'")
    try:
        box = notebook.assert_fails("spark.range(3).count()")
        notebook.assert_fixed("spark.range(3).count()", box)
    finally:
        notebook.assert_runs("del os.environ['EVENTLAB_SPARK_MEMORY']")  # other modules use this kernel, too
    small = process_of(broken, "spark")
    yield box
    if process.alive(small):  # no remedy has replaced it
        Stack(broken, grace_s=2).down(["spark"])


def test_a_stopped_spark_server_is_started_and_gets_a_new_session(stopped_spark, broken):
    assert stopped_spark["what"] == "The Spark server is not running."
    assert f"nothing listens at port {broken.spark_port}" in stopped_spark["proof"]
    assert stopped_spark["remedy"].startswith("!eventlab up spark\n")
    assert "the cells that create the DataFrames" in stopped_spark["instruction"]


def test_a_spark_server_without_memory_gets_more_and_a_session_of_an_earlier_server_is_replaced(
    notebook, broken, stopped_spark
):
    pid = process_of(broken, "spark").pid
    cell = "spark.range(1).selectExpr(\"length(repeat('x', 400000000 + int(id))) as c\").collect()"

    box = notebook.assert_fails(cell)

    assert box["what"] == "Spark has no memory left."
    assert f"process {pid}, which had at most 512 MiB" in box["proof"]
    assert "java.lang.OutOfMemoryError: Java heap space" in box["proof"]
    restart, _, new_session = box["remedy"].partition("\n")
    assert restart == "!EVENTLAB_SPARK_MEMORY=1024m eventlab restart spark"
    notebook.assert_runs(restart)
    earlier = notebook.assert_fails("spark.range(3).count()")
    assert "was restarted" in earlier["what"]
    assert f"process {process_of(broken, 'spark').pid}" in earlier["proof"]
    assert earlier["remedy"] == new_session
    notebook.assert_fixed("spark.range(3).count()", earlier)
    notebook.assert_runs(cell)
    assert notebook.value == "[Row(c=400000000)]"

    cell = "spark.range(4_000_000).selectExpr(\"repeat('x', 1000) as text\").toPandas()"
    box = notebook.assert_fails(cell)
    assert box["what"].startswith("The result is too large for toPandas()")
    notebook.assert_fixed(cell.replace(".toPandas", ".limit(1000).toPandas"), box)
