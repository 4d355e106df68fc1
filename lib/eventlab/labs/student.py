"""What a lab's notebook imports: `lab = open_lab("lab01_events", ...)`, `lab.check("q1")`, `lab.answer("q1", 42)`.

Interactively it creates the student's data and runs the public checks. Under the grader, which names a topic,
it does neither: the data exists, and the checks run outside.
"""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventlab.files import write_atomically
from eventlab.labs.names import Namespace

if TYPE_CHECKING:
    from eventlab.labs.catalogue import Lab
    from eventlab.labs.checks import LabCheck, Verdict

ANSWER = "application/vnd.eventlab.answer+json"
"""The mime type under which an answer leaves the student's process, for the judge to read."""
LONGEST_ANSWER = 64 * 1024
MOST_FILE_BYTES = 1024 * 1024


class LabFailure(AssertionError):
    """A check failed under nbgrader, which scores by exception."""


def open_lab(
    name: str, *, student: str = "", seed: int = 0, topic: str = "", folder: str = "", group: str = ""
) -> OpenLab:
    """Return the lab with its input. Without a topic it uses the student's own, which is kept between days.

    The seed 0 means the student's own data; another number gives other data to try a solution on.
    """
    if topic:
        own = Namespace(topic.removesuffix("-events"), topic, folder, group)
        return OpenLab(name, own, seed, graded=True)
    from eventlab import course
    from eventlab.labs.seeds import seed_of

    course.connect()
    who = student or getpass.getuser()
    if under_nbgrader():  # the same namespace for all submissions: each starts with an empty one
        opened = OpenLab(name, Namespace.of_student(name, "nbgrader"), seed or seed_of(who, name, "nbgrader"))
        opened.restart()
    else:
        opened = OpenLab(name, Namespace.of_student(name, who), seed or seed_of(who, name))
        opened.prepare()
    print(f"{name} for {who}: topic {opened.topic}, folder {opened.folder}")
    return opened


class OpenLab:
    """A lab as a notebook uses it: its names, checks and answers."""

    def __init__(self, name: str, namespace: Namespace, seed: int, *, graded: bool = False) -> None:
        self.name, self.namespace, self.seed, self.graded = name, namespace, seed, graded
        self.topic, self.folder, self.group = namespace.topic, namespace.folder, namespace.group
        self.answers: dict[str, Any] = {}

    def answer(self, question: str, value: Any) -> None:
        """Declare the answer to a question: numbers, text, lists and dicts of them; the last one counts."""
        value = plain(value)
        text = json.dumps({"question": question, "value": value})
        if len(text) > LONGEST_ANSWER:
            raise ValueError(
                f"the answer to {question} has {len(text):,} characters; {LONGEST_ANSWER:,} are allowed"
            )
        from IPython.display import display

        self.answers[question] = value
        shown = f"{question}: {value!r}"
        display({ANSWER: json.loads(text), "text/plain": shown}, raw=True)

    def new_topic(self, suffix: str) -> str:
        """Create an empty topic of the lab for the notebook to fill, and return its name."""
        from eventlab.labs import inputs

        name = self.namespace.topic_of(suffix)
        inputs.recreate_topic(name)
        return name

    def check(self, question: str, *, hidden: bool = False) -> None:
        """Run the question's public checks and print what they expected and found.

        With `hidden` the hidden checks run instead, which exist where nbgrader grades.

        Raises:
            LabFailure: A check failed under nbgrader.
        """
        if self.graded:
            print("Checked from outside when graded.")
            return
        evidence = self._evidence()
        checks = [check for check in self._lab().checks_of(question) if check.hidden == hidden]
        own = [(check, check.run(evidence)) for check in checks]
        for check, verdict in own:
            _print(check, verdict)
        passed = sum(verdict.passed for _, verdict in own)
        count = self._lab().hidden(question)
        if not hidden:
            rest = f"; {count} hidden {_checks(count)} when graded" if count else ""
            print(f"{passed}/{len(own)} public checks pass{rest}")
        if passed < len(own) and under_nbgrader():
            raise LabFailure(f"{len(own) - passed} of {len(own)} checks of {question} failed")

    def restart(self) -> None:
        """Start again: delete what the lab left in Kafka and on HDFS, and create its input again."""
        from eventlab.labs import inputs

        inputs.clear(self.namespace)
        self._lab().prepare(self.namespace, self.seed)
        write_atomically(self._marker(), str(self.seed))

    def prepare(self) -> None:
        """Create the lab's input unless it exists for this seed."""
        from eventlab.labs import inputs

        marker = self._marker()
        made = marker.exists() and marker.read_text() == str(self.seed)
        if self.graded or (made and inputs.has_topic(self.topic)):
            return
        self.restart()

    def _lab(self) -> Lab:
        """Return the lab next to the notebook, as released, or else the kit's."""
        from eventlab.labs.catalogue import Lab, find

        here = Path.cwd()
        if here.name == self.name and (here / "checks.py").exists():
            return Lab(self.name, here)
        return find(self.name)

    def _evidence(self) -> Any:
        from eventlab.labs.evidence import Evidence

        small = (path for path in Path.cwd().glob("*.py") if path.stat().st_size < MOST_FILE_BYTES)
        files = {path.name: path.read_bytes() for path in small}
        return Evidence(self.namespace, self.seed, answers=self.answers, files=files)

    def _marker(self) -> Path:
        """Return the file with the seed of the input; `eventlab reset` deletes it with the data."""
        from eventlab.settings import settings
        from eventlab.stack.config import data_dir

        return data_dir(settings) / "labs" / self.namespace.prefix


def under_nbgrader() -> bool:
    """Return whether nbgrader runs this notebook, to grade or to validate it."""
    return bool(os.environ.get("NBGRADER_EXECUTION"))


def plain(value: Any) -> Any:
    """Return the value as JSON: Spark rows and pandas frames as dicts, numpy numbers as Python numbers."""
    if hasattr(value, "asDict"):
        return plain(value.asDict())
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return plain(value.to_dict("records"))
    if hasattr(value, "item") and not hasattr(value, "__len__"):
        return plain(value.item())
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


def _print(check: LabCheck, verdict: Verdict) -> None:
    print(f"{'ok  ' if verdict.passed else 'FAIL'}  {check.name}")
    if not verdict.passed:
        for label, text in (("expected", verdict.expected), ("got", verdict.got), ("hint", check.hint)):
            if text:
                print(f"      {label + ':':<9} {text}")


def _checks(count: int) -> str:
    return "check runs" if count == 1 else "checks run"
