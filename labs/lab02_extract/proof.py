"""The proof of lab 2, not released: rules that its data exercise, wrong solutions that its checks catch."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any

from eventlab.labs.checks import Mutant, Rule

from .checks import LATE, PURCHASES, good, late, once, purchases, row
from .generate import PRACTICE, messages, numbers


def _delay(row: dict) -> timedelta:
    return row["arrived_at"] - row["happened_at"]


def _by_id(rows: list[dict]) -> dict[str, dict]:
    return {row["event_id"]: row for row in rows}


@lru_cache(maxsize=4)
def _events(seed: int) -> list[dict]:
    """Return the row of each message that is not broken."""
    return [row(sent) for sent in good(seed)]


def _late_rows(seed: int) -> list[dict]:
    return [row for row in purchases(seed) if _delay(row) > timedelta(minutes=60)]


def _tie_broken_by(seed: int, key: Callable[[dict], Any]) -> bool:
    """Return whether late rows that are sorted by minutes and then by a key are in a wrong order."""
    rows = sorted(_late_rows(seed), key=lambda row: (-(_delay(row) // timedelta(minutes=1)), key(row)))
    return [row["event_id"] for row in rows] != [name for name, _ in late(rows)]


def _by_place(seed: int) -> Callable[[dict], int]:
    """Return a key that sorts rows by the first message of their event in the topic."""
    ids = [sent.event["event_id"] if sent.event else "" for sent in messages(seed)]
    return lambda row: ids.index(row["event_id"])


RULES = (
    Rule("q1", "an empty message is broken", lambda s: any(sent.value == b"" for sent in messages(s))),
    Rule(
        "q1",
        "JSON that was cut off is broken",
        lambda s: any(sent.event is None and sent.value.startswith(b"{") for sent in messages(s)),
    ),
    Rule(
        "q1",
        "each message counts, also an equal one",
        lambda s: len({m.value for m in messages(s)}) < len(messages(s)),
    ),
    Rule(
        "q1",
        "the practice data have other numbers",
        lambda s: all(map(operator.ne, numbers(messages(s)), numbers(messages(PRACTICE)))),
    ),
    Rule("q2", "broken messages are left out", lambda s: len(good(s)) < len(messages(s))),
    Rule(
        "q2",
        "a repeated message is there each time",
        lambda s: len({event["event_id"] for event in _events(s)}) < len(good(s)),
    ),
    Rule(
        "q2",
        "events that are no purchases are there",
        lambda s: any(event["event_type"] not in PURCHASES for event in _events(s)),
    ),
    Rule(
        "q2",
        "a field that an event does not have is NULL",
        lambda s: (
            {True, False}
            == {event["description"] is None for event in _events(s)}
            == {event["range_m"] is None for event in _events(s)}
        ),
    ),
    Rule(
        "q2",
        "fields are taken by name, not by position",
        lambda s: len({m.value.split(b'"')[1] for m in good(s)}) > 3,
    ),
    Rule("q3", "only purchases", lambda s: any(event["event_type"] not in PURCHASES for event in _events(s))),
    Rule(
        "q3",
        "each event_id once",
        lambda s: (
            max(Counter(event["event_id"] for event in _events(s) if event["event_type"] in PURCHASES).values())
            > 2
        ),
    ),
    Rule(
        "q3",
        "the first arrival is not the first in the topic",
        lambda s: _by_id(once(good(s))) != _by_id(purchases(s)),
    ),
    Rule(
        "q3",
        "the first arrival is not the last in the topic",
        lambda s: _by_id(once(good(s)[::-1])) != _by_id(purchases(s)),
    ),
    Rule(
        "q3",
        "two purchases of one host and type are two",
        lambda s: max(Counter((row["host"], row["event_type"]) for row in purchases(s)).values()) > 1,
    ),
    Rule(
        "q4",
        "60 minutes are not late",
        lambda s: any(_delay(row) == timedelta(minutes=60) for row in purchases(s)),
    ),
    Rule(
        "q4",
        "60 minutes and a second are late",
        lambda s: any(_delay(row) == timedelta(minutes=60, seconds=1) for row in purchases(s)),
    ),
    Rule(
        "q4",
        "only purchases",
        lambda s: any(
            event["event_type"] not in PURCHASES and _delay(event) > timedelta(minutes=60) for event in _events(s)
        ),
    ),
    Rule(
        "q4",
        "the first arrival counts",
        lambda s: late(once(sorted(good(s), key=lambda sent: -sent.arrived_ms))) != late(purchases(s)),
    ),
    Rule(
        "q4",
        "whole minutes, not rounded",
        lambda s: any(
            round(_delay(row) / timedelta(minutes=1)) != _delay(row) // timedelta(minutes=1)
            for row in _late_rows(s)
        ),
    ),
    Rule("q4", "equal minutes by event_id, not by delay", lambda s: _tie_broken_by(s, lambda row: -_delay(row))),
    Rule("q4", "equal minutes by event_id, not by the shortest delay", lambda s: _tie_broken_by(s, _delay)),
    Rule(
        "q4",
        "equal minutes by event_id, not by arrival",
        lambda s: _tie_broken_by(s, lambda row: row["arrived_at"]),
    ),
    Rule(
        "q4",
        "equal minutes by event_id, not by happened_at",
        lambda s: _tie_broken_by(s, lambda row: row["happened_at"]),
    ),
    Rule(
        "q4",
        "equal minutes by event_id, not by place in the topic",
        lambda s: _tie_broken_by(s, _by_place(s)),
    ),
    Rule(
        "q4",
        "equal minutes by the larger event_id, not the smaller",
        lambda s: _tie_broken_by(s, lambda row: row["event_id"]),
    ),
    Rule("q4", "the most minutes first", lambda s: len({minutes for _, minutes in late(purchases(s))}) > 1),
)
"""The lab\'s text, rule by rule. Other rules (columns and types, replacing a table) do not depend on the data."""

