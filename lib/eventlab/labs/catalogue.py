"""The labs and the files in a lab's folder."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

from eventlab.errors import EventlabError
from eventlab.labs.checks import LabCheck, Mutant, Rule, TextQuestion
from eventlab.labs.mistakes import Mistake
from eventlab.labs.names import Namespace
from eventlab.labs.trial import Trial
from eventlab.settings import ROOT

LABS = ROOT / "labs"


class LabError(EventlabError):
    """A lab does not exist, or its folder is incomplete."""


@dataclass(frozen=True)
class Lab:
    """A lab's folder: `instructor.ipynb`, `student.ipynb`, `checks.py`, and others if needed."""

    name: str
    folder: Path

    @property
    def instructor(self) -> Path:
        """Return the instructor's notebook."""
        return self.folder / "instructor.ipynb"

    @property
    def student(self) -> Path:
        """Return the student's notebook."""
        return self.folder / "student.ipynb"

    @cached_property
    def module(self) -> ModuleType:
        """Return the module of the lab's `checks.py`."""
        return _load(self.folder, "checks")

    @cached_property
    def _proof(self) -> ModuleType:
        """Return the module of `proof.py`; a lab without one has its rules and mutants in `checks.py`."""
        return _load(self.folder, "proof") if (self.folder / "proof.py").exists() else self.module

    @cached_property
    def checks(self) -> tuple[LabCheck, ...]:
        """Return public and hidden checks in the order of the source.

        Raises:
            LabError: `checks.py` defines neither a check nor a text question.
        """
        checks = tuple(value for value in vars(self.module).values() if isinstance(value, LabCheck))
        if not checks and not self.text_questions and not self._hidden_counts:
            raise LabError(f"{self.folder / 'checks.py'} defines no check")
        return checks

    @cached_property
    def text_questions(self) -> dict[str, TextQuestion]:
        """Return, by id, the questions that a person marks."""
        values = vars(self.module).values()
        return {value.question: value for value in values if isinstance(value, TextQuestion)}

    @cached_property
    def mistakes(self) -> tuple[Mistake, ...]:
        """Return what wrong solutions leave, from `mistakes.py`; () in a lab without this file."""
        if not (self.folder / "mistakes.py").exists():
            return ()
        return tuple(getattr(_load(self.folder, "mistakes"), "MISTAKES", ()))

    @property
    def mutants(self) -> tuple[Mutant, ...]:
        """Return the wrong solutions that the checks must catch."""
        return tuple(getattr(self._proof, "MUTANTS", ()))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Return the rules that the data of each seed must exercise."""
        return tuple(getattr(self._proof, "RULES", ()))

    @property
    def questions(self) -> tuple[str, ...]:
        """Return the ids of the questions that checks judge, in order."""
        return tuple(dict.fromkeys([*self._hidden_counts, *(check.question for check in self.checks)]))

    @property
    def all_questions(self) -> tuple[str, ...]:
        """Return the ids of all questions, with those that a person marks, by number."""
        ids = dict.fromkeys((*self.questions, *self.text_questions))
        return tuple(sorted(ids, key=lambda id: int(id[1:]) if id[1:].isdecimal() else 0))

    def checks_of(self, question: str) -> tuple[LabCheck, ...]:
        """Return the checks of a question."""
        return tuple(check for check in self.checks if check.question == question)

    def points(self, question: str | None = None) -> float:
        """Return the most points for a question, or for the whole lab."""
        parts: tuple[LabCheck | TextQuestion, ...] = (*self.checks, *self.text_questions.values())
        return sum(part.points for part in parts if question in (None, part.question))

    def hidden(self, question: str) -> int:
        """Return how many hidden checks a question has; a released lab contains only their number."""
        count = sum(check.hidden for check in self.checks_of(question))
        return count or self._hidden_counts.get(question, 0)

    @property
    def _hidden_counts(self) -> dict[str, int]:
        """Return the number of hidden checks by question, which a released lab contains instead of the checks."""
        return dict(getattr(self.module, "HIDDEN_CHECKS", {}))

    @property
    def jobs(self) -> dict[str, str]:
        """Return the questions whose answer is a job that goes through a trial, with the jobs' files."""
        return dict(getattr(self.module, "JOBS", {}))

    def trial(self, seed: int, questions: Iterable[str]) -> Trial:
        """Return the trial of the jobs of these questions."""
        jobs = {question: file for question, file in self.jobs.items() if question in questions}
        return Trial(jobs, *self.module.trial(seed))

    def prepare(self, namespace: Namespace, seed: int) -> None:
        """Create the lab's input, events and tables, in an empty namespace."""
        self.module.prepare(namespace, seed)


def all_labs() -> list[Lab]:
    """Return the kit's labs in order."""
    return [Lab(folder.name, folder) for folder in sorted(LABS.glob("lab*_*")) if (folder / "checks.py").exists()]


def find(name: str) -> Lab:
    """Return a lab by its name, the beginning of its name (`lab03`), or its folder.

    Raises:
        LabError: No lab, or more than one, has this name.
    """
    folder = Path(name)
    if (folder / "checks.py").exists():
        return Lab(folder.resolve().name, folder.resolve())
    matches = [lab for lab in all_labs() if lab.name == name] or [
        lab for lab in all_labs() if lab.name.startswith(name)
    ]
    if len(matches) != 1:
        known = ", ".join(lab.name for lab in all_labs())
        raise LabError(
            f"there is no lab {name!r}. Labs: {known}. You can also name a lab's folder", "eventlab labs list"
        )
    return matches[0]


def _load(folder: Path, name: str) -> ModuleType:
    """Import a module of the lab's folder as part of a package, so that `from .generate import ...` works."""
    package = f"_eventlab_lab_{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    if package not in sys.modules:
        module = ModuleType(package)
        module.__path__ = [str(folder)]
        sys.modules[package] = module
    return importlib.import_module(f"{package}.{name}")
