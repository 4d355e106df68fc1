"""The answer that a learner gives to an exercise: as a simple value, compared, and described in a message."""

from numbers import Number
from typing import Any

LONGEST_TEXT = 70


def plain(answer: Any) -> Any:
    """Return an answer as a simple value.

    A list or row with one value becomes this value, and a text of digits becomes a number. Of a shell command's
    output, empty lines and messages of kafkacat are left out.
    """
    if isinstance(answer, (list, tuple)):
        values = [value for value in answer if not _is_message(value)]
        return plain(values[0]) if len(values) == 1 else answer
    if isinstance(answer, str):
        answer = answer.strip()
        return int(answer) if answer.isdecimal() else answer
    is_from_numpy = isinstance(answer, Number) and hasattr(answer, "item")
    return answer.item() if is_from_numpy else answer


def _is_message(value: Any) -> bool:
    return isinstance(value, str) and (not value.strip() or value.startswith("% "))


def same(answer: Any, expected: Any) -> bool:
    """Return whether an answer is a number or a text, and equals the expected one."""
    return isinstance(answer, (Number, str)) and answer == expected


def description(answer: Any) -> str:
    """Return a sentence about a wrong answer: its value, or why it cannot be one."""
    if answer is None:
        return "Your answer is None. A function that shows or prints a value, such as show(), returns None."
    if isinstance(answer, (list, tuple)):
        return f"Your answer has {len(answer)} values, not one: {_short(answer)}."
    if isinstance(answer, (Number, str)):
        return f"Your answer is {_short(answer)}."
    return f"Your answer is a {type(answer).__name__}, not a number or a text."


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."
