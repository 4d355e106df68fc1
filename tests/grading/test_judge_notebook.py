"""`eventlab judge` reads what papermill wrote: parameters, answers and errors. Its record is that of a grading."""

import getpass
import json

import nbformat
import pytest
from click.testing import CliRunner
from nbformat.v4 import new_output
from papermill.engines import NotebookExecutionManager
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from eventlab.cli.app import main
from eventlab.cli.judge import as_text
from eventlab.grading import judge_notebook, results
from eventlab.grading.execution import notebook
from eventlab.grading.judge_notebook import ExecutedError
from eventlab.grading.mistakes import with_mistakes
from eventlab.grading.results import CheckResult
from eventlab.labs import cells
from eventlab.labs.catalogue import find
from eventlab.labs.mistakes import Result, verdicts
from eventlab.labs.names import Namespace
from eventlab.labs.seeds import practice_seed
from eventlab.labs.student import ANSWER

LAB = find("lab01")


def answer(question, value):
    return new_output("display_data", {ANSWER: {"question": question, "value": value}, "text/plain": "shown"})


def error(name, text):
    return new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])


def executed(tmp_path, outputs=None, *, ends_at="", parameters=None, source=None):
    """Write what papermill writes: cells up to `ends_at` ran, and have the outputs of their ids."""
    node = parameterize_notebook(
        load_notebook_node(str(source or LAB.instructor)), parameters or {"student": "ada"}
    )
    manager = NotebookExecutionManager(node, progress_bar=False)
    manager.notebook_start()
    for count, cell in enumerate((cell for cell in node.cells if cell.cell_type == "code"), start=1):
        manager.cell_start(cell)
        cell.execution_count, cell.outputs = count, (outputs or {}).get(cells.grade_id(cell), [])
        if cells.grade_id(cell) == ends_at:
            manager.cell_exception(cell)
            break
        manager.cell_complete(cell)
    manager.notebook_complete()
    path = tmp_path / "executed.ipynb"
    nbformat.write(node, path)
    return path


def test_the_parameters_are_the_defaults_replaced_by_what_papermill_injected(tmp_path):
    found = judge_notebook.read(executed(tmp_path, parameters={"student": "ada", "seed": 7}))

    assert found.parameters == {"student": "ada", "seed": 7, "topic": "", "folder": "", "group": ""}
    assert judge_notebook.owner(LAB, found) == ("ada", Namespace.of_student(LAB.name, "ada"), 7)


def test_without_a_seed_the_data_are_the_practice_data_as_in_open_lab(tmp_path):
    ada = judge_notebook.owner(LAB, judge_notebook.read(executed(tmp_path)))
    nobody = judge_notebook.owner(LAB, judge_notebook.read(executed(tmp_path, parameters={"student": ""})))

    assert ada[2] == nobody[2] == practice_seed(LAB.name)
    assert nobody[0] == getpass.getuser()


def test_the_last_answer_to_a_question_counts(tmp_path):
    outputs = {"q1": [answer("q1", {"default": 1}), answer("q1", {"default": 2})], "q2": [answer("q2", 5)]}

    assert judge_notebook.read(executed(tmp_path, outputs)).answers == {"q1": {"default": 2}, "q2": 5}


def test_an_error_that_stopped_papermill_is_told_with_what_did_not_run(tmp_path):
    found = judge_notebook.read(executed(tmp_path, {"q2": [error("NameError", "no member")]}, ends_at="q2"))

    assert found.stopped == "q2 raised NameError: no member"
    assert found.errors == {"q2": "NameError: no member"}
    assert found.not_run == {"q2", "q3", "q4"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "cannot be read as a notebook"),
        ("no json", "cannot be read as a notebook"),
        (nbformat.writes(nbformat.v4.new_notebook()), "was not executed"),
    ],
)
def test_what_papermill_has_not_executed_is_refused(tmp_path, content, said):
    path = tmp_path / "x.ipynb"
    path.write_text(content)

    with pytest.raises(ExecutedError, match=said):
        judge_notebook.read(path)
    done = CliRunner().invoke(main, ["judge", "lab01", str(path)])
    assert (done.exit_code, said in done.output) == (1, True)


