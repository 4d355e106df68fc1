"""The report says how many made which mistake, and the student reads what it is."""

import json
from dataclasses import asdict, replace

import pytest

from eventlab.grading.reports import gradescope, html, summary
from eventlab.grading.results import KnownMistake, Question, parse
from tests.grading.report_examples import MISSED, PUBLIC, record

DUPLICATES = KnownMistake("no deduplication", "kept duplicates", "An event_id that arrives twice is one purchase.")
YESTERDAY = KnownMistake("append", "kept yesterday's rows", "Replace the table.")


def wrong(student, *mistakes, question="q2"):
    check = replace(MISSED, question=question, figures="f1gure5")
    return record(student, questions=(Question(question, 0, 1.5, "", (check,), mistakes),), points=0)


def right(student):
    return record(student, questions=(Question("q2", 1, 1, "", (replace(PUBLIC, question="q2"),)),))


def said(*records):
    return [str(one) for one in summary.mistakes(records)]


def test_the_mistakes_of_a_class_are_counted_the_most_frequent_first():
    class_ = [wrong(f"s{n}", DUPLICATES) for n in range(9)] + [wrong("t", YESTERDAY), wrong("u"), right("v")]

    assert said(*class_) == [
        "9 students kept duplicates",
        "1 student kept yesterday's rows",
        "1 student lost points in another way",
    ]


def test_mistakes_that_give_the_same_figures_are_both_named():
    assert said(wrong("ada", DUPLICATES, YESTERDAY)) == ["1 student kept duplicates or kept yesterday's rows"]


def test_a_question_in_which_nothing_was_recognized_is_left_out():
    assert said(wrong("ada"), wrong("ben", DUPLICATES, question="q3")) == ["1 student kept duplicates"]


def test_the_report_names_the_students_of_a_mistake_with_their_pages():
    page = html.overview([wrong("ada", DUPLICATES), wrong("ben", DUPLICATES)])

    assert "<strong>2 students kept duplicates</strong>" in page
    assert '<a href="feedback/ada.html">ada</a>, <a href="feedback/ben.html">ben</a></td>' in page


def test_many_students_of_a_mistake_are_shortened():
    page = html.overview([wrong(f"s{n:03}", DUPLICATES) for n in range(300)])

    assert f"</a> and {300 - html.NAMES_LIMIT} more</td>" in page
    assert page.count("<a href=") == 300 + html.NAMES_LIMIT


def test_without_known_mistakes_the_report_has_no_such_part():
    assert "<h2>Mistakes</h2>" not in html.overview([wrong("ada"), right("ben")])


def test_the_student_reads_what_the_mistake_is_and_no_hash():
    explained = (
        "Your result has the same figures as a solution that kept duplicates. "
        "An event_id that arrives twice is one purchase."
    )
    found = wrong("ada", DUPLICATES)

    assert explained in html.feedback(found, None)
    assert f"q2: {explained}" in gradescope.results(found)["output"]
    assert "f1gure5" not in html.feedback(found, None) + json.dumps(gradescope.results(found))


def test_a_record_with_mistakes_is_read_back():
    found = wrong("ada", DUPLICATES)

    assert parse(json.loads(json.dumps(asdict(found)))) == found


@pytest.mark.parametrize(
    ("points", "most", "range"),
    [(0, 4, "0–10 %"), (1, 4, "20–30 %"), (3.99, 4, "90–100 %"), (4, 4, "90–100 %"), (0, 0, "0–10 %")],
)
def test_a_mark_is_in_one_range_of_the_distribution(points, most, range):
    found = dict(summary.distribution([record(points=points, max_points=most)]))

    assert [name for name, count in found.items() if count] == [range]
    assert len(found) == summary.STEPS
