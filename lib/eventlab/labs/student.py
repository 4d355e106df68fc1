"""What a lab's notebook imports: `lab = open_lab("lab01_events", ...)`, `lab.check("q1")`, `lab.answer("q1", 42)`.

In a student's own notebook, `open_lab` creates the data and `check` runs the public checks. The grader passes the
name of a topic: then the data exists already, and the checks run in another process, which the notebook's code
cannot reach. A graded notebook does not get the seed of its data, because no line of it needs the seed.
"""

from __future__ import annotations

import getpass
import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventlab.files import write_atomically
from eventlab.labs.answers import AnswerError, plain
from eventlab.labs.names import Namespace

if TYPE_CHECKING:
    from eventlab.labs.catalogue import Lab
    from eventlab.labs.checks import LabCheck, TextQuestion, Verdict
    from eventlab.labs.evidence import Evidence
    from eventlab.labs.serve import Server

ANSWER = "application/vnd.eventlab.answer+json"
"""The MIME type of the output with which a notebook sends an answer to the judge."""
MAX_ANSWER_CHARS = 64 * 1024
MAX_FILE_BYTES = 1024 * 1024
RERUN = """      If you ran a cell more than once, results of an earlier run may be left.
      lab.restart() deletes them all; then run your cells again."""
"""Printed after a failed check that found something in Kafka or on HDFS."""


class LabFailure(AssertionError):
    """A check failed under nbgrader, which scores by exception."""


def open_lab(
    name: str, *, student: str = "", seed: int = 0, topic: str = "", folder: str = "", group: str = ""
) -> OpenLab:
    """Return the lab with its input, which stays until `lab.restart()` or `eventlab reset`.

    Args:
        name: The lab.
        student: Chooses the names of topics, folder and group; by default the login name.
        seed: 0 for the practice data; any other number for other data, on which to try a solution.
        topic: The topic that the grader has filled with the data, or "" in a student's own notebook.
        folder: The folder on HDFS that the grader has chosen, or "".
        group: The consumer group that the grader has chosen, or "".
    """
    if "ipykernel_launcher" in sys.argv[0]:
        del sys.argv[1:]  # a job's cell without its line %%writefile would read the kernel's arguments
    is_graded = bool(topic)
    if is_graded:
        return OpenLab(name, Namespace(topic.removesuffix("-events"), topic, folder, group), 0, graded=True)
    from eventlab import course
    from eventlab.labs.seeds import practice_seed

    course.connect()
    student = student or getpass.getuser()
    if under_nbgrader():  # one namespace for all submissions, which is emptied for each
        opened = OpenLab(name, Namespace.of_student(name, "nbgrader"), seed or secrets.randbits(128))
        opened._create_input()
    else:
        opened = OpenLab(name, Namespace.of_student(name, student), seed or practice_seed(name))
        opened.prepare()
    print(f"{name} for {student}: topic {opened.topic}, folder {opened.folder}")
    return opened


