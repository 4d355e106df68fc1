"""Whatever the seed, a lab's data hold the traps that the lab is about, so every student meets them."""

from collections import Counter

import pytest

from eventlab.labs.catalogue import find

SEEDS = range(1, 150)
ANY = pytest.mark.parametrize("seed", [SEEDS], ids=["149 seeds"])


@ANY
def test_lab_1_has_every_border_a_buyer_of_knives_only_and_hosts_that_never_buy(seed):
    events = find("lab01").module.events
    for number in seed:
        made = events(number)
        levels = {event["level"] for event in made if event["event_type"] == "level_up"}
        swords, knives = (
            {event["Host"] for event in made if event["event_type"] == f"purchase_{item}"}
            for item in ("sword", "knife")
        )
        assert {19, 20, 29, 30} <= levels
        assert knives - swords
        assert {event["Host"] for event in made} - swords - knives
        assert max(Counter(event["Host"] for event in made if "purchase_" in event["event_type"]).values()) > 1


@ANY
def test_lab_2_has_broken_messages_purchases_that_came_twice_and_both_sides_of_late(seed):
    module = find("lab02").module
    for number in seed:
        made = module.messages(number)
        broken = [sent for sent in made if sent.event is None]
        bought = [
            sent.event["event_id"] for sent in made if sent.event and "purchase_" in sent.event["event_type"]
        ]
        delays = {(row["arrived_at"] - row["happened_at"]).total_seconds() for row in module.purchases(number)}
        assert any(sent.value == b"" for sent in broken)
        assert len(broken) >= 10
        assert max(Counter(bought).values()) > 1
        assert {3600, 3601} <= delays


@ANY
def test_lab_3_has_a_country_without_buyers_and_players_who_only_return_things(seed):
    module = find("lab03").module
    for number in seed:
        country = {player["player"]: player["country"] for player in module.tables(number)["players"]}
        buyers = {purchase["player"] for purchase in module.kept(number)}
        all_of_them = {purchase["player"] for purchase in module.tables(number)["purchases"]}
        assert {country[player] for player in buyers} < set(country.values())
        assert all_of_them - buyers


@ANY
def test_lab_4_has_a_poor_guild_a_host_that_changed_and_calls_for_what_is_not_sold(seed):
    module = find("lab04").module
    for number in seed:
        joined = module.of_type(number, "join_guild")
        first = {event["host"]: event["guild"] for event in reversed(joined)}
        last = module.members(number)
        buyers = {event["host"] for event in module.of_type(number, "purchase")}
        bought = Counter((event["host"], event["item"]) for event in module.of_type(number, "purchase"))
        assert first != last
        assert set(last.values()) - {last[host] for host in buyers if host in last}, "a guild in which nobody buys"
        assert len(module.calls(number)) > len(module.events(number))
        assert max(bought.values()) > 1
