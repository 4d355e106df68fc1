"""Say whether an exercise is solved: `course.check("05-1", answer)`."""

import inspect
from typing import Any

from eventlab.course import answers, stream_exercises  # noqa: F401 (its checks are registered)
from eventlab.course.exercises import checks
from eventlab.course.preparation import LessonError
from eventlab.errors import near_names
from eventlab.lessons import exercise_title, nearest_form, solved


def check(name: str, answer: Any = ...) -> None:
    """Print whether an exercise is solved, and what is missing otherwise.

    Args:
        name: The exercise, such as `05-1` for the first one of lesson 5.
        answer: The learner's answer, for an exercise that asks for one; `...` stands for no answer.

    Raises:
        LessonError: There is no such exercise.
    """
    if str(name) not in checks:
        raise LessonError(f"there is no exercise {name!r}; {near_names(nearest_form(name), checks)}")
    title = exercise_title(name)
    asks_for_answer = bool(inspect.signature(checks[name]).parameters)
    if asks_for_answer and answer is ...:
        print(f"{title}: no answer yet. Replace the ... by your answer and run the cell again.")
        return
    missing = _missing_in(name, answers.plain(answer)) if asks_for_answer else checks[name]()
    if not missing:
        solved.add(name)
    print(f"{title}: not yet. {missing}" if missing else f"{title}: correct.")


def _missing_in(name: str, answer: Any) -> str | None:
    hint = checks[name](answer)
    return hint and f"{answers.description(answer)} {hint}"
