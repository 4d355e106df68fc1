"""Checks of the lessons' exercises: `course.check("05-1", answer)` says whether an exercise is solved.

A check looks at the answer, or at what the learner left in a topic or on HDFS. There are no points.
"""

import inspect
import json
from collections.abc import Callable
from typing import Any

from eventlab.clients import kafka
from eventlab.course import answers, preparation
from eventlab.course.preparation import LessonError
from eventlab.settings import settings
from eventlab.stack import filesystem

Check = Callable[..., str | None]
"""A check returns None if the exercise is solved, and otherwise what is missing."""
checks: dict[str, Check] = {}
THIRD_HOST = "user3.verizon.com"


def check(name: str, answer: Any = ...) -> None:
    """Print whether an exercise is solved, and what is missing otherwise.

    Args:
        name: The exercise, such as `05-1` for the first one of lesson 5.
        answer: The learner's answer, for an exercise that asks for one; `...` stands for no answer.

    Raises:
        LessonError: There is no such exercise.
    """
    if name not in checks:
        raise LessonError(f"there is no exercise {name!r}; there are: {', '.join(checks)}")
    lesson, _, number = name.partition("-")
    title = f"Exercise {int(lesson)}.{number}"
    if not inspect.signature(checks[name]).parameters:
        missing = checks[name]()
    elif answers.is_missing(answer):
        print(f"{title}: no answer yet. Replace the ... by your answer and run the cell again.")
        return
    else:
        value = answers.plain(answer)
        missing = answers.problem_with(value) or checks[name](value)
    print(f"{title}: not yet. {missing}" if missing else f"{title}: correct.")


def equal(name: str, expected: Any, hint: str) -> None:
    """Register a check that compares the answer with the expected one."""
    checks[name] = lambda answer: None if answer == expected else f"Your answer is {answer!r}. {hint}"


def exercise(name: str) -> Callable[[Check], Check]:
    """Register a function as the check of an exercise."""

    def register(function: Check) -> Check:
        checks[name] = function
        return function

    return register


def new_events() -> list[dict[str, Any]]:
    """Return the JSON objects in the lesson's topic since the lesson started."""
    events = []
    for value in preparation.read_values(preparation.lesson.topic, preparation.lesson.start):
        try:
            event = json.loads(value)
        except ValueError:
            continue
        events += [event] if isinstance(event, dict) else []
    return events


@exercise("01-1")
def _practice_has_three_partitions() -> str | None:
    offsets = kafka.topic_offsets(settings.bootstrap_servers, "practice")
    if offsets is None:
        return "There is no topic 'practice'. Create it with kafka-topics --create --topic practice."
    count = len(offsets.end)
    return (
        None if count == 3 else f"The topic 'practice' has {count} partition(s), not 3. Delete it and try again."
    )


@exercise("01-2")
def _folder_exists() -> str | None:
    return None if filesystem.exists("/tmp/hello") else "There is no folder /tmp/hello on HDFS."


@exercise("02-1")
def _event_has_the_third_host() -> str | None:
    hosts = sorted({str(event.get("Host")) for event in new_events()})
    return None if THIRD_HOST in hosts else f"No event has the Host {THIRD_HOST}. These occur: {', '.join(hosts)}."


@exercise("02-2")
def _number_of_new_events(answer: Any) -> str | None:
    count = preparation.end_offset(preparation.lesson.topic) - preparation.lesson.start
    hint = f"The lesson's first event has offset {preparation.lesson.start}; count from there to the end."
    return None if answer == count else f"Your answer is {answer!r}. {hint}"


@exercise("03-1")
def _knives_of_the_third_host() -> str | None:
    count = sum(
        event.get("Host") == THIRD_HOST and event.get("event_type") == "purchase_knife" for event in new_events()
    )
    return None if count == 25 else f"The topic has {count} knife purchases with the Host {THIRD_HOST}, not 25."


equal(
    "03-2",
    0,
    "Compare the end offset of the topic before and after the calls. The report says `Non-2xx responses`.",
)
equal("04-1", 10, "Start at offset 25, and let grep -c count the lines with purchase_sword.")
equal("04-2", 0, "Without a commit, Kafka keeps no offset for the group. Did you read with a new group?")
equal("05-1", 10, "Two conditions: Host = 'user2.att.com', and event_type is not 'purchase_sword'.")


@exercise("05-2")
def _number_as_text(answer: Any) -> str | None:
    hint = 'Send {"event_type": 5} to the mixed topic, and read its last row with from_json and a string field.'
    return None if str(answer) == "5" else f"Your answer is {answer!r}. {hint}"


@exercise("06-1")
def _two_players_joined() -> str | None:
    count = sum(event.get("event_type") == "join_guild" and event.get("guild") == "owls" for event in new_events())
    return None if count >= 2 else f"{count} event(s) since this lesson began join the guild owls, not 2."


equal("06-2", 225, "For each purchase, multiply item.price by quantity; then add the products up.")


@exercise("07-1")
def _one_folder_per_host() -> str | None:
    path = "/tmp/lesson-07/by_host"
    if not filesystem.exists(path):
        return f"There is no folder {path} on HDFS."
    folders = [name for name in filesystem.names(path) if name.startswith("Host=")]
    return None if len(folders) == 2 else f"{path} has {len(folders)} folders whose names begin with Host=, not 2."


equal("07-2", 10, "Read /tmp/lesson-07/by_host/Host=user1.comcast.com and count its rows.")
equal("08-1", "potion", "Group by the item and add up price * quantity; order by the sum, the largest first.")
equal("08-2", "dragons", "Only events of the type join_guild have a guild. Group by guild and count.")
equal("09-1", 0, "Count the services whose state is 'running', after `eventlab down`.")


@exercise("09-2")
def _bytes_of_the_log(answer: Any) -> str | None:
    folder = settings.state_dir / "data" / "kafka" / f"{preparation.lesson.topic}-0"
    size = sum(file.stat().st_size for file in folder.glob("*.log"))
    return (
        None
        if answer == size
        else f"Your answer is {answer!r}. Add up st_size of the *.log files in {folder.name}."
    )