def test_data_of_a_topic_of_its_own_are_refused(tmp_path):
    found = judge_notebook.read(executed(tmp_path, parameters={"topic": "mine-events"}))

    with pytest.raises(ExecutedError, match="executed with the parameter topic: then the seed of its data"):
        judge_notebook.owner(LAB, found)


@pytest.mark.parametrize("seed", ["seven", [7], float("inf")])
def test_a_seed_that_is_not_a_number_is_refused(tmp_path, seed):
    found = judge_notebook.read(executed(tmp_path, parameters={"seed": seed}))

    with pytest.raises(ExecutedError, match=r"with the seed .*, not a number"):
        judge_notebook.owner(LAB, found)


def test_a_stack_without_the_students_data_is_refused(tmp_path):
    path = executed(tmp_path, parameters={"student": "nobody-with-this-name"})

    with pytest.raises(ExecutedError, match="has no data of lab01_events for 'nobody-with-this-name'"):
        judge_notebook.judge(LAB, path, judge_notebook.read(path))


def record(path, results):
    """Return the record of an executed notebook that left these results; the checks read no service."""
    found = judge_notebook.read(path)
    student, _, seed = judge_notebook.owner(LAB, found)
    checks = {
        id: tuple(
            map(
                CheckResult.of, LAB.checks_of(id), verdicts(results.get(id, Result()), id, LAB.checks_of(id), seed)
            )
        )
        for id in LAB.questions
    }
    matched = notebook.match(notebook.read(path), cells.read(LAB.instructor))
    return with_mistakes(LAB, judge_notebook.record(LAB, student, found, matched, checks), seed)


def kept(seed, name):
    return next(mistake for mistake in LAB.mistakes if mistake.mutant == name).result(seed)


def test_the_record_is_the_one_that_grade_writes_with_points_notes_and_mistakes(tmp_path):
    path = executed(
        tmp_path, {"q4": [error("KeyError", "'level'")]}, ends_at="q4", parameters={"student": "ada", "seed": 7}
    )

    found = record(path, {"q2": kept(7, "one short"), "q3": kept(7, "no deduplication")})

    assert results.parse(json.loads(json.dumps(found, default=vars))) == found
    assert (found.student, found.status, found.sandboxed) == ("ada", "graded", False)
    assert found.max_points == LAB.points()
    assert [question.note for question in found.questions][3] == "your cell raised KeyError: 'level'"
    assert [[mistake.name for mistake in question.mistakes] for question in found.questions] == [
        [],
        ["one short"],
        ["no deduplication"],
        [],
    ]
    assert found.messages == ("papermill stopped: q4 raised KeyError: 'level'",)


def test_a_given_cell_that_the_student_edited_is_named(tmp_path):
    node = cells.read(LAB.student)
    next(cell for cell in node.cells if cells.grade_id(cell) == "setup-kafka").source += "\nextra = 1"
    nbformat.write(node, tmp_path / "edited.ipynb")

    found = record(executed(tmp_path, source=tmp_path / "edited.ipynb"), {})

    assert "setup-kafka differs from the instructor's, and ran as it is" in found.messages
    assert [message for message in found.messages if "differs" in message] == list(found.messages)


def test_an_api_that_ended_with_its_notebook_makes_the_mark_doubtful(tmp_path):
    found = record(executed(tmp_path, {"q1": [answer("q1", "http://127.0.0.1:9")]}), {})

    assert found.doubt == "the API of q1 ended with the notebook, so checks that call it failed"


def test_the_printed_result_has_each_check_with_what_it_expected_and_received(tmp_path):
    found = record(executed(tmp_path), {"q2": kept(practice_seed(LAB.name), "no commit")})
    shown = as_text(found, tmp_path)

    for said in (
        "q2: 2 / 4",
        "FAIL  the group continues at offset 30",
        "expected: offset 30 of partition 0",
        "got:      no committed offset",
        "ok    the purchases among the first 30 are counted",
        "Your result has the same figures as a solution that committed no offset or committed the offset for",
        f"ada: 2 of {LAB.points():g} points",
    ):
        assert said in shown


def test_a_lab_with_a_trial_is_refused_because_each_check_would_fail(tmp_path):
    path = executed(tmp_path, source=find("lab05").instructor)

    with pytest.raises(ExecutedError, match="use `eventlab grade lab05_stream`"):
        judge_notebook.judge(find("lab05"), path, judge_notebook.read(path))
