"""Points and comments in adjustments.csv: every row counts or is named by its line; the file is never changed."""

import json

import pytest

from eventlab.grading import adjustments, results, whole_class
from eventlab.grading.adjustments import AdjustmentsError
from eventlab.grading.gradebook.book import read_lab
from eventlab.grading.reports import gradescope, html, write_all
from tests.grading import platform_exports as platforms
from tests.grading.gradebook_examples import LAB, Course, graded, zip_files
from tests.grading.report_examples import read, record

HEADING = "student,question,points,comment\n"
MOST = {"q1": 3, "q2": 1.5}
RUBRICS = {"q2": [1, 0.5]}


def load(folder, text, students=("ada", "Ben", "=eve")):
    (folder / "adjustments.csv").write_text(text)
    return [
        (one.student, one.question, one.points, one.comment)
        for one in adjustments.load(folder, students, MOST, RUBRICS)
    ]


def problems(folder, text):
    with pytest.raises(AdjustmentsError) as caught:
        load(folder, text)
    return [line.strip() for line in caught.value.message.splitlines() if line.startswith("  ")]


def test_a_row_has_points_a_comment_or_both_and_a_comment_may_be_on_the_submission(tmp_path):
    rows = 'ada,q1,2.5,"good, but\nlong"\nBen,q2,0,\nBen,q1,,see q2\nada,,,well done\n'

    assert load(tmp_path, HEADING + rows) == [
        ("ada", "q1", 2.5, "good, but\nlong"),
        ("Ben", "q2", 0, ""),
        ("Ben", "q1", None, "see q2"),
        ("ada", "", None, "well done"),
    ]


def test_the_points_of_the_lines_of_a_rubric_are_a_sum(tmp_path):
    assert load(tmp_path, HEADING + "ada,q2,1+0.5,\n") == [("ada", "q2", 1.5, "")]
    (one,) = adjustments.parse("student;question;points;comment\nada;q2;0,5 + 0;\n")[0]
    assert (one.points, one.parts) == (0.5, (0.5, 0))


def test_without_the_file_nothing_is_adjusted(tmp_path):
    assert adjustments.load(tmp_path, ["ada"], MOST) == []


@pytest.mark.parametrize(
    "text",
    [
        "student;question;points;comment\r\nada;q1;2,5;ok\r\n",
        "\ufeffstudent,question,points,comment\r\n\r\nada,q1,2.5,ok\r\n,,,\r\n",
        "student\tquestion\tpoints\tcomment\nada\tq1\t2,5\tok",
        "Comment,Student,Answer,Points,Question\nok,ada,my text,2.5,q1\n",
        HEADING + " ada , q1 , 2.5 , ok\n",
    ],
)
def test_the_files_of_spreadsheets_are_read(tmp_path, text):
    assert load(tmp_path, text) == [("ada", "q1", 2.5, "ok")]


def test_a_name_may_be_copied_from_the_grades_with_its_quote(tmp_path):
    (one,) = adjustments.load(_written(tmp_path, "'=eve,q1,2,\n"), ["=eve"], MOST)
    (adjusted,) = adjustments.applied([record("=eve")], [one])

    assert adjusted.questions[0].points == 2


@pytest.mark.parametrize(
    ("name", "students", "meant"),
    [
        ("ada ", ["ada", "ada "], "ada "),
        ("ada", ["ada", "ada "], "ada"),
        (" ada", ["ada"], "ada"),
        ("ada", [" ada"], " ada"),
        ("ada�", ["ada\x07"], "ada\x07"),
        ("ada�", ["ada\x07", "ada\x08"], None),
    ],
)
def test_a_name_with_spaces_or_signs_means_one_student_or_nobody(name, students, meant):
    assert adjustments.student_named(name, students) == meant


def test_a_space_at_the_end_of_a_name_can_be_the_only_difference(tmp_path):
    assert [row[0] for row in load(tmp_path, f"{HEADING}ada ,q1,1,\nada,q1,2,\n", ("ada", "ada "))] == [
        "ada ",
        "ada",
    ]


def test_rows_of_somebody_who_is_not_graded_yet_wait_and_those_of_nobody_are_named(tmp_path, caplog):
    results.save(record("Ada Lovelace"), tmp_path)
    whole_class.remember(["ada", "zoe"], tmp_path)
    (ada,) = adjusted(tmp_path, "zoe,q1,1,\nAda Lovelace,q1,3,\n", record())

    assert ada.points == 1
    assert "has rows of 'Ada Lovelace', who are not in this class (any more)" in caplog.text
    assert "zoe" not in caplog.text


