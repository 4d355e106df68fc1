"""Updating a notebook's outputs changes only what differs in substance."""

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output

from eventlab.course.refresh import clean, update_outputs


def cell(source, text, *tags):
    return new_code_cell(
        source, outputs=[new_output("stream", text=text)], execution_count=7, metadata={"tags": list(tags)}
    )


def cleaned_text(new, old):
    return clean(new_notebook(cells=[new]), new_notebook(cells=[old])).cells[0].outputs[0].text


def test_an_output_that_differs_only_in_a_date_is_unchanged():
    old = cell("!ls", "2026-01-01 10:00 /tmp\n")

    assert cleaned_text(cell("!ls", "2026-02-02 11:11 /tmp\n"), old) == "2026-01-01 10:00 /tmp\n"


def test_an_output_that_differs_in_substance_is_updated():
    old = cell("!ls", "2026-01-01 10:00 /tmp\n")

    assert cleaned_text(cell("!ls", "2026-01-01 10:00 /tmp/new\n"), old) == "2026-01-01 10:00 /tmp/new\n"


def test_a_time_without_zeros_at_its_end_makes_a_table_narrower_and_does_not_change_the_output():
    table = "+---+{line}+\n|  a|timestamp{space}|\n+---+{line}+\n|  1|{time}|\n+---+{line}+\n"
    long = table.format(line="-" * 23, space=" " * 14, time="2026-01-01 10:00:00.123")
    short = table.format(line="-" * 19, space=" " * 10, time="2026-02-02 11:11:11")

    mixed = long.replace("00.123|", "00.12 |")

    assert cleaned_text(cell("show()", short), cell("show()", long)) == long
    assert cleaned_text(cell("show()", long), cell("show()", short)) == short
    assert cleaned_text(cell("show()", mixed), cell("show()", long)) == long


def test_an_ignored_output_is_updated_only_with_its_source():
    old = cell("measure()", "3.1 s", "nbval-ignore-output")

    assert cleaned_text(cell("measure()", "3.4 s", "nbval-ignore-output"), old) == "3.1 s"
    assert cleaned_text(cell("measure(2)", "3.4 s", "nbval-ignore-output"), old) == "3.4 s"


def test_metadata_and_cells_of_papermill_are_removed():
    executed = new_notebook(
        cells=[
            new_code_cell("a = 2", metadata={"tags": ["injected-parameters"]}),
            new_code_cell("a", execution_count=5, metadata={"papermill": {"duration": 1}, "tags": []}),
        ],
        metadata={"papermill": {"input_path": "somewhere"}},
    )

    result = clean(executed, new_notebook())

    assert [(c.source, c.execution_count, dict(c.metadata), c.id) for c in result.cells] == [
        ("a", 1, {}, "cell-001")
    ]
    assert "papermill" not in result.metadata


def test_updating_twice_changes_nothing_the_second_time(tmp_path):
    path = tmp_path / "n.ipynb"
    nbformat.write(new_notebook(), path)
    executed = new_notebook(cells=[cell("!ls", "2026-01-01 10:00 /tmp\n")])

    assert update_outputs(path, executed)
    assert not update_outputs(path, executed)


def test_a_new_cell_does_not_update_the_outputs_of_the_cells_after_it():
    old = new_notebook(cells=[cell("!ls", "2026-01-01 10:00 /tmp\n")])
    new = new_notebook(cells=[cell("1", "1\n"), cell("!ls", "2026-02-02 11:11 /tmp\n")])

    assert clean(new, old).cells[1].outputs[0].text == "2026-01-01 10:00 /tmp\n"


def test_the_line_about_saved_messages_does_not_change_an_output():
    old = cell("prepare()", "Topic 'events' contains 40 events.\n")
    saved = "The messages that were in topic 'events' are saved in /somewhere/x.jsonl\n"
    printed = f"{saved}Topic 'events' contains 40 events.\n"

    assert cleaned_text(cell("prepare()", printed), old) == old.outputs[0].text


def test_a_widget_is_stored_as_its_text():
    view = {"model_id": "4711", "version_major": 2, "version_minor": 0}
    data = {"text/plain": "StackPanel: kafka", "application/vnd.jupyter.widget-view+json": view}
    cell = new_code_cell("panel", outputs=[new_output("execute_result", data, execution_count=1)])

    result = clean(new_notebook(cells=[cell]), new_notebook())

    assert result.cells[0].outputs[0].data == {"text/plain": "StackPanel: kafka"}
