"""Lab 1, q4: all that is sent is judged, and a missing level 20 costs only the checks about it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from eventlab.labs.catalogue import find
from eventlab.labs.evidence import Evidence, Message
from eventlab.labs.names import Namespace

LAB = find("lab01")
SEED = 12345


def right() -> list[dict]:
    LAB.checks  # noqa: B018 - loads the lab's modules
    events = next(c.function for c in LAB.checks_of("q4") if "as many" in c.name).__globals__["rewarded"](SEED)
    return [
        {
            "event_type": "level_reward",
            "Host": event["Host"],
            "level": event["level"],
            "coins": event["level"] * 10,
            "medal": "gold" if event["level"] >= 30 else "silver",
        }
        for event in events
    ]


def failed(rewards: list[dict]) -> set[str]:
    namespace = Namespace.of("lab01-0")
    messages = [Message(0, n, 0, None, json.dumps(reward).encode()) for n, reward in enumerate(rewards)]
    evidence = Evidence(namespace, SEED, _seen={("messages", namespace.topic_of("rewards")): messages})
    return {check.name for check in LAB.checks_of("q4") if not check.run(evidence).passed}


def test_right_rewards_pass() -> None:
    assert failed(right()) == set()


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda reward: reward | {"coins": 0}, "coins and medals follow the level"),
        (lambda reward: reward | {"medal": "bronze"}, "coins and medals follow the level"),
        (lambda reward: reward | {"event_type": "anything"}, "coins and medals follow the level"),
        (lambda reward: reward | {"Host": "nobody"}, "the right players are rewarded in order"),
    ],
)
def test_a_wrong_reward_of_level_20_costs_the_check_about_it(change: Callable[[dict], dict], check: str) -> None:
    assert failed([change(reward) if reward["level"] == 20 else reward for reward in right()]) == {check}


def test_level_20_at_the_end_is_not_in_order() -> None:
    assert failed(sorted(right(), key=lambda reward: reward["level"] == 20)) == {
        "the right players are rewarded in order"
    }


def test_a_border_that_is_off_by_one_costs_the_checks_about_the_border() -> None:
    border = {"the lowest rewarded level is 20", "as many rewards as levels from 20 on"}
    assert failed([reward for reward in right() if reward["level"] > 20]) == border


def test_levels_that_are_text_cost_the_checks_about_the_level() -> None:
    sent_as_text = [reward | {"level": str(reward["level"])} for reward in right()]
    assert failed(sent_as_text) == {"the lowest rewarded level is 20", "the right players are rewarded in order"}
