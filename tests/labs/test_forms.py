"""An answer is accepted in each form that says the same, and nothing else is."""

import pytest

from eventlab.labs.evidence import Evidence, EvidenceError
from eventlab.labs.names import Namespace

ROWS = [{"item": "bow", "sold": 2, "coins": 160}, {"item": "sword", "sold": 1, "coins": 120}]


def evidence(answer):
    return Evidence(Namespace.of("lab"), 1, answers={"q1": answer})


@pytest.mark.parametrize("answer", [5, [5], {"n": 5}, [{"n": 5}], [[5]]])
def test_one_value_alone_in_a_list_a_row_or_a_table_is_that_value(answer):
    assert evidence(answer).value("q1") == 5


@pytest.mark.parametrize("answer", [[5, 6], {"a": 5, "b": 6}, [], "5", None])
def test_other_values_stay_as_they_are(answer):
    assert evidence(answer).value("q1") == answer


@pytest.mark.parametrize(
    "answer",
    [
        {"a": 1, "b": 2},
        [["a", 1], ["b", 2]],
        [{"event_type": "a", "count": 1}, {"event_type": "b", "count": 2}],
    ],
)
def test_counts_are_a_dict_pairs_or_rows_of_two_columns(answer):
    assert evidence(answer).counts("q1") == {"a": 1, "b": 2}


@pytest.mark.parametrize("answer", [3, "a", None, [1, 2], [["a", 1, 2]], [[1, "a"]], [["a", 1], ["a", 2]]])
def test_other_answers_are_no_counts(answer):
    with pytest.raises(EvidenceError, match="the answer"):
        evidence(answer).counts("q1")


@pytest.mark.parametrize(
    "answer",
    [
        ROWS,
        [["bow", 2, 160], ["sword", 1, 120]],
        {"item": ["bow", "sword"], "sold": [2, 1], "coins": [160, 120]},
        {"item": {"0": "bow", "1": "sword"}, "sold": {"0": 2, "1": 1}, "coins": {"0": 160, "1": 120}},
    ],
    ids=["rows", "tuples", "lists", "dicts of columns"],
)
def test_a_table_is_rows_tuples_or_columns(answer):
    assert evidence(answer).table("q1", "item", "sold", "coins") == ROWS


@pytest.mark.parametrize("answer", [ROWS[0], [ROWS[0]], ["bow", 2, 160]])
def test_one_row_alone_is_a_table(answer):
    assert evidence(answer).table("q1", "item", "sold", "coins") == ROWS[:1]


@pytest.mark.parametrize("answer", [3, "bow", None, [3], ["bow", 2], [["bow", 2]], [ROWS[0], 3]])
def test_other_answers_are_no_table_and_the_message_names_the_columns(answer):
    with pytest.raises(EvidenceError, match="rows with item, sold and coins"):
        evidence(answer).table("q1", "item", "sold", "coins")


def test_no_rows_are_an_empty_table():
    assert evidence([]).table("q1", "item", "sold") == []
