"""The statements of a query, and its DataFrames as tables."""

from types import SimpleNamespace
from typing import Any

from pyspark.sql.connect import plan
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.functions.builtin import col, lit

from eventlab.explain.query_program import as_table, table_before_filters

IS_SWORD: Any = col("event_type") == lit("purchase_sword")


def source(**options):
    """Return the plan of a stream."""
    return plan.DataSource("kafka", options={"subscribe": "events"} | options, is_streaming=True)


def frame(found: Any) -> Any:
    """Return a DataFrame of the plan, without a session."""
    return DataFrame(found, SimpleNamespace())  # type: ignore[arg-type]


def test_the_sources_of_a_stream_become_tables_that_begin_at_the_first_message():
    streams: Any = plan.SetOperation(source(startingOffsets="latest"), source(), "union")

    tables: Any = as_table(frame(plan.Limit(streams, 1)))._plan._child

    assert [table._is_streaming for table in (tables._child, tables.other)] == [False, False]
    assert tables._child._options == {"subscribe": "events"}
    assert streams._child._is_streaming
    assert streams._child._options["startingOffsets"] == "latest"


def test_the_last_filters_and_groups_of_a_query_are_left_out():
    rows = plan.WithWatermark(plan.Filter(source(), IS_SWORD), "time", "1 second")

    before = table_before_filters(frame(plan.Filter(rows, IS_SWORD)))._plan

    assert type(before).__name__ == "DataSource"
