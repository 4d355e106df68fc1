"""What is true of the messages of lab 5, computed in plain Python; not released."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from eventlab.labs.checks import Verdict
from eventlab.labs.evidence import Evidence, EvidenceError

from .generate import messages

LATE_S, ALLOWED_S, TOO_LATE_S = 5 * 60, 10 * 60, 15 * 60


@dataclass(frozen=True)
class Sent:
    """A message of the flow.

    Attributes:
        event: The event, or None if the message cannot be read.
        reason: Why it cannot be read, or "".
        behind_s: How much older it is than the newest event before it, in seconds; 0 if it is newer.
        copy_of: The offset of the message of which it is a copy, or None.
    """

    offset: int
    value: bytes
    event: dict[str, Any] | None
    reason: str
    behind_s: float = 0.0
    copy_of: int | None = None

    @property
    def minute(self) -> datetime:
        """Return the beginning of the event's minute."""
        return moment(self.event or {}).replace(second=0)


def moment(event: dict[str, Any]) -> datetime:
    """Return the time of an event."""
    return datetime.fromisoformat(event["time"])


def read(value: bytes) -> tuple[dict[str, Any] | None, str]:
    """Return the event in a message, or None and the reason why it cannot be read."""
    try:
        event = json.loads(value)
    except ValueError:
        return None, "not an object"
    if not isinstance(event, dict):
        return None, "not an object"
    if "id" not in event:
        return None, "no id"
    try:
        moment(event)
    except ValueError:
        return None, "no time"
    return event, ""


@lru_cache(maxsize=4)
def flow(seed: int) -> tuple[Sent, ...]:
    """Return all messages with what is true of them."""
    found: list[Sent] = []
    first: dict[str, int] = {}
    newest = datetime.min.replace(tzinfo=UTC)
    for offset, value in enumerate(messages(seed)):
        event, reason = read(value)
        if event is None:
            found.append(Sent(offset, value, None, reason))
            continue
        copy_of = first.setdefault(event["id"], offset)
        behind = max(0.0, (newest - moment(event)).total_seconds()) if first and offset else 0.0
        newest = max(newest, moment(event))
        found.append(Sent(offset, value, event, "", behind, None if copy_of == offset else copy_of))
    return tuple(found)


def purchases(seed: int) -> list[Sent]:
    """Return the purchases without copies."""
    return [
        one for one in flow(seed) if one.event and one.event["event_type"] == "purchase" and one.copy_of is None
    ]


def in_time(seed: int) -> list[Sent]:
    """Return the purchases that count in their minute, without the last one, whose minute is never complete."""
    return [one for one in purchases(seed)[:-1] if one.behind_s <= ALLOWED_S]


def minutes(seed: int) -> dict[datetime, int]:
    """Return the number of purchases of each complete minute that has any."""
    return dict(Counter(one.minute for one in in_time(seed)))


def at(evidence: Evidence, sent: Sent) -> str:
    """Return where a message was, and what happened when it was sent."""
    steps = [step for step in evidence.trial["steps"] if sent.offset < step["end"]]
    failure = steps[0]["failure"] if steps else "the trial had ended before"
    return f"offset {sent.offset} ({failure}), {sent.value.decode(errors='replace')[:120]}"


def first_wrong(evidence: Evidence, stage: str, what: str, wrong: Iterable[Sent]) -> Verdict:
    """Return a verdict that fails with the first of some messages, if there is any."""
    found = sorted(wrong, key=lambda one: one.offset)
    if not found:
        return Verdict(True, "", "")
    more = f"; {len(found)} messages in all" if len(found) > 1 else ""
    return Verdict(False, "", f"{stage}: {what}: {at(evidence, found[0])}{more}")


def stage_of_lost(lost: Sequence[Sent]) -> str:
    """Return the stage at which purchases got lost: a watermark drops old ones only."""
    return "windowed" if all(one.behind_s > LATE_S for one in lost) else "written"


def utc(value: Any) -> datetime:
    """Return a time, given as a timestamp or as ISO text, in UTC."""
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise EvidenceError(f"start is not a time, but {value!r:.50}") from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
