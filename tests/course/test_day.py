"""The day of the game is always the same, uneven, in two schemas, and partly damaged."""

import json
from collections import Counter

from eventlab.course import day
from eventlab.settings import ROOT


def readable():
    """Return the events that are JSON objects."""
    events = []
    for message in day.messages():
        try:
            event = json.loads(message)
        except ValueError:
            continue
        events += [event] if isinstance(event, dict) else []
    return events


def test_a_seed_gives_the_same_day_and_another_seed_another_one():
    first = day.messages(1)
    day.messages.cache_clear()

    assert day.messages(1) == first
    assert day.messages(2) != first


def test_a_few_messages_are_damaged():
    assert len(day.messages()) - len(readable()) == len(day.BROKEN)
    assert 3000 < len(readable()) < 5000


def test_the_events_are_in_the_order_of_their_time():
    times = [event["time"] for event in readable()]

    assert times == sorted(times)


def test_purchases_are_flat_before_the_update_and_nested_after_it():
    for event in readable():
        is_new = int(event["time"][11:13]) >= day.UPDATE_HOUR
        if event["event_type"].startswith("purchase"):
            assert ("item" in event) == is_new
            assert ("price" in event) != is_new


def test_the_largest_provider_has_the_fewest_purchases_per_visit():
    visits = Counter(event["Host"] for event in readable() if event["event_type"] == "default")
    purchases = Counter(event["Host"] for event in readable() if event["event_type"].startswith("purchase"))
    rates = {host: purchases[host] / visits[host] for host in visits}

    assert max(visits, key=visits.__getitem__) == min(rates, key=rates.__getitem__) == "user1.comcast.com"


def test_the_hours_differ():
    visits = Counter(event["time"][11:13] for event in readable())

    assert max(visits.values()) > 10 * min(visits.values())


def test_the_readme_gives_the_numbers_of_the_day():
    readme = " ".join((ROOT / "README.md").read_text().split())

    assert f"{len(day.messages()):,} messages" in readme
    assert len(day.BROKEN) == 6
    assert "six of them damaged" in readme
