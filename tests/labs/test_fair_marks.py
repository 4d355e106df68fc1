"""One mistake costs the check that is about it and no other: labs 2 and 3. The data need no services."""

from datetime import timedelta

import pytest

from eventlab.labs.catalogue import find
from tests.labs.left_behind import failed, renamed

SEEDS = range(1, 5)
EXTRACT, SQL = (find(name).module for name in ("lab02", "lab03"))


def first_of_each(rows, name="event_id"):
    return list({row[name]: row for row in rows[::-1]}.values())


NAMES_AND_TYPES, ROWS = "events has the given schema", "every good message is a row"
BROKEN_ROW = dict.fromkeys(EXTRACT.SCHEMA)
EVENTS = {
    "nothing": (lambda rows: rows, set()),
    "range_m is a double": (
        lambda rows: [r | {"range_m": None if r["range_m"] is None else float(r["range_m"])} for r in rows],
        {NAMES_AND_TYPES},
    ),
    "times are text": (
        lambda rows: [r | {"happened_at": str(r["happened_at"])} for r in rows],
        {NAMES_AND_TYPES},
    ),
    "a column has another name": (lambda rows: renamed(rows, "user_agent", "agent"), {NAMES_AND_TYPES}),
    "broken messages are rows": (
        lambda rows: [*rows, BROKEN_ROW, BROKEN_ROW | {"event_id": "e0001"}],
        {ROWS},
    ),
    "each event is there once": (first_of_each, {ROWS}),
    "arrived_at is another time": (
        lambda rows: [r | {"arrived_at": r["arrived_at"] + timedelta(days=1)} for r in rows],
        {"every event has its values"},
    ),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mistake", EVENTS)
def test_a_mistake_in_events_costs_one_check(mistake, seed):
    change, expected = EVENTS[mistake]
    rows = change([EXTRACT.row(sent) for sent in EXTRACT.good(seed)])
    kinds = EXTRACT.SCHEMA if NAMES_AND_TYPES not in expected else {}

    assert failed("lab02", "q2", seed, tables={"events": (rows, kinds)}) == expected


def all_rows(seed):
    return [EXTRACT.row(sent) for sent in sorted(EXTRACT.good(seed), key=lambda sent: sent.arrived_ms)]


ONCE = "each purchase is there once"
YESTERDAYS = dict.fromkeys(EXTRACT.SCHEMA) | {"event_id": "y0001", "event_type": "purchase_knife"}
PURCHASES = {
    "nothing": (EXTRACT.purchases, set()),
    "repeated ones stay": (lambda s: [r for r in all_rows(s) if r["event_type"] in EXTRACT.PURCHASES], {ONCE}),
    "the last one is kept": (
        lambda s: EXTRACT.once(sorted(EXTRACT.good(s), key=lambda sent: -sent.arrived_ms)),
        {"each purchase is as it arrived first"},
    ),
    "yesterday's rows stay": (lambda s: [*EXTRACT.purchases(s), YESTERDAYS], {"yesterdays extract is replaced"}),
    "all events are there": (lambda s: first_of_each(all_rows(s)), {"only purchases are in purchases"}),
    "only swords are there": (
        lambda s: [row for row in EXTRACT.purchases(s) if row["event_type"] == "purchase_sword"],
        {"only purchases are in purchases"},
    ),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mistake", PURCHASES)
def test_a_mistake_in_purchases_costs_one_check(mistake, seed):
    change, expected = PURCHASES[mistake]

    assert failed("lab02", "q3", seed, tables={"purchases": (change(seed), EXTRACT.SCHEMA)}) == expected


def late(seed, least_s=3601, key=lambda row, delay: delay, minutes=lambda d: d // 60):
    """Return the late purchases in the order of a key."""
    delays = [(row, (row["arrived_at"] - row["happened_at"]).total_seconds()) for row in EXTRACT.purchases(seed)]
    rows = sorted(((row, delay) for row, delay in delays if delay >= least_s), key=lambda pair: key(*pair))
    return [{"event_id": row["event_id"], "minutes": minutes(delay)} for row, delay in rows]


def in_order(answer):
    return sorted(answer, key=lambda row: (row["minutes"], row["event_id"]), reverse=True)


LATE, ORDER = "exactly the late ones are there", "the latest comes first"
LATE_ONES = {
    "nothing": (lambda s: in_order(late(s)), set()),
    "60 minutes are late": (lambda s: in_order(late(s, 3600)), {LATE}),
    "61 minutes are the first that are late": (lambda s: in_order(late(s, 3660)), {LATE}),
    "minutes are rounded up": (
        lambda s: in_order(late(s, minutes=lambda delay: -(-delay // 60))),
        {"the late ones have their minutes"},
    ),
    "equal minutes are ordered by seconds": (lambda s: late(s, key=lambda row, delay: -delay), {ORDER}),
    "a column has another name": (lambda s: renamed(in_order(late(s)), "minutes", "delay"), {ORDER}),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mistake", LATE_ONES)
def test_a_mistake_in_the_late_ones_costs_one_check(mistake, seed):
    change, expected = LATE_ONES[mistake]

    assert failed("lab02", "q4", seed, answer=change(seed)) == expected


def as_rows(tuples, question):
    return [dict(zip(SQL.COLUMNS[question], row, strict=True)) for row in tuples]


def items(seed, refunded=False):
    return as_rows(SQL.items(SQL.kept(seed, refunded)), "q1")


def average(seed):
    rows = [row | {"coins": row["coins"] / row["sold"]} for row in items(seed)]
    return sorted(rows, key=lambda row: -row["coins"])


def countries(seed):
    return as_rows(SQL.buyers(seed, SQL.kept(seed)), "q2")


def only_buyers(seed):
    """Return what an inner join gives."""
    return [row | {"players": row["buyers"], "share": 1.0} for row in countries(seed) if row["buyers"]]


def best(seed, last=False):
    return as_rows(SQL.best(seed, SQL.kept(seed), last), "q3")


def all_equal_ones(seed):
    coins = {country: coins for country, _, coins in SQL.best(seed, SQL.kept(seed))}
    return as_rows([(country, who, coins[country]) for country, who in sorted(SQL.best_buyers(seed))], "q3")


REVENUE, FIGURES = "the coins of all items are the revenue", "every item has its figures and its place"
ALPHABET, SHARE = "every country is there in alphabetical order", "every country has its share"
ONE_ROW, SUM = "one row per country with buyers", "every player has the sum of the coins"
ANSWERS = {
    "q1 nothing": (items, set()),
    "q1 refunds count": (lambda s: items(s, refunded=True), {REVENUE}),
    "q1 the average": (average, {REVENUE}),
    "q1 coins are text": (lambda s: [row | {"coins": str(row["coins"])} for row in items(s)], {REVENUE}),
    "q1 by name": (lambda s: sorted(items(s), key=lambda row: row["item"]), {FIGURES}),
    "q1 one more is sold": (lambda s: [row | {"sold": row["sold"] + 1} for row in items(s)], {FIGURES}),
    "q1 another name": (
        lambda s: renamed(items(s), "coins", "revenue"),
        {"one row per item with item sold and coins"},
    ),
    "q2 nothing": (countries, set()),
    "q2 by share": (lambda s: sorted(countries(s), key=lambda row: (-row["share"], row["country"])), {ALPHABET}),
    "q2 an inner join": (only_buyers, {ALPHABET, "the players add up"}),
    "q2 one more buyer": (
        lambda s: [row | {"buyers": row["buyers"] + 1} for row in countries(s)],
        {"every country has its buyers"},
    ),
    "q2 percent": (lambda s: [row | {"share": 100 * row["share"]} for row in countries(s)], {SHARE}),
    "q2 not rounded": (
        lambda s: [row | {"share": row["buyers"] / row["players"]} for row in countries(s)],
        {SHARE},
    ),
    "q2 another name": (lambda s: renamed(countries(s), "share", "part"), {SHARE}),
    "q3 nothing": (best, set()),
    "q3 backwards": (lambda s: best(s)[::-1], {ONE_ROW}),
    "q3 refunds count": (
        lambda s: [
            dict(zip(SQL.COLUMNS["q3"], row, strict=True)) for row in SQL.best(s, SQL.kept(s, refunded=True))
        ],
        {ONE_ROW, SUM},
    ),
    "q3 all equal ones": (all_equal_ones, {ONE_ROW}),
    "q3 the last of equal ones": (lambda s: best(s, last=True), {"every country has its best buyer"}),
    "q3 other coins": (lambda s: [row | {"coins": row["coins"] + 1} for row in best(s)], {SUM}),
    "q3 another name": (lambda s: renamed(best(s), "coins", "spent"), {SUM}),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mistake", ANSWERS)
def test_a_mistake_in_an_answer_in_sql_costs_its_own_checks(mistake, seed):
    change, expected = ANSWERS[mistake]

    assert failed("lab03", mistake[:2], seed, answer=change(seed)) == expected


def daily(seed, refunded=False):
    coins = sorted(SQL.coins_by(SQL.kept(seed, refunded), "day").items())
    return as_rows([(day, c, sum(v for _, v in coins[: n + 1])) for n, (day, c) in enumerate(coins)], "q4")


DAYS, TOTAL = "each day is there once", "the total runs from day to day"
REVENUES = {
    "nothing": (daily, set()),
    "yesterday's rows stay": (lambda s: [*SQL.yesterdays(s), *daily(s)], {DAYS}),
    "only the last days": (lambda s: daily(s)[7:], {DAYS}),
    "refunds count": (lambda s: daily(s, refunded=True), {"every day has its coins"}),
    "one total": (lambda s: [row | {"total": daily(s)[-1]["total"]} for row in daily(s)], {TOTAL}),
    "without the day": (lambda s: [row | {"total": row["total"] - row["coins"]} for row in daily(s)], {TOTAL}),
    "another name": (lambda s: renamed(daily(s), "total", "sum"), {"the table has day coins and total"}),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mistake", REVENUES)
def test_a_mistake_in_the_daily_revenue_costs_one_check(mistake, seed):
    change, expected = REVENUES[mistake]
    rows = change(seed)

    assert failed("lab03", "q4", seed, tables={"daily_revenue": (rows, dict.fromkeys(rows[0], "any"))}) == expected


def test_a_total_of_invented_coins_is_no_running_total():
    for coins in (0, 500):
        rows = as_rows([(day, coins, coins * number) for number, day in enumerate(SQL.DAYS, start=1)], "q4")
        table = (rows, dict.fromkeys(rows[0], "any"))
        assert failed("lab03", "q4", 1, tables={"daily_revenue": table}) == {"every day has its coins", TOTAL}


def test_a_share_of_invented_buyers_and_players_is_no_share():
    rows = as_rows([(row["country"], 100, 0, 0.0) for row in countries(1)], "q2")
    assert SHARE in failed("lab03", "q2", 1, answer=rows)
