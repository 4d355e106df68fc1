"""A check's verdict: what is equal, what is shown, and that nothing a student leaves behind breaks it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from eventlab.labs.checks import MAX_TEXT_CHARS, Verdict, check, expect, iso_day, number, same
from eventlab.labs.evidence import Evidence, EvidenceError
from eventlab.labs.names import Namespace

EVIDENCE = Evidence(Namespace.of("lab"), 1, answers={"q1": 3})


def test_the_decorator_makes_a_check_of_a_function():
    @check("q1", points=2, hint="count", hidden=True)
    def three_events_are_there(evidence):
        return expect(expected=3, got=evidence.answer("q1"))

    assert three_events_are_there.name == "three events are there"
    assert (three_events_are_there.question, three_events_are_there.points) == ("q1", 2)
    assert three_events_are_there.hidden
    assert three_events_are_there.run(EVIDENCE) == Verdict(True, "3", "3")


@pytest.mark.parametrize(
    ("right", "answer"),
    [
        *[(3, 3.0), (0.1 + 0.2, 0.3), ([1, 2], (1, 2)), ({"a": [1.0]}, {"a": [1]}), (None, None), ("a", "a")],
        *[(3, Decimal("3.00")), (0.67, Decimal("0.67")), ([(1, "a")], [[Decimal(1), "a"]])],
    ],
)
def test_what_means_the_same_is_the_same(right, answer):
    assert same(right, answer)


@pytest.mark.parametrize(
    ("right", "answer"),
    [
        (3, Decimal("3.1")),
        (3, 4),
        (1_735_689_600_000, 1_735_689_660_000),  # a minute later, in milliseconds
        (1_735_689_600_000, 1_735_689_660_000.0),
        ([1_735_689_600_000], [Decimal(1_735_689_660_000)]),
        (1, True),
        (1, "1"),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ({"a": 1}, {"a": 1, "b": 2}),
        (0, None),
    ],
)
def test_what_means_something_else_is_not(right, answer):
    assert not same(right, answer)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3), (3.0, 3), (0.5, 0.5), (Decimal("3.00"), 3), (Decimal("0.5"), 0.5), (10**20, 10**20)]
    + [(value, None) for value in ("3", True, None, float("nan"), Decimal("NaN"), [3], b"3")],
)
def test_a_number_of_any_type_is_a_number_and_nothing_else_is(value, expected):
    assert number(value) == expected
    assert type(number(value)) is type(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *[("2026-03-01", "2026-03-01"), (date(2026, 3, 1), "2026-03-01"), ("2026-03-01 00:00:00", "2026-03-01")],
        *[(datetime(2026, 3, 1), "2026-03-01"), (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01")],
        *[(datetime(2026, 3, 1, 8), "2026-03-01T08:00:00"), (None, "None"), (20260301, "20260301")],
    ],
)
def test_a_day_is_text_a_date_or_a_timestamp_at_midnight(value, expected):
    assert iso_day(value) == expected


@pytest.mark.parametrize("empty", [[], {}, (), set()], ids=repr)
def test_an_empty_result_is_shown_as_nothing(empty):
    assert expect(expected=[1], got=empty) == Verdict(False, "[1]", "nothing")


@pytest.mark.parametrize("error", [EvidenceError("no topic"), KeyError("host"), RecursionError(), TypeError("x")])
def test_a_check_that_stumbles_has_failed(error):
    @check("q1", points=1, hint="")
    def stumbles(evidence):
        raise error

    verdict = stumbles.run(EVIDENCE)

    assert not verdict.passed
    assert verdict.got


def test_an_answer_that_was_not_given_is_said_to_be_missing():
    @check("q2", points=1, hint="")
    def asks(evidence):
        return expect(expected=1, got=evidence.answer("q2"))

    assert "no answer" in asks.run(EVIDENCE).got


def test_a_long_text_is_cut():
    assert len(expect(expected="x" * 100_000, got="").expected) < MAX_TEXT_CHARS + 50
