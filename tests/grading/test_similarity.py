"""Similar submissions are found under other names; what was released, or what many write, is not counted."""

import ast
import re
import zipfile

import nbformat
import pytest
from click.testing import CliRunner

from eventlab.cli.app import main
from eventlab.grading.similarity import pages
from eventlab.grading.similarity.compare import Document, compare
from eventlab.grading.similarity.passages import passages
from eventlab.grading.similarity.submissions import INSTRUCTOR, similarity
from eventlab.grading.similarity.tokens import CHOSEN, tokens_of
from eventlab.labs import cells
from eventlab.labs.catalogue import all_labs, find
from tests.grading.corpus import entries

LAB = find("lab01")
COUNTED = """def count_by_type(path):
    totals = {}
    for line in open(path):
        record = parse(line)
        if record.kind != "chat" and record.level >= 12:
            totals[record.kind] = totals.get(record.kind, 0) + record.coins * 2
    return sorted(totals.items(), key=lambda pair: (-pair[1], pair[0]))
"""
RENAMED = """# my own solution
def f(x):
    z = {}
    for w in open(x):
        r = parse(w)   # reads the line
        if r.kind != 'chat' and r.level >= 12:
            z[r.kind] = z.get(
                r.kind, 0) + r.coins * 2

    return sorted(z.items(), key=lambda q: (-q[1], q[0]))
"""
OTHER = """import pandas
frame = pandas.read_json(source, lines=True)
frame = frame[frame["kind"].ne("chat") & frame["level"].gt(11)]
answer = frame.assign(twice=frame["coins"].mul(2)).groupby("kind")["twice"].sum()
answer = answer.reset_index().sort_values(["twice", "kind"], ascending=[False, True]).values.tolist()
"""


def symbols(code, known=()):
    return [token.symbol for token in tokens_of(code, known)]


def document(name, code):
    return Document.of(name, code)


def percent(codes, released=()):
    """Return the similarity of each two of the codes, by their names."""
    compared = compare([document(*item) for item in codes.items()], [document("given", code) for code in released])
    return {
        frozenset({pair.first.name, pair.second.name}): round(100 * pair.similarity)
        for pair in compared.pairs(0.01)
    }


def notebook(**sources):
    """Return the instructor's notebook of lab 1 with other solutions."""
    changed = cells.read(LAB.instructor)
    for cell in changed.cells:
        cell.source = sources.get(str(cells.grade_id(cell)), cell.source)
    return nbformat.writes(changed)


@pytest.fixture
def submissions(tmp_path):
    """Three submissions of which two are the same but for names, and three that cannot be compared."""
    folder = tmp_path / "submissions"
    folder.mkdir()
    own = dict.fromkeys(("q2", "q3", "q4"), "pass")
    (folder / "ada.ipynb").write_text(notebook(q1=COUNTED, **own))
    (folder / "ben.ipynb").write_text(notebook(q1=RENAMED, **own))
    (folder / "cleo.ipynb").write_text(notebook(q1=OTHER, **own))
    (folder / "dan.ipynb").write_text("{")
    (folder / "eve.ipynb").write_bytes(LAB.student.read_bytes())
    (folder / "finn").mkdir()
    return folder


def test_names_comments_layout_and_quotes_do_not_matter():
    assert symbols(COUNTED) == symbols(RENAMED)


def test_names_of_attributes_and_of_pythons_own_functions_stay():
    assert symbols("print(consumer.poll(reader))") == ["print", "(", CHOSEN, ".", "poll", "(", CHOSEN, ")", ")"]


@pytest.mark.parametrize("lab", all_labs()[:3], ids=lambda lab: lab.name)
def test_a_renamed_copy_of_a_solution_is_found_also_when_it_uses_names_of_the_released_notebook(lab, tmp_path):
    """A variable `event` or `messages` is the student's own, although the released notebook has this name, too."""
    copied = cells.read(lab.instructor)
    for cell in copied.cells:
        if cells.is_solution(cell):
            cell.source = renamed(cell.source)
    nbformat.write(copied, tmp_path / "ada.ipynb")

    [pair] = similarity(lab, tmp_path).comparison.pairs(0)

    assert pair.similarity > 0.99