MUTANTS = (
    Mutant("good for broken", "q1", "parsed.isNull()", "parsed.isNotNull()"),
    Mutant("off by one", "q1", 'F.count("*").alias', '(F.count("*") + 1).alias'),
    Mutant(
        "empty ones missed",
        "q1",
        "F.count_if(parsed.isNull())",
        'F.count_if(parsed.isNull() & (F.col("text") != ""))',
    ),
    Mutant("each text once", "q1", "counted = messages.agg(", "counted = messages.dropDuplicates(['text']).agg("),
    Mutant(
        "hard-coded",
        "q1",
        'lab.answer("q1", answer_q1)',
        f'lab.answer("q1", {dict(zip(("messages", "broken"), numbers(messages(PRACTICE)), strict=False))})',
    ),
    Mutant("dropped filter", "q2", 'messages.where(F.try_parse_json("text").isNotNull())', "messages"),
    Mutant("deduplicated too early", "q2", "events.write.mode", 'events.dropDuplicates(["event_id"]).write.mode'),
    Mutant("wrong type", "q2", "range_m int,", "range_m string,"),
    Mutant("times as text", "q2", "happened_at timestamp", "happened_at string"),
    Mutant("wrong column", "q2", '"User-Agent": "user_agent"', '"User-Agent": "agent"'),
    Mutant("a field forgotten", "q2", " description string,\n    range_m int", " range_m int"),
    Mutant("wrong field", "q2", "description string", "descriptions string"),
    Mutant(
        "no deduplication",
        "q3",
        "    qualify row_number() over (partition by event_id order by arrived_at) = 1\n",
        "",
    ),
    Mutant(
        "any one kept",
        "q3",
        '    qualify row_number() over (partition by event_id order by arrived_at) = 1\n""")',
        '""").dropDuplicates(["event_id"])',
    ),
    Mutant("the last one kept", "q3", "order by arrived_at)", "order by arrived_at desc)"),
    Mutant(
        "append for overwrite",
        "q3",
        'mode("overwrite").parquet(f"{lab.folder}/purchases")',
        'mode("append").parquet(f"{lab.folder}/purchases")',
    ),
    Mutant("dropped filter", "q3", "    where event_type like 'purchase_%'\n", ""),
    Mutant("swords only", "q3", "like 'purchase_%'", "= 'purchase_sword'"),
    Mutant("off by one", "q4", "arrived_at > happened_at", "arrived_at >= happened_at"),
    Mutant(
        "by whole minutes",
        "q4",
        "arrived_at > happened_at + interval 60 minutes",
        "timestampdiff(MINUTE, happened_at, arrived_at) > 60",
    ),
    Mutant("hours for minutes", "q4", "timestampdiff(MINUTE, happened_at", "timestampdiff(HOUR, happened_at"),
    Mutant(
        "no order of ties",
        "q4",
        "order by minutes desc, event_id desc",
        "order by minutes desc",
        not_described="leaves rows with the same minutes in any order",
    ),
    Mutant(
        "hard-coded",
        "q4",
        'lab.answer("q4", answer_q4)',
        f'lab.answer("q4", {[dict(zip(LATE, pair, strict=True)) for pair in late(purchases(PRACTICE))]})',
    ),
    Mutant(
        "smaller event_id first", "q4", "order by minutes desc, event_id desc", "order by minutes desc, event_id"
    ),
    Mutant(
        "rounded",
        "q4",
        "timestampdiff(MINUTE, happened_at, arrived_at)",
        "cast(round(timestampdiff(SECOND, happened_at, arrived_at) / 60) as int)",
    ),
    Mutant("wrong order", "q4", "order by minutes desc, event_id desc", "order by event_id"),
    Mutant("dropped filter", "q4", "    where arrived_at > happened_at + interval 60 minutes\n", ""),
)
