"""The plots of lesson 8 can be read in a light and in a dark theme, with whole numbers, and print nothing else."""

from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest

import eventlab
from eventlab import jupyter
from eventlab.course.run import NOTEBOOKS
from eventlab.explain import hook

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


def test_a_first_plot_says_nothing_about_fonts_when_their_list_takes_long(monkeypatch, caplog):
    from matplotlib import font_manager

    at_once = SimpleNamespace(Timer=lambda seconds, function: SimpleNamespace(start=function, cancel=lambda: None))
    monkeypatch.setattr(font_manager, "threading", at_once)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *folders, **options: [])
    for part in (hook, jupyter):
        for name in {"load", "unload", "follow", "unfollow"} & {*vars(part)}:
            monkeypatch.setattr(part, name, lambda shell: None)
    shell = object()

    eventlab.load_ipython_extension(shell)
    font_manager.FontManager()
    assert caplog.messages == []

    eventlab.unload_ipython_extension(shell)
    font_manager.FontManager()
    (notice,) = caplog.messages
    assert "building the font cache" in notice
