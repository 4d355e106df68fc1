"""What `%why` explains: a streaming query, a command, or a query's checkpoint."""

from types import SimpleNamespace

import pytest
from IPython.core.interactiveshell import InteractiveShell

from eventlab.clients.kafka import Offsets
from eventlab.clients.stream_checkpoint import Checkpoint
from eventlab.explain import hook, why_line, why_stream
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.why_checkpoint import explain_checkpoint
from eventlab.settings import Settings
from tests.clients.recorded_streams import checkpoint
from tests.stacks import free_settings

StreamingQuery = type("StreamingQuery", (), {"__module__": "pyspark.sql.connect.streaming.query"})
StreamingQuery.name, StreamingQuery.isActive = "flow", True  # type: ignore[attr-defined]


@pytest.mark.parametrize("line", ["query", "(query)", " query ", "( query )"])
def test_a_query_is_explained_with_the_statements_that_define_it(line):
    variables = {"query": StreamingQuery(), "In": ["query = start()\nother = 1", f"%why {line}"]}

    cell = why_line.cell_of(line, variables)

    assert cell.source == "query = start()"
    assert list(cell.variables) == ["query"]


def test_a_query_that_has_ended_is_explained_by_its_name_so_that_an_empty_topic_is_no_reason():
    ended = StreamingQuery()
    ended.isActive = False

    assert why_line.cell_of("query", {"query": ended, "In": ["query = start()", "%why query"]}).source == "query"


def unreachable(query):
    """Raise what pyspark raises when its server has ended."""
    raise ConnectionError("StatusCode.UNAVAILABLE")


LostQuery = type(
    "StreamingQuery", (StreamingQuery,), dict.fromkeys(["isActive", "recentProgress"], property(unreachable))
)
LostQuery.__module__ = StreamingQuery.__module__


def test_a_query_of_an_earlier_server_in_the_notebook_does_not_hide_another_one():
    variables = {"old": LostQuery(), "query": StreamingQuery()}

    found = why_stream.queries(FailedCell(None, "query", variables))

    assert list(found) == [("query", variables["query"])]


def test_a_query_whose_server_has_ended_is_explained_by_the_server(tmp_path):
    settings = free_settings(tmp_path)

    cell = why_line.cell_of("query", {"query": LostQuery()})

    found = why_stream.stream_waits(cell, settings)
    assert found is not None
    assert found.what == "The Spark server is not running."
    assert found.remedy == "!eventlab up spark"


def test_a_query_without_a_statement_is_explained_by_its_name():
    cell = why_line.cell_of("query", {"query": StreamingQuery()})

    assert (cell.source, list(cell.variables)) == ("query", ["query"])


@pytest.mark.parametrize("line", ["(queries['a'])", "queries['a']", "(holder.queries[-1])"])
def test_a_query_in_a_list_is_explained_by_its_own_name(line):
    queries = {"a": StreamingQuery()}
    holder = SimpleNamespace(queries=list(queries.values()))

    cell = why_line.cell_of(line, {"queries": queries, "holder": holder})

    assert (cell.source, list(cell.variables.values())) == ("flow", [queries["a"]])


@pytest.mark.parametrize(
    ("variables", "question"), [({"query": StreamingQuery()}, "Did you mean 'query'?"), ({"a": 1}, "")]
)
def test_a_name_that_no_variable_has_is_no_command(variables, question):
    found = why_line.unknown_name(why_line.cell_of("querry", variables), Settings())

    assert found is not None
    assert found.what == f"There is no variable 'querry'. {question}".strip()
    assert why_line.unknown_name(why_line.cell_of("ls", variables), Settings()) is None


def test_a_dataframe_is_explained_by_its_name():
    frame = type("DataFrame", (), {"__module__": "pyspark.sql.connect.dataframe"})()

    assert why_line.cell_of("(kept)", {"kept": frame}).source == "kept"
    assert why_line.cell_of("kept", {"kept": 3}).source == "!kept"


def test_everything_else_is_a_command():
    assert (
        why_line.cell_of("kafkacat -C -t events", {"query": StreamingQuery()}).source == "!kafkacat -C -t events"
    )


