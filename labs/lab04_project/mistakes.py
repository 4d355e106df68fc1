"""The known mistakes of lab 4, not released: what each leaves with the data of a seed, in plain Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from eventlab.labs.mistakes import Mistake, Result

from .checks import CALLS, YESTERDAY, coins, events, members, of_type, purchases
from .generate import UNKNOWN, calls

KINDS = {"host": "string", "item": "string", "guild": "string", "coins": "int32", "members": "int64"}
Change = Callable[[dict], list[dict]]


def _api(seed: int, change: Change = lambda event: [event], **statuses: tuple[int | None, int]) -> Result:
    """Return what an API leaves.

    Args:
        seed: The seed of the calls.
        change: Returns what the API sends in place of an event.
        **statuses: The status and the number of events of calls whose response is wrong, by `visit`, `unknown`,
            `join` and `refused`.
    """
    answered = []
    for path in CALLS:
        kind = "unknown" if path.endswith(UNKNOWN) else path.split("/")[1] or "visit"
        answered.append((path, *statuses.get(kind, (404, 0) if kind == "unknown" else (200, 1))))
    answered.append((CALLS[1], *statuses.get("refused", (500, 0))))
    sent = [each for event in events(seed) for each in change(dict(event))]
    return Result(events={"game": sent}, responses={"responses": answered})


def _everything_sold(seed: int) -> Result:
    """Return the result of an API that sells items without a price, for 0 coins."""
    result = _api(seed, unknown=(200, 1))
    sent: list[dict] = []
    right = iter(events(seed))
    for call in calls(seed):
        item = call["path"].removeprefix("/purchase/")
        unknown = {"event_type": "purchase", "host": call["host"], "item": item, "coins": 0}
        sent.append(unknown if item in UNKNOWN else next(right))
    return Result(events={"game": sent}, responses=result.responses)


def _price(event: dict) -> list[dict]:
    return [event | {"coins": 54} if event.get("item") == "knife" else event]


def _thing(event: dict) -> list[dict]:
    return [{"thing" if name == "item" else name: value for name, value in event.items()}]


def _coins_as_text(event: dict) -> list[dict]:
    return [event | {"coins": str(event["coins"])} if "coins" in event else event]


def _tables(columns: dict[str, str] | None = None, **tables: Iterable[dict]) -> Result:
    """Return tables whose columns have the right types, or these ones."""
    found = {name: list(rows) for name, rows in tables.items()}
    kinds = {name: {c: (columns or KINDS).get(c, "int32") for c in rows[0]} for name, rows in found.items()}
    return Result(tables=found, columns=kinds)


def _job(
    seed: int, bought: list[tuple] | None = None, joined: Iterable[tuple[str, str]] = (), **more: list[dict]
) -> Result:
    """Return the tables of question 2: these purchases and members, or the right ones, and further rows."""
    bought = purchases(seed) if bought is None else bought
    joined = joined or members(seed).items()
    return _tables(
        purchases=[
            *more.get("purchases", []),
            *(dict(zip(("host", "item", "coins"), b, strict=True)) for b in bought),
        ],
        members=[*more.get("members", []), *({"host": host, "guild": guild} for host, guild in joined)],
    )


def _joined(seed: int) -> list[tuple[str, str]]:
    return [(event["host"], event["guild"]) for event in of_type(seed, "join_guild")]


def _coins_text(seed: int) -> Result:
    result = _job(seed)
    columns = {**result.columns, "purchases": {**result.columns["purchases"], "coins": "string"}}
    rows = [row | {"coins": str(row["coins"])} for row in result.tables["purchases"]]
    return Result(tables={**result.tables, "purchases": rows}, columns=columns)


def _all_kinds(seed: int) -> list[tuple]:
    return [(event["host"], event.get("item"), event.get("coins")) for event in events(seed)]


def _report(seed: int, change: Callable[[str, int, int], dict | None], old: Iterable[dict] = ()) -> Result:
    """Return the report in which the row of a guild is changed, or left out when `change` returns None."""
    counts, spent = Counter(members(seed).values()), coins(seed)
    rows = [change(guild, counts[guild], spent[guild]) for guild in counts]
    joined = [{"host": host, "guild": guild} for host, guild in members(seed).items()]
    return _tables(report=[*old, *(row for row in rows if row is not None)], members=joined)


def _row(guild: str, count: int, spent: int | None, name: str = "coins") -> dict:
    return {"guild": guild, "members": count, name: spent}


def _by_guild(seed: int) -> dict[str, list[tuple[str, int]]]:
    """Return the host and price of each purchase of a guild's members."""
    guild_of, found = members(seed), {}  # type: ignore[var-annotated]
    for host, _, price in purchases(seed):
        if host in guild_of:
            found.setdefault(guild_of[host], []).append((host, price))
    return found


def _only_buyers(seed: int) -> Result:
    bought = _by_guild(seed)
    hosts = {guild: {host for host, _ in pairs} for guild, pairs in bought.items()}
    return _report(seed, lambda g, _, spent: _row(g, len(hosts[g]), spent) if g in bought else None)


def _joined_rows(seed: int) -> Result:
    """Return the report that counts a member once for each purchase."""
    bought = Counter(host for host, *_ in purchases(seed))
    rows: Counter[str] = Counter()
    for host, guild in members(seed).items():
        rows[guild] += max(1, bought[host])
    return _report(seed, lambda guild, _, spent: _row(guild, rows[guild], spent))