def renamed(source):
    """Return code with other names for what it assigns."""
    nodes = ast.walk(ast.parse(source))
    own = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    word = r"(?<![\w.\"'])(\w+)(?![\w\"'])(?!=[^ ])"  # no attribute, text or keyword
    return re.sub(word, lambda found: found[1] + "_" if found[1] in own else found[1], source)


def test_sql_is_read_inside_of_texts_without_its_layout_and_aliases():
    one = 'spark.sql("""SELECT a.kind, sum(a.coins)\n  FROM sold a -- all\n GROUP BY a.kind""")'
    other = "spark.sql('select x.kind, SUM(x.coins) from sold x group by x.kind')"

    assert symbols(one, {"kind", "coins", "sold"}) == symbols(other, {"kind", "coins", "sold"})
    assert len(symbols(one)) > 15


@pytest.mark.parametrize(
    "code", ["", "%load_ext x\n!ls {a} | wc\n%%bash\n", "def f(:\n  '", "\x00\ud800 = 'é'", "f'{a!r:>{b}}'"]
)
def test_code_of_any_form_has_tokens_at_their_places(code):
    for token in tokens_of(code):
        assert 0 <= token.start < token.end <= len(code)


def test_a_renamed_copy_is_found_and_another_solution_is_not():
    found = percent({"ada": COUNTED, "ben": RENAMED, "cleo": OTHER})

    assert found == {frozenset({"ada", "ben"}): 100}


def test_a_copy_with_more_code_around_it_is_found():
    assert percent({"ada": COUNTED, "ben": f"{OTHER}\n{RENAMED}"})[frozenset({"ada", "ben"})] == 100


def test_of_pairs_that_are_equally_similar_the_one_with_more_code_is_first():
    short, long = OTHER, COUNTED + OTHER.replace("frame", "table").replace("kind", "colour")
    codes = {"ada": short, "ben": short.replace("frame", "f"), "eve": long, "kim": long.replace("totals", "t")}
    compared = compare([document(*item) for item in codes.items()])

    first, second = list(compared.pairs(0.99))[:2]
    assert {first.first.name, first.second.name} == {"eve", "kim"}
    assert (first.similarity, second.similarity) == (1, 1)


def test_code_that_was_released_is_not_counted():
    assert percent({"ada": COUNTED + OTHER, "ben": RENAMED + "x = 1\n" * 40}, released=[COUNTED]) == {}


def test_code_that_much_of_the_class_has_is_not_counted():
    own = {f"student {n}": COUNTED + "\n".join(f"x.a{n}b{m} = {m}" for m in range(40)) for n in range(8)}

    assert percent(own) == {}
    assert set(percent(dict(list(own.items())[:5])).values()) != set()


def test_who_has_only_the_code_of_much_of_the_class_is_named_apart_from_who_has_none():
    codes = {f"student {n}": COUNTED + OTHER for n in range(6)} | {"ada": "x = 1"}
    compared = compare([document(*item) for item in codes.items()])

    assert [one.name for one in compared.common] == [f"student {n}" for n in range(6)]
    assert [one.name for one in compared.left_out] == ["ada"]


def test_passages_of_both_sides_have_the_same_number_and_leave_given_code_out():
    given = "broker = settings.bootstrap_servers\nconsumer = connect(broker, 'events', 5, True)\n"
    compared = compare(
        [
            document("ada", given + COUNTED + "a = 1\n" + OTHER),
            document("ben", OTHER + "b = 2\n" + given + RENAMED),
        ],
        [document("given", given)],
    )
    (pair,) = compared.pairs(0.5)
    first, second = passages(pair)

    shown = {one.number: pair.first.code[one.start : one.end] for one in first}
    assert shown[first[0].number].startswith("def count_by_type(path)")
    for one in second:
        text = pair.second.code[one.start : one.end]
        assert ("read_json" in text) == ("read_json" in shown[one.number])
        assert "bootstrap_servers" not in text


