"""The order of a sort that Spark ignores: cells without an error, which get a box, and others, which get none."""

import time

import pytest
from pyspark.sql import Row
from pyspark.sql.connect import functions

from eventlab.explain import hook
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.registry import explanations, first_confirmed
from eventlab.settings import settings
from tests.explain.notebook_variables import Table, names


def box_after(source):
    """Run a cell that has no error, and return its box, as the hook of Jupyter asks for it."""
    variables = {
        **names(),
        "up": False,
        "tagged": Row(tags=[1, 2]),
        "from_largest": [functions.desc("pieces")],
        "column": "pieces",
    }
    exec(source, variables)
    cell = FailedCell(None, source, variables)
    return first_confirmed(explanations(), cell, settings) if hook.MAY_BE_WRONG.search(source) else None


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("top = sold.orderBy('pieces', descending=True)", "top = sold.orderBy('pieces', ascending=False)"),
        ("sold.sort('pieces', desc=True)", "sold.sort('pieces', ascending=False)"),
        ("sold.orderBy('pieces', reverse=down)", "sold.orderBy('pieces', ascending=not down)"),
        ("sold.orderBy('pieces', asc=False)", "sold.orderBy('pieces', ascending=False)"),
        ("sold.orderBy(F.col('pieces'), desc=True)", "sold.orderBy(F.col('pieces'), ascending=False)"),
        ("sold.orderBy(column, desc=True)", "sold.orderBy(column, ascending=False)"),
        (
            "sold.sortWithinPartitions('pieces', desc=True)",
            "sold.sortWithinPartitions('pieces', ascending=False)",
        ),
        (
            "sold.orderBy('pieces', 'player', descending=[True, False])",
            "sold.orderBy('pieces', 'player', ascending=[False, True])",
        ),
        (
            "sold.groupBy('player').count().orderBy('count', descending=True)",
            "sold.groupBy('player').count().orderBy('count', ascending=False)",
        ),
    ],
)
def test_an_order_that_spark_has_ignored_is_written_as_spark_reads_it(source, line):
    box = box_after(source)

    assert box
    assert box.remedy == line


@pytest.mark.parametrize(
    "source",
    [
        "sold.orderBy('pieces', ascending=False)",
        "sold.orderBy('pieces', descending=False)",
        "sold.orderBy('pieces', descending=up)",
        "sold.orderBy('pieces', asc=True)",
        "sold.orderBy(F.desc('pieces'), descending=True)",
        "sold.orderBy('pieces', ascending=False, descending=True)",
        "sold.orderBy('pieces', descending=len(rows) > 1)",
        "rows.sort(reverse=True)",
        "rows.sort(reverse=True); sold.orderBy('pieces', ascending=False)",
        "sold.orderBy('pieces', desc=True, descending=True)",  # it is not known which one to keep
        "sold.collect().sort(reverse=True)",
        "sold.orderBy('pieces', 'player', descending=[False, False])",
        "sold.orderBy('pieces', descending='player')",
        "sold.orderBy(from_largest, descending=True)",
        "by_hour['hour'].tolist().sort(reverse=True)",  # a list that an object of a library returns
        "tagged.tags.sort(reverse=True)",
        "tagged['tags'].sort(reverse=True)",
        "sorted(rows, reverse=True)",
    ],
)
def test_an_order_that_is_right_gets_no_box(source):
    assert box_after(source) is None


def test_a_large_cell_is_searched_fast():
    begin = time.process_time()

    assert not hook.MAY_BE_WRONG.search("rows.sort(key=str)\n" * 5000)
    assert time.process_time() - begin < 1


def test_spark_has_ignored_the_order():
    plain, reverse = Table().orderBy("pieces"), Table().orderBy("pieces", descending=True)

    assert str(plain._plan.columns) == str(reverse._plan.columns)
    assert str(Table().orderBy("pieces", ascending=False)._plan.columns) != str(plain._plan.columns)
