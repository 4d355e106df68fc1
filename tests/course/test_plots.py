"""The plots of lesson 8 can be read in a light and in a dark theme, and their ticks are whole numbers."""

import nbformat
import pandas as pd
import pytest

from eventlab.course.run import NOTEBOOKS

NUMBERS = {
    "by_hour": pd.DataFrame({"hour": range(4), "visits": [0, 1, 3, 2]}),
    "by_host": pd.DataFrame(
        {
            "Host": ["user1.comcast.com", "user2.att.com"],
            "visits": [1, 2],
            "purchases_per_100_visits": [0.4, 1.3],
        }
    ),
}
"""Small numbers, for which matplotlib by itself chooses ticks such as 0.5."""


@pytest.fixture
def figures(monkeypatch):
    """Run the cells of lesson 8 that draw, and return their figures."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.use("agg")
        import matplotlib.pyplot as plt

        monkeypatch.setattr(plt, "show", lambda: None)
        names = dict(NUMBERS)
        cells = nbformat.read(NOTEBOOKS / "08_query_with_sql.ipynb", as_version=4).cells
        for source in [cell.source for cell in cells if cell.source.endswith("plt.show()")]:
            exec(source, names)
        figures = [plt.figure(number) for number in plt.get_fignums()]
        yield figures
        plt.close("all")


def test_the_plots_have_whole_ticks_no_background_and_no_legend(figures):
    bars, both = figures
    axes = [*bars.axes, *both.axes]
    counted = [bars.axes[0].yaxis, *(axis.xaxis for axis in both.axes)]

    assert len(axes) == 3
    assert all(axis.get_ylabel() or axis.get_title() for axis in axes)
    assert [tick for axis in counted for tick in axis.get_majorticklocs() if tick != round(tick)] == []
    assert {axis.get_legend() for axis in axes} == {None}
    assert {axis.get_facecolor()[3] for axis in [*axes, *(figure.patch for figure in figures)]} == {0}
