"""Questions that a learner answers before a cell shows the result: `course.predict("03-1")`.

The questions are in `questions.toml` and not in the notebooks, so that a cell does not show its answer.
"""

import html
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import ipywidgets
from pydantic import BaseModel, TypeAdapter, model_validator

from eventlab.course.preparation import LessonError
from eventlab.errors import near_names
from eventlab.lessons import nearest_form

FILE = Path(__file__).with_name("questions.toml")


class QuizQuestion(BaseModel, frozen=True):
    """A question, its choices with an explanation of each, and the choice that is right."""

    question: str
    choices: dict[str, str]
    answer: str

    @model_validator(mode="after")
    def _check_answer(self) -> "QuizQuestion":
        if self.answer not in self.choices:
            raise ValueError(f"the answer {self.answer!r} is not one of the choices")
        return self

    def verdict(self, choice: str) -> str:
        """Return whether a choice is right, and its explanation."""
        return f"{'✓ Right' if choice == self.answer else '✗ No'}. {self.choices[choice]}"


@cache
def questions() -> dict[str, QuizQuestion]:
    """Return all questions by their names, such as `03-1` for the first one of lesson 3."""
    return TypeAdapter(dict[str, QuizQuestion]).validate_python(tomllib.loads(FILE.read_text()))


class Prediction(ipywidgets.VBox):
    """A question with a button for each choice; pressing one shows whether it is right, and why."""

    def __init__(self, question: QuizQuestion) -> None:
        self.question = question
        self.result = ipywidgets.HTML()
        self.buttons = [
            ipywidgets.Button(description=choice, tooltip="Choose this answer", layout={"width": "max-content"})
            for choice in question.choices
        ]
        for button in self.buttons:
            button.on_click(self._choose)
        title = f"<b>Predict:</b> {html.escape(question.question)}"
        choices = ipywidgets.HBox(self.buttons, layout={"flex_flow": "row wrap"})
        super().__init__([ipywidgets.HTML(title), choices, self.result])
        self.add_class("eventlab-prediction")

    def _choose(self, pressed: ipywidgets.Button) -> None:
        for button in self.buttons:
            button.button_style = ""
        is_right = pressed.description == self.question.answer
        pressed.button_style = "success" if is_right else "warning"
        self.result.value = f"<p>{html.escape(self.question.verdict(pressed.description))}</p>"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """Return the buttons for a live notebook, and two forms for readers of a saved one."""
        live = super()._repr_mimebundle_(**options) or {}
        return {**live, "text/html": self._html(), "text/plain": repr(self)}

    def _html(self) -> str:
        choices = "".join(f"<li>{html.escape(choice)}</li>" for choice in self.question.choices)
        answers = "".join(
            f"<li><i>{html.escape(choice)}</i>: {html.escape(self.question.verdict(choice))}</li>"
            for choice in self.question.choices
        )
        title = f"<b>Predict:</b> {html.escape(self.question.question)}"
        return f"{title}<ul>{choices}</ul><details><summary>Answers</summary><ul>{answers}</ul></details>"

    def __repr__(self) -> str:
        choices = "\n".join(f"  - {choice}" for choice in self.question.choices)
        answers = "\n".join(f"  - {choice}: {self.question.verdict(choice)}" for choice in self.question.choices)
        return f"Predict: {self.question.question}\n{choices}\nAnswers:\n{answers}"


def predict(name: str) -> Prediction:
    """Return the question with this name, for the notebook to show; raise LessonError if there is none."""
    if str(name) not in questions():
        raise LessonError(f"there is no question {name!r}; {near_names(nearest_form(name), questions())}")
    return Prediction(questions()[name])
