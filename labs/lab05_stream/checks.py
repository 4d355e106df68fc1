"""The checks of lab 5: what three streaming jobs left after a trial in which their services were broken.

The truth is computed from the messages of the seed, in plain Python and without batches.
A verdict names the first message that went wrong, with its offset, the failure of its portion, and the stage:
parsed, filtered, windowed or written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from eventlab.labs import trial as trials
from eventlab.labs.checks import Verdict, check, expect, figures, named, number
from eventlab.labs.evidence import Evidence, EvidenceError, Message
from eventlab.labs.inputs import Outgoing, send
from eventlab.labs.names import Namespace

from .generate import LATE_S, TOO_LATE_S, Sent, extent, flow, in_time, messages, portions, purchases, stage_of_lost

JOBS = {"q1": "my_dead_letters.py", "q2": "my_purchases.py", "q3": "my_minutes.py"}
QUIET = 2
"""The last portions, which complete the windows, have no failure."""
COLUMNS = {"q2": ("id", "player", "item", "coins"), "q3": ("start", "purchases")}
SHOWN_CHARS = 300


def prepare(namespace: Namespace, seed: int) -> None:
    """Send the flow to the lab's topic, for the students' tries; a trial has topics and messages of its own."""
    send(namespace.topic, (Outgoing(message) for message in messages(seed)))


def trial(seed: int) -> tuple[Sequence[Sequence[bytes]], Sequence[trials.Failure | None]]:
    """Return the portions and failures of a trial."""
    flow = portions(seed)
    return flow, trials.schedule(seed, len(flow) - 1 - QUIET, QUIET)


def require_trial(evidence: Evidence, question: str) -> None:
    """Raise an EvidenceError when the job of a question was in no trial, or the trial was ended."""
    if error := evidence.trial.get("error"):
        raise EvidenceError(error)
    if question in evidence.trial.get("missing", [question]):
        raise EvidenceError(
            f"there is no file {JOBS[question]}, so there was no trial. The cell that begins with "
            f"%%writefile {JOBS[question]} writes it"
        )


def continues(evidence: Evidence, question: str) -> Verdict:
    """Compare what the job has committed with what was sent."""
    require_trial(evidence, question)
    printed = evidence.trial["errors"].get(question, "").strip()
    error = f"; the job ended with: {printed[:SHOWN_CHARS]}" if printed else ""
    if question in evidence.trial["ended_early"]:
        expected = "the job runs until it is killed, or until its query fails"
        reason = error or ". Does it wait for its query (query.awaitTermination())? availableNow ends the query."
        got = f"it ended by itself, without an error and without a failure{reason}"
        return Verdict(False, expected, got, figures=figures("ended early"))
    portion = evidence.trial["stalled"].get(question)
    if portion is None:
        return Verdict(True, "", "")
    failure = evidence.trial["steps"][portion]["failure"]
    begin = evidence.trial["steps"][portion - 1]["end"] if portion else 0
    got = f"portion {portion + 1} ({failure}) is not in FOLDER/checkpoint; it begins at offset {begin}{error}"
    expected = "each portion is committed to FOLDER/checkpoint"
    ended = [question in evidence.trial[name] for name in ("given_up", "late")]
    return Verdict(False, expected, got, figures=figures([portion, *ended]))


def table(evidence: Evidence, question: str) -> list[dict[str, Any]]:
    """Return the rows of FOLDER/table; one wrong name of a column has a check of its own."""
    require_trial(evidence, question)
    return named(evidence.rows(f"{question}/table"), COLUMNS[question])


def columns(evidence: Evidence, question: str) -> Verdict:
    """Look for the columns that the lab names; others may be there, too."""
    require_trial(evidence, question)
    found = {*evidence.columns(f"{question}/table")}
    return expect(expected=[*COLUMNS[question]], got=[name for name in COLUMNS[question] if name in found])


def at(evidence: Evidence, sent: Sent) -> str:
    """Return where a message was, and what happened when it was sent."""
    steps = [step for step in evidence.trial["steps"] if sent.offset < step["end"]]
    failure = steps[0]["failure"] if steps else "the trial had ended before"
    return f"offset {sent.offset} ({failure}), {sent.value.decode(errors='replace')[:120]}"


def first_wrong(evidence: Evidence, stage: str, what: str, wrong: Iterable[Sent]) -> Verdict:
    """Return a verdict that fails with the first of some messages, if there is any.

    Its figures are the same for each run of a job: which messages a failure affects depends on the moment.
    """
    found = sorted(wrong, key=lambda one: one.offset)
    if not found:
        return Verdict(True, "", "")
    more = f"; {len(found)} messages in all" if len(found) > 1 else ""
    got = f"{stage}: {what}: {at(evidence, found[0])}{more}"
    which = extent(evidence.seed, found) if stage == "written" else [one.offset for one in found]
    return Verdict(False, "", got, figures=figures([stage, which]))


def letters(evidence: Evidence) -> list[Message]:
    """Return the messages of the dead-letter topic."""
    require_trial(evidence, "q1")
    return evidence.messages(trials.dead_letters_of(trials.topic_of(evidence.namespace, "q1")))


def header(letter: Message, name: str) -> str:
    """Return a header of a dead letter as text, or "" without one, or when it is NULL."""
    return (dict(letter.headers).get(name) or b"").decode(errors="replace")


def place(letter: Message) -> int:
    """Return the offset that a dead letter names, or -1."""
    text = header(letter, "offset")
    return int(text) if text.isdecimal() and len(text) < 10 else -1


@check("q1", points=1, hint="Keep your checkpoint in FOLDER/checkpoint, and let the job end when its query fails.")
def the_dead_letter_job_continues_after_each_failure(evidence: Evidence) -> Verdict:
    return continues(evidence, "q1")


@check("q1", points=1, hint="The column headers is an array of structs: key (string) and value (binary).")
def each_dead_letter_has_its_headers(evidence: Evidence) -> Verdict:
    found = letters(evidence)
    wrong = [letter.headers for letter in found if place(letter) < 0 or not header(letter, "reason")]
    if not found:
        return expect(expected="dead letters", got="none")
    return expect(expected="headers reason and offset", got=wrong[0] if wrong else "headers reason and offset")


@check("q1", points=2, hint="Is each kind recognized? Is the checkpoint kept?")
def every_unreadable_message_is_a_dead_letter(evidence: Evidence) -> Verdict:
    """Look at their content: headers have a check of their own."""
    there = {letter.value for letter in letters(evidence)}
    lost = [one for one in flow(evidence.seed) if one.reason and one.value not in there]
    recognized = {one.reason for one in flow(evidence.seed) if one.value in there}
    stage = "written" if any(one.reason in recognized for one in lost) else "parsed"
    return first_wrong(evidence, stage, "this message is no dead letter", lost)


@check("q2", points=1, hint="Keep your checkpoint in FOLDER/checkpoint, and let the job end when its query fails.")
def the_purchase_job_continues_after_each_failure(evidence: Evidence) -> Verdict:
    return continues(evidence, "q2")


@check("q2", points=1, hint="Select these columns; a column of a partition folder may be there, too.")
def the_table_has_the_columns_of_a_purchase(evidence: Evidence) -> Verdict:
    return columns(evidence, "q2")


def ids(evidence: Evidence) -> Counter[str]:
    """Return how often each id is in the table of purchases."""
    return Counter(str(row.get("id")) for row in table(evidence, "q2"))


@check("q2", points=2, hint="Is each batch written before it is committed? Do late ones count?")
def no_purchase_is_lost(evidence: Evidence) -> Verdict:
    there = ids(evidence)
    lost = [one for one in purchases(evidence.seed) if (one.event or {})["id"] not in there]
    return first_wrong(evidence, stage_of_lost(evidence.seed, lost), "this purchase is not in the table", lost)


@check("q2", points=2, hint="Leave out copies. A repeated batch replaces what it has written.")
def no_purchase_is_there_twice(evidence: Evidence) -> Verdict:
    there = ids(evidence)
    if not any((one.event or {})["id"] in there for one in purchases(evidence.seed)):
        return expect(expected="purchases", got="none")
    copied = {one.copy_of for one in flow(evidence.seed)}
    twice = [one for one in purchases(evidence.seed) if there[(one.event or {})["id"]] > 1]
    stage = "filtered" if all(one.offset in copied for one in twice) else "written"
    return first_wrong(evidence, stage, "this purchase is there twice", twice)


@check("q3", points=1, hint="Keep your checkpoint in FOLDER/checkpoint, and let the job end when its query fails.")
def the_minute_job_continues_after_each_failure(evidence: Evidence) -> Verdict:
    return continues(evidence, "q3")


@check("q3", points=1, hint="window.start is the time at which a window begins.")
def the_table_has_the_columns_of_a_minute(evidence: Evidence) -> Verdict:
    return columns(evidence, "q3")


def utc(value: Any) -> datetime:
    """Return a time, given as a timestamp or as ISO text, in UTC."""
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise EvidenceError(f"start is not a time, but {value!r:.50}") from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def counted(evidence: Evidence) -> list[tuple[datetime, Any]]:
    """Return the rows of the table of minutes, without the minutes after the last complete one."""
    last = max(one.minute for one in in_time(evidence.seed))
    rows = [(utc(row.get("start")), row.get("purchases")) for row in table(evidence, "q3")]
    return [(start, count) for start, count in rows if start <= last]


@check("q3", points=2, hint="Group by event time, and write each minute once, when it is complete.")
def each_minute_has_one_row(evidence: Evidence) -> Verdict:
    """Look at the minutes of events that are not late: late ones may miss because of the watermark."""
    rows = Counter(start for start, _ in counted(evidence))
    right = {one.minute for one in in_time(evidence.seed)}
    missing = [one for one in in_time(evidence.seed) if one.minute not in rows and one.behind_s <= LATE_S]
    if missing:
        stage = "written" if rows.keys() & right else "windowed"
        return first_wrong(evidence, stage, "the minute of this purchase has no row", missing)
    twice = [one for one in in_time(evidence.seed) if rows[one.minute] > 1]
    return first_wrong(evidence, "written", "the minute of this purchase has several rows", twice)


### BEGIN HIDDEN TESTS
def minutes(seed: int) -> dict[datetime, int]:
    """Return the number of purchases of each complete minute that has any."""
    return dict(Counter(one.minute for one in in_time(seed)))


@check("q1", points=1, hint="A message with id and time is none. Keep the value as it is.", hidden=True)
def nothing_else_is_a_dead_letter(evidence: Evidence) -> Verdict:
    there = {letter.value for letter in letters(evidence)}
    if not there:
        return expect(expected="dead letters", got="none")
    good = [one for one in flow(evidence.seed) if not one.reason and one.value in there]
    if good:
        return first_wrong(evidence, "parsed", "this message can be read, and is a dead letter", good)
    known = {one.value for one in flow(evidence.seed)}
    return expect(expected=[], got=[f"written: no such message was sent: {v[:80]!r}" for v in there - known][:1])


@check("q1", points=1, hint="See the list of reasons; the offset is the message's own.", hidden=True)
def each_dead_letter_has_its_reason_and_place(evidence: Evidence) -> Verdict:
    """Look at the unreadable messages that are there, once or more often."""
    right = {(one.offset, one.value): one.reason for one in flow(evidence.seed) if one.reason}
    values = {value for _, value in right}
    found = [letter for letter in letters(evidence) if letter.value in values]
    if not found:
        return expect(expected="dead letters", got="none of these messages")
    for letter in found:
        if right.get((place(letter), letter.value)) != header(letter, "reason"):
            offsets = [offset for offset, value in right if value == letter.value]
            expected = f"reason={right[offsets[0], letter.value]}, offset={offsets[0]}"
            got = f"parsed: reason={header(letter, 'reason')}, offset={header(letter, 'offset')}"
            return Verdict(False, expected, f"{got}, for {letter.value[:100]!r}")
    return Verdict(True, "", "")


@check("q2", points=1, hint="Purchases only, each with its values; no dead letters.", hidden=True)
def each_row_is_a_purchase(evidence: Evidence) -> Verdict:
    """Look at each row, whether it is there once or more often."""
    right = {one.event["id"]: one.event for one in purchases(evidence.seed) if one.event}
    others = {one.event["id"]: one.event for one in flow(evidence.seed) if one.event}
    rows = table(evidence, "q2")
    if not rows:
        return expect(expected="purchases", got="none")
    more = sorted({str(row.get("id")) for row in rows} - right.keys())
    for row in rows:
        event = right.get(str(row.get("id")))
        if event is None:
            stage = "filtered" if str(row.get("id")) in others else "parsed"
            return Verdict(False, "purchases only", f"{stage}: {row!r:.200}", figures=figures(more))
        values = {name: row.get(name) for name in COLUMNS["q2"]}
        expected = {name: event[name] for name in COLUMNS["q2"]}
        if not expect(expected=expected, got=values).passed:
            return Verdict(False, repr(expected), f"parsed: {values!r:.200}")
    return Verdict(True, "", "")


@check("q3", points=3, hint="Copies count once; up to 10 minutes late counts, later does not.", hidden=True)
def each_minute_counts_its_purchases(evidence: Evidence) -> Verdict:
    """Look at minutes that have a row, and at those of late events: others have a check of their own."""
    right, found = minutes(evidence.seed), counted(evidence)
    if not any(start in right for start, _ in found):
        return expect(expected="minutes with purchases", got="none of them")
    there = {start: count for start, count in found if start not in right or number(count) != right[start]}
    fine = {start for start, count in found if number(count) == right.get(start)}
    late = [one for one in in_time(evidence.seed) if one.behind_s > LATE_S and one.minute not in fine]
    lost = [one for one in late if (number(there.get(one.minute)) or 0) < right[one.minute]]
    if lost:
        return first_wrong(evidence, "windowed", "this late purchase is not counted", lost)
    wrong = [(start, count) for start, count in sorted(there.items()) if start not in fine]
    if not wrong:
        return Verdict(True, "", "")
    start, count = wrong[0]
    own = [one for one in flow(evidence.seed) if one.event and one.minute == start]
    stage = "windowed" if any(one.behind_s > TOO_LATE_S for one in own) else "filtered"
    expected = f"{right.get(start, 'no row')} at {start:%H:%M}"
    got = f"{stage}: {count} at {start:%H:%M}; events: {', '.join(at(evidence, one) for one in own)}"
    return Verdict(False, expected, got, figures=figures([(start.isoformat(), count) for start, count in wrong]))


### END HIDDEN TESTS
