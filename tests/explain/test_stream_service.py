"""Streaming queries without a service: one that ended with a recorded error, and one without a report."""

from types import SimpleNamespace

import pytest

from eventlab.explain import service, stream, stream_service
from eventlab.explain.explanation import Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import Settings
from tests.explain.test_python import failed

ERRORS = {
    "kafka": "org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node assignment.",
    "namenode": "Call From vm/127.0.0.1 to localhost:8020 failed on connection exception: "
    "java.net.ConnectException: Connection refused; For more details see:  http://wiki.apache.org/hadoop/ConnectionRefused",
    "datanode": "File /tmp/lesson-10/checkpoint/offsets/.2.tmp could only be written to 0 of the 1 minReplication "
    "nodes. There are 1 datanode(s) running and 1 node(s) are excluded in this operation.",
}

Query = type("StreamingQuery", (SimpleNamespace,), {"__module__": "pyspark.sql.connect.streaming.query"})


def cell(name, is_active=False, has_failed=True):
    """Return a cell that waits for a query, which failed with the error of a service."""
    error = RuntimeError(ERRORS[name]) if has_failed else None
    variables = {
        "query": Query(isActive=is_active, exception=lambda: error),
        "In": ["query = start_writing()", "query.processAllAvailable()"],
    }
    return FailedCell(RuntimeError(ERRORS[name]), "query.processAllAvailable()", variables)


@pytest.mark.parametrize("name", ERRORS)
def test_a_query_that_has_ended_is_started_again_when_its_service_answers(name, monkeypatch):
    monkeypatch.setattr(service, "service_not_running", lambda settings, wanted: None)
    monkeypatch.setattr(service, "answers", lambda settings, wanted: wanted == name)

    found = stream_service.query_has_ended(cell(name), Settings())

    assert found is not None
    assert found.what.startswith("The streaming query query has ended, because ")
    assert found.remedy == "query = start_writing()"
    assert ERRORS[name][:100] in found.proof
    assert stream_service.query_has_ended(cell(name, is_active=True), Settings()) is None
    assert stream_service.query_has_ended(cell(name, has_failed=False), Settings()) is None  # it was stopped


@pytest.mark.parametrize("name", ERRORS)
def test_a_service_that_does_not_run_is_started_first(name, monkeypatch):
    down = Explanation("It has ended.", "no process", f"!eventlab up {name}")
    monkeypatch.setattr(service, "service_not_running", lambda settings, wanted: down if wanted == name else None)

    assert stream_service.query_has_ended(cell(name), Settings()) == down


@pytest.mark.parametrize("field", ["['batchId']", ".batchId"])
def test_a_query_without_a_report_is_named_only_where_the_report_was_missing(field):
    early, late = Query(lastProgress=None, recentProgress=[1]), Query(lastProgress=Query(batchId=1))
    late.lastProgress = {"batchId": 1} if "[" in field else late.lastProgress

    box = stream.no_report_yet(failed(f"n = query.lastProgress{field}", query=early), Settings())
    other = failed(f"n = query.lastProgress{field}\nresult{field}", query=late, result=None)

    assert box is not None
    assert box.proof.endswith("query.recentProgress has 1 report now")
    assert stream.no_report_yet(other, Settings()) is None


def test_a_query_of_a_spark_server_that_does_not_answer_is_not_asked():
    asked = []
    is_active = property(lambda self: asked.append("isActive"))
    ended = type(Query.__name__, (SimpleNamespace,), {"__module__": Query.__module__, "isActive": is_active})
    error = RuntimeError("status = StatusCode.UNAVAILABLE")

    assert (
        stream_service.query_has_ended(FailedCell(error, "query.status", {"query": ended()}), Settings()) is None
    )
    assert asked == []