def _dearest(seed: int) -> Result:
    most = {guild: max(price for _, price in pairs) for guild, pairs in _by_guild(seed).items()}
    return _report(seed, lambda guild, count, _: _row(guild, count, most.get(guild, 0)))


REPLACE = 'Replace the table that is there: mode("overwrite").'
LAST = "The guild that a host joined last counts: the one with the highest offset."
MISTAKES = (
    Mistake(
        "q1", "anything is sold", "sold what has no price", "Answer with 404, and send no event.", _everything_sold
    ),
    Mistake(
        "q1",
        "200 for what is not sold",
        "answered 200 for what is not sold",
        "flask.abort(404) ends a request with the status 404.",
        lambda s: _api(s, unknown=(200, 0)),
    ),
    Mistake(
        "q1",
        "flush for get",
        "did not look at Kafka's acknowledgement",
        "send() and flush() raise no error when Kafka refuses the event. send(...).get() does.",
        lambda s: _api(s, refused=(200, 0)),
    ),
    Mistake(
        "q1", "wrong price", "sold the knife for 54 coins", "A knife costs 45 coins.", lambda s: _api(s, _price)
    ),
    Mistake(
        "q1", "wrong column", "gave the field item another name", "The field is item.", lambda s: _api(s, _thing)
    ),
    Mistake(
        "q1",
        "coins as text",
        "sent the coins as text",
        'In JSON, 45 is a number and "45" is text.',
        lambda s: _api(s, _coins_as_text),
    ),
    Mistake(
        "q1",
        "sent twice",
        "sent each joining of a guild twice",
        "A call sends one event.",
        lambda s: _api(s, lambda e: [e, e] if e["event_type"] == "join_guild" else [e], join=(200, 2)),
    ),
    Mistake(
        "q1",
        "visits not logged",
        "did not log visits",
        "A call of / sends an event of the type default.",
        lambda s: _api(s, lambda e: [] if e["event_type"] == "default" else [e], visit=(200, 0)),
    ),
    Mistake(
        "q1",
        "host hard-coded",
        "sent the same host for all players",
        'The host is the header of the request: request.headers["Host"].',
        lambda s: _api(s, lambda event: [event | {"host": "user1.comcast.com"}]),
    ),
    Mistake(
        "q2",
        "dropped filter",
        "kept events that are no purchases",
        "Only events of the type purchase belong into purchases.",
        lambda s: _job(s, _all_kinds(s)),
    ),
    Mistake(
        "q2",
        "append for overwrite",
        "kept yesterday's purchases",
        REPLACE,
        lambda s: _job(s, purchases=YESTERDAY["purchases"]),
    ),
    Mistake(
        "q2",
        "members appended",
        "kept yesterday's members",
        REPLACE,
        lambda s: _job(s, members=YESTERDAY["members"]),
    ),
    Mistake(
        "q2", "no deduplication", "kept each guild that a host joined", LAST, lambda s: _job(s, joined=_joined(s))
    ),
    Mistake(
        "q2",
        "the first guild",
        "kept the guild that a host joined first",
        LAST,
        lambda s: _job(s, joined=dict(_joined(s)[::-1]).items()),
    ),
    Mistake(
        "q2",
        "the last in the alphabet",
        "kept the last guild in the alphabet",
        LAST,
        lambda s: _job(s, joined=dict(sorted(_joined(s))).items()),
    ),
    Mistake(
        "q2",
        "purchases deduplicated",
        "removed purchases that are equal",
        "Who buys an item twice has two rows.",
        lambda s: _job(s, sorted(set(purchases(s)))),
    ),
    Mistake("q2", "wrong type", "wrote the coins as text", "coins is a number.", _coins_text),
    Mistake(
        "q3",
        "poor guilds dropped",
        "lost the guilds and members who bought nothing",
        "A left join keeps a member without a purchase.",
        _only_buyers,
    ),
    Mistake(
        "q3",
        "no deduplication",
        "counted a member once for each purchase",
        "A member who bought three times is one member: count(distinct host).",
        _joined_rows,
    ),
    Mistake(
        "q3",
        "append for overwrite",
        "kept yesterday's report",
        REPLACE,
        lambda s: _report(s, _row, YESTERDAY["report"]),
    ),
    Mistake(
        "q3",
        "wrong column",
        "gave the column coins another name",
        "Name the columns guild, members and coins.",
        lambda s: _report(s, lambda guild, count, spent: _row(guild, count, spent, "spent")),
    ),
    Mistake(
        "q3",
        "no zero",
        "left the coins of poor guilds empty",
        "A sum without rows is NULL: coalesce(sum(coins), 0).",
        lambda s: _report(s, lambda guild, count, spent: _row(guild, count, spent or None)),
    ),
    Mistake(
        "q3",
        "off by one",
        "counted one member too many in each guild",
        "count(distinct host) is the number of members.",
        lambda s: _report(s, lambda guild, count, spent: _row(guild, count + 1, spent)),
    ),
    Mistake(
        "q3",
        "largest for sum",
        "took the largest purchase instead of the sum",
        "Sum the coins of a guild's members.",
        _dearest,
    ),
)
