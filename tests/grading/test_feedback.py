"""Feedback pages show verdicts, hints and the executed notebook, and execute nothing."""

import base64
import io
from dataclasses import replace

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, writes

from eventlab.grading.reports import cells, gradescope, html
from eventlab.grading.results import Question
from tests.grading.report_examples import ATTACK, MISSED, Tags, assert_harmless, record


def test_feedback_has_verdicts_and_hints_and_no_hidden_value(tmp_path):
    page = html.write_feedback(record(), tmp_path).read_text()

    for said in (
        "no_duplicates",
        "is every event unique?",
        "right_columns",
        "host: string",
        "your cell ran past 60 s",
    ):
        assert said in page
    assert "1 of 4.5 points" in page
    assert "secret" not in page
    assert "killed at q2" not in page


def test_feedback_shows_the_executed_notebook(tmp_path):
    plot = io.BytesIO()
    from matplotlib.figure import Figure

    Figure(figsize=(1, 1)).savefig(plot, format="png")
    picture = base64.b64encode(plot.getvalue()).decode()
    outputs = [
        new_output("stream", text="20 swords\n"),
        new_output("display_data", {"image/png": picture, "text/plain": "<Figure>"}),
        new_output("execute_result", {"text/html": "<table></table>", "text/plain": "a  b"}, execution_count=1),
        new_output("error", ename="ValueError", evalue="no", traceback=["\x1b[31mValueError\x1b[0m: no"]),
    ]
    page = page_of(tmp_path, new_markdown_cell("# Question *one*"), new_code_cell("x < 1", outputs=outputs))

    for said in ("<h1>Question <em>one</em></h1>", "x &lt; 1", "20 swords", "a  b", "ValueError: no"):
        assert said in page
    assert picture in page.replace("\n", "")
    assert "\x1b" not in page


def page_of(tmp_path, *shown, student="ada"):
    (tmp_path / "executed").mkdir(exist_ok=True)
    (tmp_path / "executed" / "x.ipynb").write_text(writes(new_notebook(cells=list(shown))))
    return html.write_feedback(record(student, notebook="executed/x.ipynb"), tmp_path).read_text()


HOSTILE_OUTPUTS = [
    new_output("display_data", {"text/html": ATTACK}),
    new_output("display_data", {"application/javascript": "alert(1)", "text/plain": ATTACK}),
    new_output("display_data", {"image/svg+xml": "<svg onload=alert(1)>"}),
    new_output("display_data", {"image/png": '"><script>alert(1)</script>'}),
    new_output("display_data", {"image/png": base64.b64encode(b"<svg onload=alert(1)>").decode()}),
    new_output("display_data", {"text/markdown": ATTACK, "text/latex": ATTACK}),
    new_output("stream", text=f"</pre>{ATTACK}\x1b]8;;javascript:alert(1)\x07"),
    new_output("error", ename=ATTACK, evalue=ATTACK, traceback=[ATTACK]),
    {"output_type": ATTACK, "data": ATTACK},
    {"output_type": "display_data", "data": [ATTACK]},
    {"output_type": "stream", "text": {"a": ATTACK}},
    "no output",
]


@pytest.mark.parametrize("output", HOSTILE_OUTPUTS)
def test_no_output_of_a_student_is_executed(output):
    cell = new_code_cell("1")
    cell["outputs"] = [output]

    page = cells.cell_html(cell)

    assert_harmless(page)
    assert "<" + "script" not in page


@pytest.mark.parametrize(
    "text",
    [
        ATTACK,
        "[a](javascript:alert(1))",
        "[a](JAVASCRIPT&colon;alert(1))",
        "[a]( java\nscript:alert(1))",
        "![a](http://example.com/seen.png)",
        '[a](http://x "onmouseover=alert(1)")',
        "<javascript:alert(1)>",
        "[a][1]\n\n[1]: javascript:alert(1)",
        "[a](data:text/html,<script>alert(1)</script>)",
        "<div\n\nonclick=alert(1)>",
        "```<script>\nx\n```",
        "|<script>|\n|-|\n|<img onerror=alert(1)>|",
    ],
)
def test_no_markdown_of_a_student_is_executed(text):
    page = cells.markdown(text)

    assert_harmless(page)
    assert "img" not in Tags(page).tags


def test_a_hostile_name_is_text_everywhere(tmp_path):
    page = page_of(tmp_path, new_code_cell(ATTACK), new_markdown_cell(ATTACK), student=ATTACK)
    found = replace(MISSED, name=ATTACK, got=ATTACK, hint=ATTACK, question=ATTACK)
    hostile = record(ATTACK, lab=ATTACK, questions=(Question(ATTACK, 0, 1, ATTACK, (found,)),), messages=(ATTACK,))

    for each in (page, html.feedback(hostile, None), html.overview([hostile])):
        assert_harmless(each)


def test_a_page_runs_no_script_even_if_one_got_in():
    for page in (html.overview([record()]), html.feedback(record(), None)):
        assert "default-src 'none'" in page
        assert "script-src" not in page


def test_a_link_in_markdown_stays_and_leads_to_a_web_page_or_an_address_only():
    assert 'href="https://example.com/a?b=1"' in cells.markdown("[a](https://example.com/a?b=1)")
    assert "href" not in cells.markdown("[a](tel:112)")


@pytest.mark.parametrize("marker", ["SOLUTION", "HIDDEN TESTS"])
def test_feedback_withholds_what_stands_between_nbgraders_markers(tmp_path, marker):
    source = f"mine = 1\n### BEGIN {marker}\nsecret = 42\n### END {marker}\nmine = 2"
    unfinished = f"mine = 3\n    ### BEGIN {marker}\nsecret = 43"
    page = page_of(tmp_path, new_code_cell(source), new_code_cell(unfinished), new_markdown_cell(source))

    assert "secret" not in page
    assert all(f"mine = {number}" in page for number in (1, 2, 3))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"cells": [1, null, {"cell_type": "code"}]}', "[" * 100_000])
def test_an_executed_copy_that_cannot_be_read_leaves_the_verdicts(tmp_path, content):
    (tmp_path / "x.ipynb").write_text(content)

    assert "no_duplicates" in html.write_feedback(record(notebook="x.ipynb"), tmp_path).read_text()


def test_a_notebook_outside_the_output_is_not_shown(tmp_path):
    (tmp_path / "secret.ipynb").write_text(writes(new_notebook(cells=[new_code_cell("secret")])))

    page = html.write_feedback(record(notebook="../secret.ipynb"), tmp_path / "output").read_text()

    assert "secret" not in page


def test_feedback_on_a_huge_notebook_stays_small():
    cell = new_code_cell("x" * 5_000_000, outputs=[new_output("stream", text="y" * 5_000_000)] * 10)
    page = html.feedback(record(), NotebookNode(cells=[cell] * 1000))

    assert len(page) < 25_000_000
    assert "more cells" in page


def test_feedback_says_what_happened_to_the_submission_as_a_whole(tmp_path):
    noted = record(notes=("2 notebooks: <b>lab</b>.ipynb was taken, not old.ipynb",))

    assert "2 notebooks: &lt;b&gt;lab&lt;/b&gt;.ipynb was taken, not old.ipynb" in html.feedback(noted, None)
    assert "2 notebooks" in str(gradescope.results(noted)["output"])
