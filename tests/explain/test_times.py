"""Times that are strings or numbers: errors as Spark Connect reports them, and the line of the box."""

import pytest
from pyspark.sql import Row
from pyspark.sql.connect import functions

from eventlab.explain import times
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import settings
from tests.explain.test_wrong_values import Tagged, error_of


class Moments(Tagged):
    """A DataFrame with a column of times."""

    columns = ("time",)  # type: ignore[assignment]

    def first(self):
        """Return a row."""
        return Row(time=self.value)


Moments.__name__, Moments.__module__ = "DataFrame", Tagged.__module__


def watermark(source, kind="STRING", **variables):
    error = error_of("EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE", eventName="`time`", eventType=f'"{kind}"')
    return times.watermark_of_another_type(FailedCell(error, source, {"F": functions, **variables}), settings)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (
            "a = events.withWatermark('time', '1 minute')",
            'a = events.withColumn("time", F.col("time").cast("timestamp")).withWatermark(\'time\', \'1 minute\')',
        ),
        (
            "late = (\n    events\n    .withWatermark(column, '1 minute')\n    .groupBy('a')\n)",
            '.withColumn("time", F.col("time").cast("timestamp")).withWatermark(column, ' + "'1 minute')",
        ),
        ("late = (events.\n    withWatermark('time', '1 minute'))", None),  # its line does not begin with the dot
        ("events.withWatermark('at', '1 minute')", None),
        ("late.writeStream.start()", None),
    ],
)
def test_a_watermark_of_strings_casts_them_first(source, line):
    box = watermark(source, column="time")

    assert (box and box.remedy) == line


def test_of_a_number_the_unit_is_not_known():
    assert watermark("events.withWatermark('time', '1 minute')", "BIGINT") is None


def test_a_watermark_is_not_explained_where_the_column_or_f_is_something_else():
    source = "events.withWatermark('time', '1 minute')"
    dashed = error_of("EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE", eventName="`a-time`", eventType='"STRING"')

    assert watermark(source, F=3) is None
    assert (
        times.watermark_of_another_type(FailedCell(dashed, source.replace("time'", "a-time'")), settings) is None
    )


MISMATCH = error_of(
    "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", sqlExpr='"window(time)"', inputSql='"time"', inputType='"BIGINT"'
)
OF_ANOTHER_COLUMN = error_of(
    "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", sqlExpr='"window(at)"', inputSql='"at"', inputType='"BIGINT"'
)
CAST = error_of("CAST_INVALID_INPUT", expression="'noon'", sourceType='"STRING"', targetType='"TIMESTAMP"')


@pytest.mark.parametrize(
    ("error", "value", "column", "new"),
    [
        (MISMATCH, 1790000000, "'time'", "F.timestamp_seconds(F.col('time'))"),
        (MISMATCH, 1790000000123, "F.col('time')", "F.timestamp_millis(F.col('time'))"),
        (MISMATCH, 1790000000.5, "moments.time", 'F.timestamp_seconds(moments.time.cast("bigint"))'),
        (CAST, "1790000000", "'time'", "F.timestamp_seconds(F.col('time').cast(\"bigint\"))"),
        (CAST, "2026-09-21 14:13:22", "'time'", "F.col('time').try_cast(\"timestamp\")"),
        (CAST, "2026-09-21T14:13:22Z", "moments['time']", "moments['time'].try_cast(\"timestamp\")"),
        (CAST, "21.09.2026 14:13", "'time'", None),
        (CAST, None, "'time'", None),
        (MISMATCH, 17, "'time'", None),  # an hour, or another number
        (MISMATCH, True, "'time'", None),
        (MISMATCH, 1790000000123456, "'time'", None),  # microseconds
        (CAST, "2026-09-21", "'at'", None),
        (OF_ANOTHER_COLUMN, 1790000000, "'time'", None),
        (error_of("CAST_INVALID_INPUT", targetType='"INT"'), "2026-09-21", "'time'", None),
    ],
)
def test_a_window_gets_times(error, value, column, new):
    source = "moments.groupBy(F.window({}, '1 hour')).count().show()"
    cell = FailedCell(error, source.format(column), {"moments": Moments(value), "F": functions})

    box = times.window_of_another_type(cell, settings)

    assert (box and box.remedy) == (new and source.format(new))


def test_a_cast_that_the_cell_writes_itself_is_another_mistake():
    source = "moments.groupBy(F.window(F.col('time').cast('timestamp'), '1 hour')).count()"

    assert (
        times.window_of_another_type(FailedCell(CAST, source, {"moments": Moments("2026-09-21")}), settings)
        is None
    )
