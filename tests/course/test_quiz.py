"""A prediction answers each choice with an explanation, also without a browser."""

import pytest
from pydantic import ValidationError

from eventlab.course import LessonError
from eventlab.course.quiz import Prediction, QuizQuestion, predict, questions

QUESTION = QuizQuestion(question="1 + 1 < 3?", choices={"yes": "It is 2.", "no": "3 is more."}, answer="yes")


def test_pressing_a_wrong_choice_shows_why_it_is_wrong():
    prediction = Prediction(QUESTION)

    prediction.buttons[1].click()

    assert "✗ No. 3 is more." in prediction.result.value
    assert [button.button_style for button in prediction.buttons] == ["", "warning"]


def test_pressing_the_right_choice_after_a_wrong_one_shows_that_it_is_right():
    prediction = Prediction(QUESTION)

    prediction.buttons[1].click()
    prediction.buttons[0].click()

    assert "✓ Right. It is 2." in prediction.result.value
    assert [button.button_style for button in prediction.buttons] == ["success", ""]


def test_a_saved_notebook_has_the_question_as_text_and_its_answers_behind_a_fold():
    data = Prediction(QUESTION)._repr_mimebundle_()

    assert data["text/plain"].startswith("Predict: 1 + 1 < 3?\n  - yes\n  - no\nAnswers:\n")
    assert "<b>Predict:</b> 1 + 1 &lt; 3?" in data["text/html"]
    assert data["text/html"].index("<details>") < data["text/html"].index("It is 2.")


def test_an_answer_that_is_no_choice_is_refused():
    with pytest.raises(ValidationError, match="not one of the choices"):
        QuizQuestion(question="?", choices={"a": "1"}, answer="b")


@pytest.mark.parametrize("name", ["2-1", "2.1", 2.1])
def test_an_unknown_question_is_refused_with_the_nearest_name(name):
    with pytest.raises(LessonError, match=f"there is no question {name!r}; did you mean '02-1'"):
        predict(name)


@pytest.mark.parametrize("name", questions())
def test_each_question_has_three_choices_and_explains_each(name):
    question = predict(name).question

    assert len(question.choices) in (2, 3)
    assert all(explanation.endswith(".") for explanation in question.choices.values())
