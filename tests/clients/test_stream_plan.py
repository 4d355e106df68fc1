"""The plan of a streaming query says its windows, watermarks, filters, output mode and checkpoint."""

import pytest

from eventlab.clients.stream_plan import Watermark, Window, read_plan, seconds
from tests.clients.recorded_streams import BASE_S, recorded

PLANS = {
    "windows": (Window(20, 20), "Append", "/tmp/checkpoints/windows"),
    "sliding_windows": (Window(20, 10), "Update", "/tmp/checkpoints/sliding"),
    "session_windows": (Window(), "Append", "/tmp/checkpoints/session"),
    "duplicates": (None, "", "/tmp/checkpoints/dedup"),
    "join": (None, "", "/tmp/checkpoints/join"),
    "filter": (None, "", ""),
}


@pytest.mark.parametrize("name", PLANS)
def test_the_plan_names_windows_output_mode_and_checkpoint(name):
    window, output_mode, checkpoint = PLANS[name]

    plan = recorded(name).plan

    assert (plan.window, plan.output_mode) == (window, output_mode)
    assert plan.checkpoint.removeprefix("file:") == checkpoint
    assert plan.is_stateful == bool(checkpoint)


def test_the_plan_names_watermarks_and_filters():
    assert recorded("join").plan.watermarks == (Watermark("time", 10, "time"), Watermark("time", 20, "time"))
    assert recorded("windows").plan.watermarks == (Watermark("time", 10, "time"),)
    assert recorded("filter").plan.filters == ("(event_type = purchase_swrd)",)
    assert recorded("windows").plan.filters == ()
    assert recorded("windows").plan.closed_before_s == BASE_S + 40


FIELDS = {
    "Project [e#1.event_type AS event_type#2, e#1.at AS time#3]": "at",
    "Project [e#1.n AS n#2L, cast(e#1.at as timestamp) AS time#3]": "at",
    "Project [e#1.n AS n#2L, to_timestamp(e#1.at, Some(y-M-d), TimestampType, None, true) AS time#3]": "at",
    "Project [cast(get_json_object(cast(value#1 as string), $.at) as timestamp) AS time#3]": "at",
    "Project [at#2 AS time#3]\n      +- ~Project [e#1.begun AS at#2]": "begun",
    "Project [e#1.n AS n#2L, timestamp#9 AS time#3]": "timestamp",
    "Project [time#3]": "time",
}


@pytest.mark.parametrize("project", FIELDS)
def test_the_field_of_the_event_time_is_known_from_the_plan(project):
    plans = f"+- ~EventTimeWatermark a-b, time#3: timestamp, 1 minutes\n   +- ~{project}\n"

    assert read_plan(plans).watermarks == (Watermark("time", 60, FIELDS[project]),)


def test_a_query_without_a_plan_has_an_empty_one():
    plan = read_plan("No physical plan. Waiting for data.")

    assert (plan.watermarks, plan.window, plan.filters, plan.checkpoint) == ((), None, (), "")


def test_an_interval_has_a_length():
    assert seconds("1 hours 30 minutes") == 5400
    assert seconds("500 milliseconds") == 0.5
    assert seconds("1 minutes 0.5 seconds") == 60.5


def test_an_event_is_in_one_tumbling_window_or_in_several_sliding_ones():
    assert Window(20, 20).starts(BASE_S + 5) == [BASE_S]
    assert Window(20, 10).starts(BASE_S + 5) == [BASE_S, BASE_S - 10]
    assert Window(20, 20, offset_s=7).starts(6) == [-13]
    assert Window().starts(BASE_S) == []
