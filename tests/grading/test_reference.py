"""What of the instructor's result may reach a student's kernel: data, never the source of a solution."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, field
from types import SimpleNamespace

import nbformat
import pytest
from kafka.errors import MessageSizeTooLargeError

from eventlab.grading.execution import reference as module
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.execution.reference import Reference, secrets_of
from eventlab.grading.execution.snapshot import COLLECT_VARIABLES, VARIABLES_FILE, Message, Snapshot, Topic
from eventlab.labs.names import Namespace
from tests.grading import tiny_lab

SOLUTION = """### BEGIN SOLUTION
fields = "event_id string, happened_at timestamp"
limit = 30
seen = []
counts = sum(numbers_of_the_day)
### END SOLUTION"""
SOURCE, TARGET = Namespace.of("tiny-0001"), Namespace.of("tiny-0002")


def instructor() -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[tiny_lab.cell("q1", SOLUTION, solution=True)])


@dataclass
class RecordingKernel:
    """Keeps what would reach a student's kernel."""

    sources: list[str] = field(default_factory=list)
    written: dict[str, bytes] = field(default_factory=dict)

    def execute(self, source: str, timeout_s: float) -> CellResult:
        self.sources.append(source)
        return CellResult("done")

    def write(self, files: dict[str, bytes]) -> None:
        self.written |= files


def put(after: Snapshot, before: Snapshot = Snapshot()) -> tuple[dict[str, object], RecordingKernel]:  # noqa: B008
    """The variables that the student's kernel gets, and all that reaches it."""
    kernel, reference = RecordingKernel(), Reference(SOURCE, instructor())
    reference.changes["q1"] = before, after
    reference.put("q1", TARGET, kernel)  # type: ignore[arg-type]
    variables: dict[str, object] = {}
    for source in kernel.sources:
        exec(source, variables)
    return {name: value for name, value in variables.items() if not name.startswith("_")}, kernel


def test_a_message_that_kafka_refuses_is_not_put_in_place_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(timeout: float) -> None:
        raise MessageSizeTooLargeError

    producer = SimpleNamespace(send=lambda *words, **more: SimpleNamespace(get=refused))
    monkeypatch.setattr(module, "open_producer", lambda servers: contextlib.nullcontext(producer))
    monkeypatch.setattr(module, "_create_empty", lambda name, partitions: None)
    messages = (Message(0, 0, None, b"large", (), 1),)
    after = Snapshot(topics={"out": Topic("id", 1, messages)})
    with pytest.raises(MessageSizeTooLargeError):
        put(after)


def test_lines_of_a_solution_and_names_of_its_constants_are_secret() -> None:
    lines, constants = secrets_of(instructor(), "q1")
    assert lines == {
        'fields = "event_id string, happened_at timestamp"',
        "counts = sum(numbers_of_the_day)",
    }
    assert constants.keys() == {"fields", "limit", "seen"}
    assert secrets_of(instructor(), "q2") == (set(), {})


def test_results_reach_the_student_and_constants_of_the_solution_do_not() -> None:
    constants = {"limit": 30, "fields": "event_id string, happened_at timestamp"}
    variables, _ = put(Snapshot(values={"counts": 7, "seen": [3, 4], **constants}))
    assert variables == {"counts": 7, "seen": [3, 4]}


def test_only_what_the_question_has_changed_is_put_in_place() -> None:
    variables, _ = put(Snapshot(values={"old": 1, "new": [2]}), before=Snapshot(values={"old": 1}))
    assert variables == {"new": [2]}


def test_names_of_the_instructors_namespace_become_the_students() -> None:
    variables, _ = put(Snapshot(values={"path": f"{SOURCE.folder}/table", "topics": [SOURCE.topic]}))
    assert variables == {"path": f"{TARGET.folder}/table", "topics": [TARGET.topic]}


def test_imports_of_the_solution_are_there_for_later_cells() -> None:
    imports = {"json": ["json", ""], "Path": ["pathlib", "Path"], "gone": ["no_such_module", ""]}
    variables, _ = put(Snapshot(imports=imports))
    assert variables.keys() == {"json", "Path"}
    assert variables["json"] is sys.modules["json"]


@pytest.mark.parametrize("name", ["my_api.py", "notes.txt"])
def test_a_file_that_repeats_the_solution_never_reaches_the_student(name: str) -> None:
    files = {name: b"# my work\ncounts = sum(numbers_of_the_day)\n", "result.csv": b"7\n"}
    variables, kernel = put(Snapshot(files=files, values={"text": "x = 1; counts = sum(numbers_of_the_day)"}))
    assert kernel.written == {"result.csv": b"7\n"}
    assert "text" not in variables
    assert "numbers_of_the_day" not in "".join(kernel.sources)


def test_the_variables_of_a_kernel_are_its_plain_data_and_its_imports(tmp_path, monkeypatch) -> None:
    import json

    shell = SimpleNamespace(user_ns_hidden={"open": None})
    monkeypatch.chdir(tmp_path)
    space = {"get_ipython": lambda: shell, "__name__": "__main__", "_hidden": 1}
    exec("import json as j\nfrom pathlib import Path\nn = 3\npair = (1, 2)\ndef own(): pass\nt = {1: 2}", space)
    exec(COLLECT_VARIABLES, space)
    found = json.loads((tmp_path / VARIABLES_FILE).read_text())
    assert found["values"] == {"n": 3}
    assert found["imports"]["j"] == ["json", ""]
    assert found["imports"]["Path"] == ["pathlib", "Path"]
    assert "own" not in found["imports"]


def test_values_are_secret_also_when_a_line_is_inside_of_json() -> None:
    assert module._repeats(b'{"a": "x\\\\n y = \\"quoted text\\""}', ['y = "quoted text"'])