def test_a_line_that_is_in_two_passages_does_not_divide_the_second_one():
    line = "client.subscribe(['events'], pattern=None, listener=None)\n"
    codes = {
        "ada": line + "own = 1\n" * 20 + COUNTED + line + OTHER,
        "ben": "b = [2]\n" * 20 + COUNTED + line + OTHER,
    }
    (pair,) = compare([document(*item) for item in codes.items()]).pairs(0.5)
    first, second = passages(pair)

    assert len(first) == 2
    assert [(one.number, pair.second.code[one.start : one.end].count("subscribe")) for one in second] == [(2, 1)]


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)
def test_an_untouched_notebook_of_a_lab_has_no_code_of_its_own(lab, tmp_path):
    (tmp_path / "ada.ipynb").write_bytes(lab.student.read_bytes())

    result = similarity(lab, tmp_path)

    assert [document.name for document in result.comparison.left_out] == ["ada"]
    assert [document.name for document in result.comparison.documents] == [INSTRUCTOR]


def test_solutions_of_different_students_stay_below_the_default_threshold(tmp_path):
    """The corpus has solutions of one question each; here each submission has another one for each question."""
    for number in range(4):
        sources = {}
        for question in LAB.questions:
            right = [
                entry for entry in entries(["lab01"]) if entry.kind == "right" and question in dict(entry.sections)
            ]
            sources[question] = dict(right[number % len(right)].sections)[question]
        (tmp_path / f"student-{number}.ipynb").write_text(notebook(**sources))

    result = similarity(LAB, tmp_path)

    assert len(result.comparison.documents) == 5
    assert [(pair.first.name, pair.second.name, pair.similarity) for pair in result.comparison.pairs(0.5)] == []


def test_the_pages_show_the_pair_side_by_side_and_what_was_not_compared(submissions, tmp_path):
    done = CliRunner().invoke(main, ["similarity", "lab01", str(submissions), "--output", str(tmp_path / "out")])

    assert done.exit_code == 0, done.output
    assert "6 submissions, 1 pairs from 50 %\n 100 %  ada and ben\n" in done.output
    index, pair = ((tmp_path / "out" / name).read_text() for name in ("index.html", "pair-001.html"))
    assert '<a href="pair-001.html">100 %</a>' in index
    assert re.search(r"<li>dan: not a notebook", index)
    assert "<li>eve: too little code of its own</li>" in index
    assert "<li>finn: no notebook in the folder</li>" in index
    assert pair.index("count_by_type") < pair.index("my own solution")
    assert '<mark class="c1" id="a1"><a href="#b1">1</a>def count_by_type' in pair
    assert '<mark class="c1" id="b1"><a href="#a1">1</a>def f(x)' in pair


def test_a_zip_of_a_learning_platform_is_read_and_its_names_are_escaped(submissions, tmp_path):
    export = tmp_path / "export.zip"
    with zipfile.ZipFile(export, "w") as archive:
        archive.write(submissions / "ada.ipynb", "<b>ada/lab.ipynb")
        archive.write(submissions / "ben.ipynb", "ben/lab.ipynb")

    rows = pages.write(LAB, similarity(LAB, export), tmp_path / "out", threshold=50, limit=10)

    assert [(row.first, row.second, row.percent) for row in rows] == [("<b>ada", "ben", 100)]
    assert "<b>ada" not in "".join(path.read_text() for path in (tmp_path / "out").iterdir())


def test_code_of_a_student_is_shown_as_text(tmp_path):
    script = "<script>alert(1)</script>"
    for name in ("ada", "ben"):
        (tmp_path / f"{name}.ipynb").write_text(notebook(q1=f"{COUNTED}\nshow = '{script}'", q2=OTHER))

    pages.write(LAB, similarity(LAB, tmp_path), tmp_path / "out", threshold=50, limit=10)

    assert script not in (tmp_path / "out" / "pair-001.html").read_text()


def test_no_more_pairs_than_the_limit_are_shown_and_those_of_an_earlier_run_are_gone(submissions, tmp_path):
    (submissions / "gus.ipynb").write_text((submissions / "ben.ipynb").read_text())
    result = similarity(LAB, submissions)

    pages.write(LAB, result, tmp_path / "out", threshold=50, limit=3)
    rows = pages.write(LAB, result, tmp_path / "out", threshold=50, limit=1)

    assert len(rows) == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"index.html", "pair-001.html"}
    assert "and 2 more pairs" in (tmp_path / "out" / "index.html").read_text()
