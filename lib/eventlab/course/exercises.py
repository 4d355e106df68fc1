"""Checks of the lessons' exercises: `course.check("05-1", answer)` says whether an exercise is solved.

A check looks at the answer, or at what the learner left in a topic or on HDFS. There are no points. A check stays
right when cells ran more than once. After a mistake that leaves something behind, it says how to remove that.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from eventlab.clients import kafka
from eventlab.course import answers, preparation, topics
from eventlab.course.preparation import lesson
from eventlab.settings import settings
from eventlab.stack import Stack, filesystem
from eventlab.stack.services import COURSE

Check = Callable[..., str | None]
"""A check returns None if the exercise is solved, and otherwise what is missing."""
checks: dict[str, Check] = {}
THIRD_HOST = "user3.verizon.com"
BY_HOST = "/tmp/lesson-07/by_host"


def expect_answer(name: str, expected: Any, hint: str, *, events: int | None = None) -> None:
    """Register a check that compares the answer with the expected one.

    Args:
        name: The exercise.
        expected: The right answer.
        hint: What is missing when the answer is wrong.
        events: How many events the lesson's topic must contain for this answer to be right.
    """

    def compare(answer: Any) -> str | None:
        if answers.same(answer, expected):
            return None
        if events and (count := topics.end_offset_or_zero(lesson.topic)) != events:
            return (
                f"The topic {lesson.topic!r} contains {count} events, not {events}. "
                "Run the cell with course.prepare again, and then the cells below it."
            )
        return hint

    checks[name] = compare


def exercise(name: str) -> Callable[[Check], Check]:
    """Register a function as the check of an exercise."""

    def register(function: Check) -> Check:
        checks[name] = function
        return function

    return register


def new_events() -> list[dict[str, Any]]:
    """Return the JSON objects in the lesson's topic since the lesson started."""
    return [event for _, event in numbered_events()]


def numbered_events() -> list[tuple[int, dict[str, Any]]]:
    """Return the same events with their offsets."""
    return events_of(lesson.topic, lesson.start)


def events_of(topic: str, start: int = 0) -> list[tuple[int, dict[str, Any]]]:
    """Return the JSON objects in a topic from an offset on, with their offsets."""
    events = []
    for record in kafka.read_topic(settings.bootstrap_servers, topic, start={0: start} if start else None):
        event = kafka.json_object(record.value)
        events += [(record.offset, event)] if event is not None else []
    return events


@exercise("01-1")
def _practice_has_three_partitions() -> str | None:
    broker = settings.bootstrap_servers
    offsets = kafka.topic_offsets(broker, "practice")
    if offsets is None:
        return "There is no topic 'practice'. Create it with kafka-topics --create --topic practice."
    if (count := len(offsets.end)) == 3:
        return None
    return (
        f"The topic 'practice' has {count} partition(s), not 3. Delete it, and create it again:\n"
        f"!kafka-topics --delete --topic practice --bootstrap-server {broker}"
    )


@exercise("01-2")
def _folder_exists() -> str | None:
    if not filesystem.exists("/tmp/hello"):
        return "There is no folder /tmp/hello on HDFS. Create it with hadoop fs -mkdir."
    if filesystem.names("/tmp/hello") != [""]:
        return None
    create = "Create the folder with hadoop fs -mkdir after you have deleted the file"
    return f"/tmp/hello is a file, not a folder. {create}:\n!hadoop fs -rm -skipTrash /tmp/hello"


@exercise("02-1")
def _event_has_the_third_host() -> str | None:
    hosts = sorted({str(event.get("Host")) for event in new_events()})
    if THIRD_HOST in hosts:
        return None
    return (
        f"No event since this lesson began has the Host {THIRD_HOST}. These occur: {', '.join(hosts) or 'none'}."
    )


@exercise("02-2")
def _number_of_new_events(answer: Any) -> str | None:
    count = topics.end_offset(lesson.topic) - lesson.start
    if answers.same(answer, count):
        return None
    return f"The lesson's first event has offset {lesson.start}. Count from there to the end, and use -q."


checked_until: set[int] = set()
"""The end offsets of the topic when exercise 3.1 was checked: what is sent between two checks is one attempt."""


@exercise("03-1")
def _knives_of_the_third_host() -> str | None:
    """Accept an attempt with exactly 25 purchases, whatever was sent before it."""
    knives = [
        offset
        for offset, event in numbered_events()
        if event.get("Host") == THIRD_HOST and event.get("event_type") == "purchase_knife"
    ]
    attempts = sorted({lesson.start} | {offset for offset in checked_until if offset >= lesson.start})
    counts = [sum(offset >= first for offset in knives) for first in attempts]
    checked_until.add(topics.end_offset(lesson.topic))
    if 25 in counts:
        return None
    since = "since the last check" if len(attempts) > 1 else "since this lesson began"
    refused = (
        "If you sent requests, compare the route and the Host. A wrong route has the status 404: ab counts it in "
        "the line Non-2xx responses of its whole report. "
    )
    return (
        f"{counts[-1]} knives were bought with the Host {THIRD_HOST} {since}, not 25. "
        f"{'' if counts[-1] else refused}"
        "Send 25 requests with one command, and check again: earlier requests do not count."
    )


