"""One mistake costs the check that is about it, and the verdict names the first message: lab 5."""

from collections import Counter
from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from eventlab.labs.catalogue import Lab, find
from eventlab.labs.evidence import Message
from eventlab.labs.release import release
from eventlab.labs.trial import DESCRIPTIONS, KINDS, Record
from tests.labs.left_behind import failed_in_trial, verdicts_of_trial

SEEDS = range(1, 5)
STREAM = find("lab05").module


def trial(seed, **changed):
    """What a trial without a stalled job says."""
    steps, end = [], 0
    for portion, failure in zip(*STREAM.trial(seed), strict=True):
        end += len(portion)
        steps.append({"end": end, "failure": DESCRIPTIONS[failure.kind if failure else ""]})
    return asdict(Record(steps=steps)) | changed


def letter(sent, reason=None, offset=None, value=None):
    headers = (("reason", (reason or sent.reason).encode()), ("offset", str(offset or sent.offset).encode()))
    return Message(0, 0, 0, None, value or sent.value, headers)


def without_reason(sent):
    return replace(letter(sent), headers=(("reason", None), ("offset", str(sent.offset).encode())))


def unreadable(seed):
    return [sent for sent in STREAM.flow(seed) if sent.reason]


REASON, OTHERS = "each dead letter has its reason and place", "nothing else is a dead letter"
HEADERS = "each dead letter has its headers"
MISSING = "every unreadable message is a dead letter"
LETTERS = {
    "nothing": (lambda s: [letter(sent) for sent in unreadable(s)], set()),
    "each is there twice": (lambda s: [letter(sent) for sent in unreadable(s) * 2], set()),
    "the first is missing": (lambda s: [letter(sent) for sent in unreadable(s)[1:]], {MISSING}),
    "no reason is right": (lambda s: [letter(sent, reason="broken") for sent in unreadable(s)], {REASON}),
    "offsets are wrong": (lambda s: [letter(sent, offset=sent.offset + 1) for sent in unreadable(s)], {REASON}),
    "a reason is NULL": (lambda s: [without_reason(sent) for sent in unreadable(s)], {HEADERS, REASON}),
    "good ones are there": (
        lambda s: [letter(sent, reason="no id") for sent in [*unreadable(s), STREAM.purchases(s)[0]]],
        {OTHERS, REASON},
    ),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mistake", LETTERS)
def test_a_mistake_in_dead_letters_costs_its_own_checks(mistake, seed):
    letters, expected = LETTERS[mistake]

    assert failed_in_trial("lab05", "q1", seed, trial(seed), letters=letters(seed)) == expected


def rows(sent):
    return [{name: one.event[name] for name in STREAM.COLUMNS["q2"]} for one in sent]


def in_batches(seed):
    return [row | {"batch": number // 9} for number, row in enumerate(rows(STREAM.purchases(seed)))]


def with_copies(seed):
    return [sent for sent in STREAM.flow(seed) if sent.event and sent.event["event_type"] == "purchase"]


LOST, TWICE, VALUES = "no purchase is lost", "no purchase is there twice", "each row is a purchase"
KIND_OF_Q2 = dict.fromkeys(STREAM.COLUMNS["q2"], "string")
TABLES = {
    "nothing": (in_batches, set()),
    "the first is missing": (lambda s: in_batches(s)[1:], {LOST}),
    "copies are there": (lambda s: rows(with_copies(s)), {TWICE}),
    "coins are doubled": (lambda s: [row | {"coins": 2 * row["coins"]} for row in in_batches(s)], {VALUES}),
    "coins are text": (lambda s: [row | {"coins": str(row["coins"])} for row in in_batches(s)], {VALUES}),
    "there is no purchase": (
        lambda s: [dict.fromkeys(STREAM.COLUMNS["q2"])],
        {LOST, TWICE, VALUES},
    ),
    "a row has no id": (lambda s: [*in_batches(s), dict.fromkeys(STREAM.COLUMNS["q2"])], {VALUES}),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mistake", TABLES)
def test_a_mistake_in_the_table_of_purchases_costs_one_check(mistake, seed):
    table, expected = TABLES[mistake]
    left = {"q2/table": (table(seed), KIND_OF_Q2)}

    assert failed_in_trial("lab05", "q2", seed, trial(seed), tables=left) == expected


def per_minute(seed, sent=None, add=0):
    counts = Counter(one.minute for one in STREAM.in_time(seed)) if sent is None else Counter(sent)
    return [{"start": minute, "purchases": count + add} for minute, count in counts.items()]


def naive(seed):
    """As pyarrow reads the times that Spark writes."""
    return [row | {"start": row["start"].replace(tzinfo=None)} for row in per_minute(seed)]


def punctual(seed):
    return [one.minute for one in STREAM.in_time(seed) if one.behind_s < 300]


ONE_ROW, COUNTS = "each minute has one row", "each minute counts its purchases"
KIND_OF_Q3 = {"start": "timestamp", "purchases": "int64"}
MINUTES = {
    "nothing": (naive, set()),
    "minutes that are not complete are there": (
        lambda s: [*naive(s), {"start": STREAM.purchases(s)[-1].minute, "purchases": 1}],
        set(),
    ),
    "each row is there twice": (lambda s: naive(s) * 2, {ONE_ROW}),
    "late events are dropped": (lambda s: per_minute(s, punctual(s)), {COUNTS}),
    "events that are too late count": (
        lambda s: per_minute(s, [one.minute for one in STREAM.purchases(s)]),
        {COUNTS},
    ),
    "copies count": (
        lambda s: per_minute(s, [one.minute for one in with_copies(s) if one.behind_s < 900]),
        {COUNTS},
    ),
    "times of arrival": (
        lambda s: [row | {"start": row["start"] + timedelta(days=500)} for row in per_minute(s)],
        {ONE_ROW, COUNTS},
    ),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mistake", MINUTES)
def test_a_mistake_in_the_table_of_minutes_costs_its_own_checks(mistake, seed):
    table, expected = MINUTES[mistake]
    left = {"q3/table": (table(seed), KIND_OF_Q3)}

    assert failed_in_trial("lab05", "q3", seed, trial(seed), tables=left) == expected


def test_a_verdict_names_the_first_message_its_portions_failure_and_the_stage():
    seed = 1
    first, second = STREAM.portions(seed)[:2]
    lost = [one for one in STREAM.purchases(seed) if len(first) <= one.offset < len(first) + len(second)]
    kept = [one for one in STREAM.purchases(seed) if one not in lost]

    got = verdicts_of_trial("lab05", "q2", seed, trial(seed), tables=purchases_are(kept))[LOST].got

    failure = trial(seed)["steps"][1]["failure"]
    assert got.startswith(f"written: this purchase is not in the table: offset {lost[0].offset} ({failure}), {{")
    assert got.endswith(f"; {len(lost)} messages in all")


KEPT = {
    "all but late ones": (lambda one: one.behind_s < 300, "windowed"),
    "swords only": (lambda one: one.event["item"] == "sword", "filtered"),
    "none": (lambda one: False, "filtered"),
    "all but the first": (lambda one: one is not STREAM.purchases(1)[0], "filtered"),
    "all but those of the first portion": (lambda one: one.offset >= len(STREAM.portions(1)[0]), "written"),
}


def purchases_are(sent):
    return {"q2/table": (rows(sent), KIND_OF_Q2)}


@pytest.mark.parametrize("kept", KEPT)
def test_the_stage_of_lost_purchases_follows_from_which_ones_are_lost(kept):
    keep, stage = KEPT[kept]
    left = purchases_are([one for one in STREAM.purchases(1) if keep(one)])

    got = verdicts_of_trial("lab05", "q2", 1, trial(1), tables=left)[LOST].got

    assert got.startswith(f"{stage}: this purchase is not in the table: offset ")


@pytest.mark.parametrize("question", STREAM.JOBS)
def test_a_student_sees_the_first_message_that_was_lost_and_not_how_minutes_are_counted(question, tmp_path):
    own, seed = Lab("lab05_stream", release(find("lab05"), tmp_path)), 1
    left = {"q2/table": (in_batches(seed)[1:], KIND_OF_Q2), "q3/table": (naive(seed)[1:], KIND_OF_Q3)}

    found = verdicts_of_trial(own, question, seed, trial(seed), tables=left, letters=[])

    assert [
        verdict.got for verdict in found.values() if "offset " in verdict.got and "(no failure)" in verdict.got
    ]
    assert not hasattr(own.module, "minutes")


def test_a_job_that_does_not_continue_is_told_after_which_failure_with_what_it_printed():
    stalled = trial(1, stalled={"q2": 2}, errors={"q2": "ValueError: no"})

    found = verdicts_of_trial("lab05", "q2", 1, stalled, tables={"q2/table": (in_batches(1), KIND_OF_Q2)})

    verdict = found["the purchase job continues after each failure"]
    assert not verdict.passed
    portion, begin = trial(1)["steps"][2], trial(1)["steps"][1]["end"]
    assert verdict.got.startswith(f"portion 3 ({portion['failure']}) is not in FOLDER/checkpoint")
    assert f"begins at offset {begin}" in verdict.got
    assert verdict.got.endswith("ValueError: no")


@pytest.mark.parametrize("question", STREAM.JOBS)
def test_without_a_file_nothing_is_judged_and_each_check_says_so(question):
    found = verdicts_of_trial("lab05", question, 1, trial(1, missing=[question]))

    assert {verdict.got for verdict in found.values()} == {
        f"there is no file {STREAM.JOBS[question]}, so there was no trial. The cell that begins with "
        f"%%writefile {STREAM.JOBS[question]} writes it"
    }


def test_seeds_give_each_failure_once_in_different_orders():
    orders = [tuple(failure.kind for failure in STREAM.trial(seed)[1] if failure) for seed in range(30)]

    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(KINDS))}
    assert len(set(orders)) > 10


def test_an_event_that_is_too_late_is_so_for_each_allowed_watermark_of_the_batch_before():
    """With 15 minutes, and a batch that did not move the watermark by the newest STEP_MINUTES."""
    least = STREAM.TOO_LATE_S + 4 * 60

    for seed in range(100):
        assert min(one.behind_s for one in STREAM.flow(seed) if one.behind_s > STREAM.TOO_LATE_S) > least


def test_a_reason_that_is_null_is_reported_as_a_missing_header():
    left = [without_reason(sent) for sent in unreadable(1)]

    found = verdicts_of_trial("lab05", "q1", 1, trial(1), letters=left)

    assert "could not be checked" not in found[HEADERS].got + found[REASON].got
    assert found[REASON].got.startswith("parsed: reason=, offset=")


@pytest.mark.parametrize("question", STREAM.JOBS)
def test_a_job_that_does_not_wait_for_its_query_fails_although_its_result_is_right(question):
    left = {"q2/table": (in_batches(1), KIND_OF_Q2), "q3/table": (naive(1), KIND_OF_Q3)}
    letters = [letter(sent) for sent in unreadable(1)]

    found = verdicts_of_trial("lab05", question, 1, trial(1, ended_early=[question]), tables=left, letters=letters)

    (failed,) = (name for name, verdict in found.items() if not verdict.passed)
    assert "job continues after each failure" in failed
    assert "it ended by itself, without an error and without a failure" in found[failed].got
    assert not next(check for check in find("lab05").checks_of(question) if check.name == failed).hidden


def test_what_a_job_has_printed_is_shown_when_it_has_ended_without_an_error():
    """A job that prints the error of its query ends like one that does not wait."""
    record = trial(1, ended_early=["q2"], stalled={"q2": 0}, errors={"q2": "no such topic"})

    found = verdicts_of_trial("lab05", "q2", 1, record)

    assert next(iter(found.values())).got.endswith("without a failure; the job ended with: no such topic")
