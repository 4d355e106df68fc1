"""A lesson shows a program of the kit, or the parts of it that it names."""

import pytest

from eventlab.course import LessonError, show_program
from eventlab.course.program import parts_of
from eventlab.settings import ROOT

SOURCE = '''"""A program."""

import os

LIMIT = 3  # a limit


@decorator
@another(
    "x",
)
def first(number):
    """Return."""
    return number


class Second:
    value = 1
'''


def test_a_part_has_its_decorators_and_comments():
    parts = parts_of(SOURCE)

    assert list(parts) == ["LIMIT", "first", "Second"]
    assert parts["LIMIT"] == "LIMIT = 3  # a limit\n"
    assert parts["first"].startswith('@decorator\n@another(\n    "x",\n)\ndef first(number):\n')
    assert parts["first"].endswith("    return number\n")
    assert parts["Second"] == "class Second:\n    value = 1\n"


def test_without_names_the_whole_program_is_shown():
    program = (ROOT / "game_api.py").read_text()

    assert show_program("game_api.py")._repr_markdown_() == f"```python\n{program}```"


def test_named_parts_are_shown_in_their_order_with_two_lines_between_them():
    shown = repr(show_program("game_api.py", "log_to_kafka", "purchase_a_sword"))

    assert shown.startswith("def log_to_kafka(")
    assert '\n\n\n@game.route("/purchase_a_sword")\ndef purchase_a_sword() -> str:\n' in shown
    assert "purchase_a_knife" not in shown


def test_an_unknown_name_is_refused_with_the_names_of_all():
    with pytest.raises(LessonError, match=r"does not define buy_a_sword; it defines: .*purchase_a_sword"):
        show_program("game_api.py", "buy_a_sword")