def test_a_name_that_two_students_have_is_followed_by_both(tmp_path):
    (tmp_path / "adjustments.csv").write_text(HEADING + "Ada Byron,q1,1,\n")

    with pytest.raises(AdjustmentsError, match=r"did you mean 'Ada Byron \(101\)' or 'Ada Byron \(112\)'\?"):
        adjustments.load(tmp_path, ["Ada Byron (101)", "Ada Byron (112)", "Ben"], {"q1": 3})


def test_the_most_points_can_be_given_where_their_sum_is_rounded(tmp_path):
    (tmp_path / "adjustments.csv").write_text(HEADING + "ada,q1,0.8,\n")
    assert len(adjustments.load(tmp_path, ["ada"], {"q1": 0.1 + 0.7})) == 1


def _written(folder, rows):
    (folder / "adjustments.csv").write_text(HEADING + rows)
    return folder


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("adda,q1,1,", "line 2: no submission of 'adda': did you mean 'ada'?"),
        ("ada,q7,1,", "line 2: no question 'q7': there are: q1"),
        ("ada,q1,3.5,", "line 2: 3.5 points, but q1 has 3 at most"),
        ("ada,q1,-1,", "line 2: '-1' is not a number such as 2 or 0.5; a sign is not allowed"),
        ("ada,q1,+1,", "line 2: '+1' is not a number such as 2 or 0.5; a sign is not allowed"),
        ("ada,q1,nan,", "line 2: 'nan' is not a number such as 2 or 0.5; a sign is not allowed"),
        ('ada,q1,"2,5",', "line 2: '2,5' is not a number such as 2 or 0.5; a sign is not allowed"),
        ("ada,q2,0_1,", "line 2: '0_1' is not a number such as 2 or 0.5; a sign is not allowed"),
        ("ada,q1,two,", "line 2: 'two' is not a number such as 2 or 0.5; a sign is not allowed"),
        ("ada,q2,1+,", "line 2: '1+' is not a number such as 2 or 0.5; a sign is not allowed"),
        ("ada,q2,1+-1,", "line 2: '1+-1' is not a number such as 2 or 0.5; a sign is not allowed"),
        ("ada,q1,1+1,", "line 2: 1+1 points for q1, but it has no rubric"),
        ("ada,q2,0+1,", "line 2: 0+1 points for q2, but the lines of its rubric have 1+0.5"),
        ("ada,q2,0+0+1,", "line 2: 0+0+1 points for q2, but the lines of its rubric have 1+0.5"),
        (",q1,1,", "line 2: no student"),
        ("ada,q1", "line 2: neither points nor a comment"),
        ("ada,,1,", "line 2: points without a question"),
        ("ada,q1,1,good, but", "line 2: 5 values, but 4 columns: put a comment that contains the separator"),
        ('ada,q1,1,"open', "line 2: unexpected end of data; the lines after it were not read"),
        ("ada,q1,1,\nada,q1,2,", "line 3: q1 of 'ada' is in line 2 already"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(tmp_path, row, said):
    (problem,) = problems(tmp_path, f"{HEADING}{row}\n")

    assert problem.startswith(said)


def test_an_unknown_student_of_a_large_class_is_followed_by_the_first_names_only(tmp_path):
    with pytest.raises(AdjustmentsError) as caught:
        load(tmp_path, HEADING + "nobody,q1,1,\n", {f"s{n:03}" for n in range(300)})

    assert "there are: s000, s001, s002" in caught.value.message
    assert "s019 and 280 more" in caught.value.message


def test_all_problems_are_listed_at_once_with_the_lines_of_the_file(tmp_path):
    rows = 'ada,q1,1,"two\nlines"\nada,q9,1,\n\nBen,q1,9,\nnobody,q1,1,\n'

    assert [problem.partition(":")[0] for problem in problems(tmp_path, HEADING + rows)] == [
        "line 4",
        "line 6",
        "line 7",
    ]


@pytest.mark.parametrize("text", ["", "\n\n", "ada,q1,1,ok\n", "student,question,points\nada,q1,1\n"])
def test_a_file_without_its_heading_says_which_columns_it_needs(tmp_path, text):
    (problem,) = problems(tmp_path, text)

    assert "comment" in problem
    assert problem.startswith("line 1: ")


def test_another_encoding_is_refused_with_the_one_to_use(tmp_path):
    (tmp_path / "adjustments.csv").write_bytes(HEADING.encode() + "ada,q1,1,schön".encode("latin-1"))

    with pytest.raises(AdjustmentsError, match="Save it as CSV with the encoding UTF-8"):
        adjustments.load(tmp_path, ["ada"], MOST)


def adjusted(folder, rows, *records):
    found = list(records) or [record(), record("Ben")]
    return write_all.write_all(found, _written(folder, rows))


def test_points_replace_those_of_the_checks_and_count_in_the_mark(tmp_path):
    ada, ben = adjusted(tmp_path, "ada,q2,1.5,the schema is right\n")

    assert (ada.points, ben.points) == (2.5, 1)
    assert (ada.questions[1].points, ada.questions[1].judged_points, ada.questions[1].by_hand) == (1.5, 0, True)


def test_every_report_shows_what_a_person_gave(tmp_path):
    adjusted(tmp_path, "ada,q2,1.5,the schema is right\nada,,,come and see me\n")

    ada, ben = read((tmp_path / "grades.csv").read_text())
    assert (ada["points"], ada["q2"], ada["by_hand"]) == ("2.5", "1.5", "q2")
    assert ada["comment"] == "come and see me\nq2: the schema is right"
    assert (ben["points"], ben["by_hand"], ben["comment"]) == ("1", "", "")
    page = (tmp_path / "feedback" / "ada.html").read_text()
    for said in ("2.5 of 4.5 points", "come and see me", "the schema is right", "the checks gave 0"):
        assert said in page
    found = json.loads((tmp_path / "gradescope" / "ada" / "results.json").read_text())
    assert found["score"] == 2.5
    assert "q2: Your instructor set the points; the checks gave 0." in found["output"]
    assert "come and see me" in found["output"]
    report = (tmp_path / "report.html").read_text()
    for said in ("The points of 1 question are set by hand", "q2 by hand: 1.5 (checks: 0)", "come and see me"):
        assert said in report


def test_the_file_survives_a_run_and_the_records_keep_the_points_of_the_checks(tmp_path):
    results.save(record(), tmp_path)
    adjusted(tmp_path, "ada,q2,1.5,ok\n", record())

    assert (tmp_path / "adjustments.csv").read_text() == f"{HEADING}ada,q2,1.5,ok\n"
    assert results.load("ada", tmp_path) == record()


def test_a_file_with_mistakes_leaves_the_reports_as_they_were(tmp_path):
    adjusted(tmp_path, "ada,q2,1.5,ok\n")
    before = (tmp_path / "grades.csv").read_text()

    with pytest.raises(AdjustmentsError, match=r"adjustments.csv has mistakes:\n  line 2: no question 'q9'"):
        adjusted(tmp_path, "ada,q9,1.5,ok\n")
    assert (tmp_path / "grades.csv").read_text() == before


def test_a_submission_without_a_mark_keeps_its_comment_and_gets_none(tmp_path):
    failed = record(status="infrastructure_failed", points=None, questions=())
    (ada,) = adjusted(tmp_path, "ada,q1,2,\nada,,,wait for it\n", failed)

    assert (ada.points, ada.comment) == (None, "wait for it")


def test_a_comment_is_text_and_no_formula(tmp_path):
    adjusted(tmp_path, 'ada,q1,1,"<script>alert(1)</script>"\nBen,,,"=1+1"\n')

    ada = (tmp_path / "feedback" / "ada.html").read_text()
    assert "<script" not in ada
    assert read((tmp_path / "grades.csv").read_text())[1]["comment"] == "'=1+1"


def test_without_adjustments_the_reports_say_nothing_of_a_person():
    assert "by hand" not in html.overview([record()])
    assert "instructor" not in json.dumps(gradescope.results(record()))


def test_points_and_comments_of_a_person_count_in_the_gradebook_and_in_the_files_for_canvas(tmp_path):
    course = Course(tmp_path)
    course.grade(platforms.CANVAS)
    student = course.labs[0][0].joinpath("submissions.csv").read_text().splitlines()[1].split(",")[0]
    adjusted = f"student,question,points,comment\n{student},q1,9.5,Well explained.\n"
    (course.labs[0][0] / "adjustments.csv").write_text(adjusted)
    course.make(canvas=platforms.CANVAS_GRADEBOOK)
    course.write()

    assert sorted(course.marks().values()) == [": 8", ": 8", ": 8", ": 9.5"]
    feedback = zip_files(course.folder / "out" / "canvas" / f"{LAB}_feedback.zip").values()
    assert any(b"Well explained." in page and b"q1: 9.5 / 10" in page for page in feedback)


def test_the_record_of_somebody_who_left_the_class_is_not_in_the_gradebook(tmp_path):
    folder = graded(tmp_path / "lab", platforms.CANVAS)
    whole_class.remember(["bitdiddleben"], folder)

    assert [record.student for record in read_lab(folder).records] == ["bitdiddleben"]
