"""Reports: complete for the instructor; no hidden check is told to a student, nothing of a student is executed."""

import base64
import csv
import io
import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, writes

from eventlab.grading.reports import cells, gradescope, html, tables, write_all
from eventlab.grading.results import CheckResult, Question, SubmissionRecord, slug

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>"
HIDDEN = CheckResult(
    "no_duplicates", "q1", False, 0, 2, True, "is every event unique?", "17 of secret", "19 of secret"
)
PUBLIC = CheckResult("every_sword", "q1", True, 1, 1, False, "filter by event_type", "20", "20")
MISSED = CheckResult(
    "right_columns", "q2", False, 0, 1.5, False, "print the schema", "Host: string", "host: string"
)


def record(student="ada", **fields):
    questions = (
        Question("q1", 1, 3, "", (PUBLIC, HIDDEN)),
        Question("q2", 0, 1.5, "your cell ran past 60 s", (MISSED,)),
    )
    whole = SubmissionRecord(
        student, "lab01_events", "timed_out", 1, 4.5, questions, ("killed at q2",), "bwrap", 2.4
    )
    return replace(whole, **fields)


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


class Tags(HTMLParser):
    """Every tag and attribute that a browser would see."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes = set(), set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(f"{name}={(value or '')[:11]}" for name, value in attrs)


def assert_harmless(html):
    found = Tags(html)
    assert not found.tags & {"script", "iframe", "svg", "object", "embed", "form", "input", "link", "base", "math"}
    assert not [each for each in found.attributes if each.startswith("on") or "javascript" in each.lower()]
    assert not [
        each for each in found.attributes if each.startswith("src=") and not each.startswith("src=data:im")
    ]


def test_every_report_is_written(tmp_path):
    write_all.write_all([record(), record("Ben")], tmp_path)

    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*") if path.is_file()) == sorted(
        ["grades.csv", "checks.csv", "report.html"]
        + [
            f"{folder.format(slug(name))}"
            for name in ("ada", "Ben")
            for folder in ("feedback/{}.html", "gradescope/{}/results.json")
        ]
    )


def test_no_submissions_give_empty_reports(tmp_path):
    write_all.write_all([], tmp_path)

    assert read((tmp_path / "grades.csv").read_text()) == []
    assert "0 submissions" in (tmp_path / "report.html").read_text()


def test_the_grades_have_a_row_a_student_with_each_questions_points(tmp_path):
    tables.write([record(), record("Ben", questions=(), status="unreadable", points=0)], tmp_path)

    ada, ben = read((tmp_path / "grades.csv").read_text())
    assert ada == {
        "student": "ada",
        "lab": "lab01_events",
        "status": "timed_out",
        "points": "1",
        "max_points": "4.5",
        "q1": "1",
        "q2": "0",
        "sandbox": "yes",
        "messages": "killed at q2",
    }
    assert (ben["student"], ben["status"], ben["points"], ben["q1"]) == ("Ben", "unreadable", "0", "")


def test_the_checks_have_a_row_a_check_with_expected_and_got(tmp_path):
    tables.write([record(), record("Ben")], tmp_path)

    rows = read((tmp_path / "checks.csv").read_text())
    assert [(row["student"], row["question"], row["check"]) for row in rows][:3] == [
        ("ada", "q1", "every_sword"),
        ("ada", "q1", "no_duplicates"),
        ("ada", "q2", "right_columns"),
    ]
    assert len(rows) == 6
    assert (rows[1]["expected"], rows[1]["got"], rows[1]["hidden"]) == ("17 of secret", "19 of secret", "yes")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " =", "\r=", "\n@", "＝", "\u00a0=", "\x00="])
def test_nothing_that_a_student_writes_is_a_formula(tmp_path, start):
    formula = f'{start}HYPERLINK("http://example.com?"&A1)'
    tables.write(
        [record(formula, questions=(Question("q1", 0, 1, "", (replace(MISSED, got=formula),)),))], tmp_path
    )

    for row in read((tmp_path / "grades.csv").read_text()) + read((tmp_path / "checks.csv").read_text()):
        for cell in row.values():
            assert not cell.lstrip().startswith(tuple("=+-@＝\x00")), cell


def test_a_name_with_quotes_and_lines_stays_in_its_cell(tmp_path):
    name = 'Ada "the count",\n"Lovelace"'
    tables.write([record(name)], tmp_path)

    assert [row["student"] for row in read((tmp_path / "grades.csv").read_text())] == [name]


def test_gradescopes_results_have_the_score_and_a_test_a_check(tmp_path):
    found = json.loads(gradescope.write(record(), tmp_path).read_text())

    assert found["score"] == 1
    assert [(test["name"], test["score"], test["max_score"], test["status"]) for test in found["tests"]] == [
        ("every_sword", 1, 1, "passed"),
        ("no_duplicates", 0, 2, "failed"),
        ("right_columns", 0, 1.5, "failed"),
    ]
    assert "your cell ran past 60 s" in found["output"]
    assert {test["visibility"] for test in found["tests"]} == {"visible"}


def test_gradescopes_results_tell_no_hidden_value():
    text = json.dumps(gradescope.results(record()))

    assert "secret" not in text
    assert "is every event unique?" in text
    assert "host: string" in text


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


def test_the_overview_has_the_commonest_failure_and_pass_rate_of_each_check():
    others = [replace(MISSED, got=got) for got in ("HOST: string", "nothing", "HOST: string")]
    class_ = [record(f"s{n}", questions=(Question("q2", 0, 1.5, "", (check,)),)) for n, check in enumerate(others)]

    (found,) = html.summaries(
        [*class_, record("s3", questions=(Question("q2", 1.5, 1.5, "", (replace(MISSED, passed=True),)),))]
    )

    assert (found.passed, found.of, found.commonest, found.times) == (1, 4, "HOST: string", 2)


def test_the_overview_has_both_plots_and_every_student():
    page = html.overview([record(), record("Ben", status="died", messages=("killed",)), record("名前$x$")])

    assert page.count('src="data:image/png;base64,') == 2
    assert "1 × host: string" not in page
    assert "3 × host: string" in page
    for said in ("Ben", "名前", "2 timed_out, 1 died", "Containment: bwrap", "killed at q2"):
        assert said in page


def test_the_overview_draws_whatever_a_student_left():
    strange = replace(MISSED, got="$\\frac{1}{$ 名前 \x00 \ud800 " * 100, name="a$b$ {}")

    assert "<img" in html.overview([record(questions=(Question("q1", 0, 0, "", (strange,)),), max_points=0)])
