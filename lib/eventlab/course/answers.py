"""The answer to an exercise: one number or one text, whatever kind of value the learner assigns."""

from numbers import Number
from typing import Any

ADVICE = {
    "DataFrame": "count() counts its rows, and first()[0] is its first value (in pandas: .iloc[0, 0]).",
    "Series": ".iloc[0] is its first value.",
    "Row": 'Take one of its fields: add [0] or its name, as in row["item"].',
    "Column": "It is an expression, which a DataFrame calculates: select it, then take first()[0].",
    "method": "Add () to call it.",
    "function": "Add () to call it.",
    "builtin_function_or_method": "Add () to call it.",
}
"""What to do with a value that is no answer, by the name of its class or of a class from which it derives."""
SEVERAL = "It contains several values or none. Take the one that the exercise asks for, as in answer[0]."


def is_missing(answer: Any) -> bool:
    """Return whether the exercise has not been answered: its `...` is still there, or the answer is None."""
    return answer is ... or answer is None


def plain(answer: Any) -> Any:
    """Return an answer as a simple value: the only line of a shell command's output, and a number as a number."""
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, str):
        answer = answer.strip()
        return int(answer) if answer.isdecimal() else answer
    # numpy is not imported, because most answers are no numbers of it. A DataFrame of Spark has any attribute.
    return answer.item() if "generic" in _class_names(answer) and hasattr(type(answer), "item") else answer


def problem_with(answer: Any) -> str | None:
    """Return why a value cannot be an answer and how to get one from it, or None for a number or a text."""
    if isinstance(answer, str | Number):
        return None
    names = _class_names(answer)
    advice = next((ADVICE[name] for name in names if name in ADVICE), None)
    if advice is None:
        advice = SEVERAL if hasattr(type(answer), "__len__") else "Assign a number or a text."
    name = "list" if "list" in names else names[0]
    return f"This is a {name}, not a number or a text. {advice}"


def _class_names(value: Any) -> list[str]:
    """Return the names of a value's class and of the classes from which it derives."""
    return [kind.__name__ for kind in type(value).__mro__]