class OpenLab:
    """A lab as a notebook uses it: its names, checks and answers."""

    def __init__(self, name: str, namespace: Namespace, seed: int, *, graded: bool = False) -> None:
        self.name, self.namespace, self.seed, self.graded = name, namespace, seed, graded
        self.topic, self.folder, self.group = namespace.topic, namespace.folder, namespace.group
        self.answers: dict[str, Any] = {}
        self._publish = _publisher() if graded else None
        self._servers: dict[str, Server] = {}
        self._trials: dict[str, Evidence] = {}

    def answer(self, question: str, value: Any) -> None:
        """Declare the answer to a question; the last one counts.

        Args:
            question: The question, for example `q1`.
            value: Numbers, text, lists, dicts, rows, a Series or a DataFrame (see `eventlab.labs.answers.plain`).

        Raises:
            AnswerError: The value is not data, or the answer is too long.
            LabError: The lab has no such question; this is not checked when the notebook is graded.
        """
        self._require_question(question)
        value = plain(value)
        text = json.dumps({"question": question, "value": value})
        if len(text) > MAX_ANSWER_CHARS:
            raise AnswerError(
                f"the answer to {question} has {len(text):,} characters; {MAX_ANSWER_CHARS:,} are allowed"
            )
        from IPython.display import display

        self.answers[question] = value
        data = {ANSWER: json.loads(text), "text/plain": f"{question}: {value!r}"}
        if self._publish:
            self._publish(data)
        else:
            display(data, raw=True)

    def new_topic(self, suffix: str) -> str:
        """Create an empty topic of the lab, or empty it, and return its name."""
        from eventlab.labs import inputs

        name = self.namespace.topic_of(suffix)
        inputs.recreate_topic(name)
        return name

    def new_group(self) -> None:
        """Delete the offsets that the lab's consumer group has committed.

        Raises:
            InputError: A consumer of an earlier run is still a member of the group.
        """
        from eventlab.labs import inputs

        if not self.graded:  # a graded notebook has a new group
            inputs.delete_group(self.group)

    def serve(self, question: str, create: Callable[[], Any]) -> None:
        """Serve the API of a question until the notebook ends, and tell the checks its address.

        Errors of the API are appended to the file `QUESTION_api.log`.

        Args:
            question: The question, for example `q1`.
            create: Returns a copy of the API, a WSGI application such as a Flask app.

        Raises:
            LabError: The lab has no such question.
        """
        from eventlab.labs.serve import Copies, Server

        self._require_question(question)
        if question in self._servers:
            self._servers.pop(question).close()
        self._servers[question] = Server(Copies(create, Path(f"{question}_api.log")))
        self.answer(question, self._servers[question].url)

    def check(self, question: str, *, hidden: bool = False) -> None:
        """Run the question's public checks and print what they expected and what they read.

        A question whose answer is a job begins with a trial, which kills and starts services of this stack.
        With `hidden` the hidden checks run instead, which exist where nbgrader grades.

        Raises:
            LabFailure: A check failed under nbgrader.
            LabError: The lab has no such question.
        """
        if self.graded:
            print("The grader runs the checks outside of this notebook.")
            return
        self._require_question(question)
        lab = self._lab()
        if question in lab.text_questions:
            _print_rubric(lab.text_questions[question])
            return
        evidence, results, is_left = self._evidence(), [], False
        if question in lab.jobs:
            evidence = self._trial_evidence(lab, question, evidence, hidden)
        for check in (check for check in lab.checks_of(question) if check.hidden == hidden):
            evidence.found.clear()
            results.append(check.run(evidence))
            _print(check, results[-1])
            is_left = is_left or bool(evidence.found and not results[-1].passed and not evidence.trial)
        failed = sum(not verdict.passed for verdict in results)
        if failed and under_nbgrader():
            raise LabFailure(f"{failed} of {len(results)} checks of {question} failed")
        if is_left:
            print(RERUN)
        if not hidden:
            count = lab.hidden(question)
            rest = f"; {count} hidden {'check runs' if count == 1 else 'checks run'} when graded" if count else ""
            print(f"{len(results) - failed}/{len(results)} public checks pass{rest}")

    def restart(self) -> None:
        """Delete the lab's topics, consumer groups and folder, and create its input again."""
        self._create_input()
        print(
            f"The results and answers of {self.name} are deleted, and its input is created again. Run your cells."
        )

    def _create_input(self) -> None:
        from eventlab.labs import inputs

        self.answers.clear()
        inputs.clear(self.namespace)
        self._lab().prepare(self.namespace, self.seed)
        write_atomically(_marker(self.namespace), str(self.seed))

    def prepare(self) -> None:
        """Create the lab's input unless it exists for this seed."""
        from eventlab.labs import inputs

        marker = _marker(self.namespace)
        exists = marker.exists() and marker.read_text() == str(self.seed) and inputs.has_topic(self.topic)
        if not self.graded and not exists:
            self._create_input()

    def _require_question(self, question: str) -> None:
        from eventlab.labs.catalogue import LabError

        if self.graded:  # there are no checks, and an error here would end the cell
            return
        if question not in (known := self._lab().all_questions):
            raise LabError(f"{self.name} has no question {question!r}; it has: {', '.join(known)}")

    def _lab(self) -> Lab:
        """Return the released lab in the notebook's folder, or else the kit's."""
        from eventlab.labs.catalogue import Lab, find

        here = Path.cwd()
        if here.name == self.name and (here / "checks.py").exists():
            return Lab(self.name, here)
        return find(self.name)

    def _evidence(self) -> Evidence:
        from eventlab.labs.evidence import Evidence

        small = (path for path in Path.cwd().glob("*.py") if path.stat().st_size < MAX_FILE_BYTES)
        files = {path.name: path.read_bytes() for path in small}
        return Evidence(self.namespace, self.seed, answers=self.answers, files=files)

    def _trial_evidence(self, lab: Lab, question: str, evidence: Evidence, hidden: bool) -> Evidence:
        """Return the evidence of a trial of the question's job; the hidden checks read that of the public ones."""
        from eventlab.labs.own_machine import trial_evidence

        if not hidden or question not in self._trials:
            self._trials[question] = trial_evidence(lab, question, evidence)
        return self._trials[question]


def prepared_seed(namespace: Namespace) -> int | None:
    """Return the seed of the input that exists on this stack for a student, or None without any."""
    try:
        return int(_marker(namespace).read_text())
    except (OSError, ValueError):
        return None


def _marker(namespace: Namespace) -> Path:
    """Return the file with the seed of the input; `eventlab reset` deletes it with the data."""
    from eventlab.settings import settings
    from eventlab.stack.config import data_dir

    return data_dir(settings) / "labs" / namespace.prefix


def _publisher() -> Callable[[dict[str, Any]], None] | None:
    """Return what sends an output of this notebook, also while `%%capture` keeps those of a cell."""
    from IPython import get_ipython

    shell = get_ipython()
    return shell.display_pub.publish if shell else None


def under_nbgrader() -> bool:
    """Return whether nbgrader runs this notebook, to grade or to validate it."""
    return bool(os.environ.get("NBGRADER_EXECUTION"))


def _print(check: LabCheck, verdict: Verdict) -> None:
    print(f"{'ok  ' if verdict.passed else 'FAIL'}  {check.name}")
    if not verdict.passed:
        for label, text in (("expected", verdict.expected), ("got", verdict.got), ("hint", check.hint)):
            if text:
                print(f"      {label + ':':<9} {text}")


def _print_rubric(question: TextQuestion) -> None:
    print("A person marks this question and looks for:")
    for criterion in question.rubric:
        print(f"  {criterion.text} ({criterion.points:g})")