expect_answer(
    "03-2",
    0,
    "Compare the end offset directly before and after the calls with -m POST. The report says Non-2xx responses.",
)
expect_answer("04-1", 10, "Start at offset 25, and let grep -c count the lines with purchase_sword.", events=40)


@exercise("04-2")
def _start_of_a_group_without_a_commit(answer: Any) -> str | None:
    if answers.same(answer, 0):
        return None
    broker, group = settings.bootstrap_servers, "game-analytics-3"
    if not any(kafka.committed_offsets(broker, group, lesson.topic).values()):
        return f"Call read twice with the group {group!r} and commit=False. Its first number is the start."
    return (
        f"The group {group!r} has committed an offset: read was called without commit=False. "
        "Set it back to the beginning, and run your cell again:\n"
        f"!kafka-consumer-groups --bootstrap-server {broker} --group {group} --topic {lesson.topic} "
        "--reset-offsets --to-earliest --execute"
    )


expect_answer(
    "05-1",
    10,
    "Two conditions in one string, joined by the word and: Host = 'user2.att.com', and event_type is not "
    "'purchase_sword'.",
    events=40,
)


@exercise("05-2")
def _number_that_becomes_a_text(answer: Any) -> str | None:
    topic = f"{lesson.topic}-mixed"
    if not any(event.get("event_type") == 5 for _, event in events_of(topic)):
        return (
            f"""The topic {topic!r} contains no event {{"event_type": 5}}. """
            "Send it to the topic $TOPIC-mixed in a %%bash cell, with ' around the JSON."
        )
    return None if answers.same(answer, 5) else "Read the last row with from_json and a string field."


@exercise("06-1")
def _two_players_joined() -> str | None:
    joined = Counter(str(event.get("guild")) for event in new_events() if event.get("event_type") == "join_guild")
    if joined["owls"] >= 2:
        return None
    guilds = ", ".join(f"{guild} ({count})" for guild, count in sorted(joined.items()))
    return (
        f"Events since this lesson began that join the guild owls: {joined['owls']}, not 2. "
        f"These guilds were joined: {guilds or 'none'}. Call /join_guild/owls twice."
    )


@exercise("06-2")
def _money_of_the_purchases(answer: Any) -> str | None:
    """Compare with the purchases that are in the topic, however often the learner sent them."""
    purchases = [event for event in new_events() if event.get("event_type") == "purchase"]
    if not purchases:
        return "There is no purchase since this lesson began. Run the two cells that send purchases again."
    if answers.same(answer, sum(map(_paid, purchases))):
        return None
    return (
        "For each purchase, multiply item.price by quantity; then add the products up. If you have run the cell "
        "with course.prepare again, run the cells below it again, too."
    )


def _paid(event: dict[str, Any]) -> int:
    """Return price times quantity; 0 for an event that was written by hand, in another form."""
    item = event.get("item")
    price, quantity = item.get("price") if isinstance(item, dict) else None, event.get("quantity")
    return price * quantity if isinstance(price, int) and isinstance(quantity, int) else 0


@exercise("07-1")
def _one_folder_per_host() -> str | None:
    from pyspark.sql import SparkSession

    again = 'Write it again with the mode overwrite and partitionBy("Host").'
    if not filesystem.exists(BY_HOST):
        return f"There is no folder {BY_HOST} on HDFS."
    names = filesystem.names(BY_HOST)
    folders = [name for name in names if name.startswith("Host=")]
    if len(folders) != 2:
        found = f"It contains: {', '.join(names)}." if names else "It is empty."
        return f"{BY_HOST} has {len(folders)} folders whose names begin with Host=, not 2. {found} {again}"
    is_mixed = any(name.startswith("part-") for name in names)
    if is_mixed or preparation.count_purchases(SparkSession.builder.getOrCreate(), BY_HOST) != (
        preparation.COURSE_PURCHASES
    ):
        return f"{BY_HOST} does not contain each of the 20 purchases once. {again}"
    return None


expect_answer(
    "07-2",
    10,
    f"Read {BY_HOST}/Host=user1.comcast.com and count its rows. "
    "If the check of exercise 7.1 fails, solve that one first.",
)
expect_answer(
    "08-1", "potion", "Group by the item and add up price * quantity; order by the sum, the largest first."
)


@exercise("08-2")
def _largest_guild(answer: Any) -> str | None:
    if answers.same(answer, "dragons"):
        return None
    without = "If it is the guild of your first row, guild is NULL in this row. " if answer is None else ""
    return f"{without}Only events of the type join_guild have a guild. Group by guild and count each player once."


@exercise("09-1")
def _no_service_runs(answer: Any) -> str | None:
    running = [service for service in Stack(settings).status(COURSE) if service.state == "running"]
    if names := [service.name for service in running if service.pid]:
        return f"These services run: {', '.join(names)}. Run !eventlab down, and then your cell again."
    if answers.same(answer, len(running)):
        return None
    return "Count the services whose state is 'running', and run your cell again after `eventlab down`."


@exercise("09-2")
def _bytes_of_the_log(answer: Any) -> str | None:
    folder = settings.state_dir / "data" / "kafka" / f"{lesson.topic}-0"
    size = sum(file.stat().st_size for file in folder.glob("*.log"))
    return None if answers.same(answer, size) else f"Add up st_size of the *.log files in {folder.name}."
