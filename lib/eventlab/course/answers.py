"""The answer that a learner gives to an exercise: as a simple value, compared, and described in a message."""

from numbers import Number
from typing import Any

LONGEST_TEXT = 70
ADVICE = {
    "DataFrame": "count() counts its rows, and first()[0] is its first value (in pandas: .iloc[0, 0]).",
    "Series": ".iloc[0] is its first value.",
    "Row": 'Take one of its fields: add [0] or its name, as in row["item"].',
    "Column": "It is an expression, which a DataFrame calculates: select it, then take first()[0].",
    "method": "Add () to call it.",
    "function": "Add () to call it.",
    "builtin_function_or_method": "Add () to call it.",
}
"""What to do with a value that is not an answer, by the name of its class or of a class from which it derives."""
SEVERAL = "Take one of its values, as in answer[0], or count them with len(answer)."


def plain(answer: Any) -> Any:
    """Return an answer as a simple value.

    A list or row with one value becomes this value, and a string of digits becomes a number. Of a shell command's
    output, empty lines and messages of kafkacat are left out.
    """
    if isinstance(answer, list | tuple):
        values = [value for value in answer if not _is_message(value)]
        return plain(values[0]) if len(values) == 1 else answer
    if isinstance(answer, str):
        answer = answer.strip()
        return int(answer) if answer.isdecimal() else answer
    # numpy is not imported, because few answers are its numbers. A DataFrame of Spark has every attribute.
    return answer.item() if "generic" in _class_names(answer) and hasattr(type(answer), "item") else answer


def _is_message(value: Any) -> bool:
    return isinstance(value, str) and (not value.strip() or value.startswith("% "))


def same(answer: Any, expected: Any) -> bool:
    """Return whether an answer is a number or a string, and equals the expected one; capitals do not matter."""
    if isinstance(answer, str) and isinstance(expected, str):
        return answer.casefold() == expected.casefold()
    is_simple = isinstance(answer, Number | str) and not isinstance(answer, bool)  # True == 1
    return is_simple and answer == expected


def description(answer: Any) -> str:
    """Return a sentence about a wrong answer: its value, or why it cannot be one and how to get one from it."""
    if answer is None:
        return "Your answer is None. A function that shows or prints a value, such as show(), returns None."
    if isinstance(answer, Number | str):
        return f"Your answer is {_short(answer)}."
    names = _class_names(answer)
    advice = next((ADVICE[name] for name in names if name in ADVICE), None)
    if advice is None and isinstance(answer, list | tuple):
        values = f"Your answer has {len(answer)} values, not one: {_short(list(answer))}."
        return f"{values} {SEVERAL}" if len(answer) else values
    if advice is None:
        advice = SEVERAL if hasattr(type(answer), "__len__") else "Assign a number or a string."
    return f"Your answer is a {names[0]}, not a number or a string. {advice}"


def _class_names(value: Any) -> list[str]:
    """Return the names of a value's class and of the classes from which it derives."""
    return [kind.__name__ for kind in type(value).__mro__]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."