def test_the_form_of_a_call_calls_the_magic_until_the_extension_is_unloaded(monkeypatch):
    shell = InteractiveShell()
    monkeypatch.delenv("EVENTLAB_EXPLAIN", raising=False)
    hook.load(shell)

    assert shell.transform_cell("%why(query)") == "get_ipython().run_line_magic('why', 'query')\n"
    assert shell.transform_cell("%why query") == "get_ipython().run_line_magic('why', 'query')\n"
    assert "why" in shell.magics_manager.magics["line"]

    hook.unload(shell)
    assert why_line.call_as_line not in shell.input_transformers_cleanup


OFFSETS = {"windows": Offsets({0: 0, 1: 0}, {0: 7, 1: 3})}


def box(name, offsets, **changed):
    """Return the explanation of a recorded checkpoint."""
    found = checkpoint(name, **changed)
    assert found is not None
    return explain_checkpoint("/tmp/check", found, offsets, Settings())


def test_a_checkpoint_that_is_at_the_end_of_its_topic():
    found = box("windows", OFFSETS)

    assert found.what.endswith("has read all messages of 'windows' and waits for new ones.")
    assert "09:22:46 and completed" in found.proof
    assert "the watermark is 2026-09-21 14:14:00" in found.proof
    assert found.remedy.endswith("kafkacat -P -t windows")


def test_a_checkpoint_that_is_behind():
    found = box("windows", {"windows": Offsets({0: 0, 1: 0}, {0: 9, 1: 3})})

    assert "has 2 messages of 'windows' to read" in found.what
    assert "it ends at the offsets {0: 7, 1: 3}, and 'windows' at {0: 9, 1: 3}" in found.proof


def test_a_checkpoint_that_began_at_the_latest_offsets():
    found = box("latest", {"latest": Offsets({0: 0}, {0: 3})})

    assert "reads only messages that arrived after its first start" in found.what
    assert "'latest' has 3 messages from before" in found.proof
    assert found.remedy == "!hadoop fs -rm -r -skipTrash /tmp/check"


def test_a_checkpoint_with_a_batch_that_is_not_completed():
    found = box("failed", {"failed": Offsets({0: 0}, {0: 2})})

    assert "has not completed batch 0" in found.what
    assert "the last completed batch is none" in found.proof


def test_a_checkpoint_of_a_topic_that_was_deleted_and_created_again():
    found = box("windows", {"windows": Offsets({0: 0, 1: 0}, {0: 1, 1: 3})})

    assert "belongs to an earlier topic 'windows', which was deleted" in found.what
    assert "read up to the offsets {0: 7, 1: 3}, and 'windows' ends at {0: 1, 1: 3} now" in found.proof


def test_a_checkpoint_whose_query_failed_because_its_topic_was_created_again():
    """Before it fails, Spark plans a batch that ends at the end of the new topic."""
    planned = 'v1\n{"batchWatermarkMs":0,"batchTimestampMs":1795684966000}\n{"windows":{"0":1,"1":0}}'
    found = box("windows", {"windows": Offsets({0: 0, 1: 0}, {0: 1, 1: 0})}, offsets_8=planned)

    assert "belongs to an earlier topic 'windows', which was deleted" in found.what
    assert "read up to the offsets {0: 7, 1: 3}, and 'windows' ends at {0: 1, 1: 0} now" in found.proof


def two_topics(end):
    """Return the explanation of a checkpoint of two topics; the second one ends at this offset."""
    ends = {"a": {0: 7}, "b": {0: 3}}
    both = Checkpoint(4, 4, {"a": {0: 0}, "b": {0: 0}}, ends, ends)
    return explain_checkpoint(
        "/tmp/check", both, {"a": Offsets({0: 0}, {0: 7}), "b": Offsets({0: 0}, {0: end})}, Settings()
    )


def test_each_topic_of_a_checkpoint_counts():
    assert "has 2 messages of 'b' to read" in two_topics(end=5).what
    assert "has read all messages of 'a', 'b'" in two_topics(end=3).what


def test_a_checkpoint_without_a_topic_says_nothing_about_messages():
    found = explain_checkpoint("/tmp/check", Checkpoint(4, 4, {}, {}, {}), {}, Settings())

    assert "does not read from Kafka" in found.what


def test_a_checkpoint_of_a_topic_that_does_not_exist():
    found = box("windows", {"windows": None})

    assert "belongs to the topic 'windows', which does not exist" in found.what
