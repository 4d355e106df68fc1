"""Edits of statements and of SQL that need no service."""

import pytest

from eventlab.explain import comparisons, edits, why_filter
from eventlab.explain.api import Rule


@pytest.mark.parametrize(
    ("sql", "only_reads"),
    [
        ("select * from a where event_type = 'insert'", True),
        ("  (select 1)", True),
        ("with t as (select 1) select * from t -- drop this", True),
        ("insert into sales select * from day where event_type = 'x'", False),
        ("create table a as select 1", False),
        ("with t as (select 1) insert into sales select * from t", False),
        ("from day insert into sales select *", False),
        ("event_type = 'x'", False),
    ],
)
def test_a_statement_that_changes_something_is_no_query(sql, only_reads):
    assert edits.is_query(sql) is only_reads


@pytest.mark.parametrize(
    ("call", "changed"),
    [
        ("p = KafkaProducer()", "p = KafkaProducer(limit=9)"),
        ("p = KafkaProducer(a=1,)", "p = KafkaProducer(a=1, limit=9)"),
        ("p = KafkaProducer(limit=1, a=f(2))", "p = KafkaProducer(limit=9, a=f(2))"),
        (
            "p = KafkaProducer(\n    a='ä',\n    b=json.dumps,\n)",
            "p = KafkaProducer(\n    a='ä',\n    b=json.dumps, limit=9)",
        ),
        ("p = 1", None),
    ],
)
def test_a_keyword_is_set_and_the_others_stay(call, changed):
    assert edits.with_keyword(call, "limit", "9") == changed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("==(event_type, purchase_sword)", [("event_type", "=", ("purchase_sword",))]),
        ("not(==(event_type, purchase_sword))", []),
        ("t.event_type = 'a' and not (host = 'b')", [("t.event_type", "=", ("a",))]),
        ("event_type != 'a'", []),
        ("==(item.name, swrd)", [("item.name", "=", ("swrd",))]),
        ("==(item['name'], swrd)", [("item.name", "=", ("swrd",))]),
        ("`item`.name == 'swrd'", [("item.name", "=", ("swrd",))]),
        ("and(>(price, 999), <=(n, -1.5))", [("price", ">", ("999",)), ("n", "<=", ("-1.5",))]),
        ("price > 999 and n<=-1.5", [("price", ">", ("999",)), ("n", "<=", ("-1.5",))]),
        ("in(host, a, b)", [("host", "in", ("a", "b"))]),
        ("host IN ('a', 'b') or n in (1, 2)", [("host", "in", ("a", "b")), ("n", "in", ("1", "2"))]),
        ("host not in ('a')", []),
        ("like(host, %att%)", [("host", "like", ("%att%",))]),
        ("select * from t where host like '%att%'", [("host", "like", ("%att%",))]),
        ("==(lower(a), x)", []),
        ("Column<'item.name = 'swrd''>", [("item.name", "=", ("swrd",))]),
        ("Column<'>(price, 999)'>", [("price", ">", ("999",))]),
        (">(length(player), 9)", []),
        ("a <> 'b' and a = b", []),
    ],
)
def test_a_filter_names_the_values_that_rows_must_have(text, expected):
    assert [tuple(found) for found in comparisons.comparisons(text)] == expected


@pytest.mark.parametrize(
    ("path", "column"),
    [
        ("item.name", "`item`.`name`"),
        ("t.event_type", "`event_type`"),
        ("Event_Type", "`Event_Type`"),
        ("User-Agent", "`User-Agent`"),
        ("nothing", None),
        ("t.nothing", None),
    ],
)
def test_the_column_of_a_filter_may_be_a_field_or_stand_after_a_table(path, column):
    assert why_filter.column_of(path, ["event_type", "item", "User-Agent"]) == column


def test_a_route_with_a_variable_answers_any_word():
    rule = Rule("/join_guild/<name>", ["GET"])

    assert rule.matches("/join_guild/early-birds")
    assert not rule.matches("/join_guild/")
    assert not rule.matches("/join_guild/a/b")
    assert rule.like("/join_gild/early-birds") == "/join_guild/early-birds"
    assert rule.like("/join_guild") == "/join_guild/name"
    assert Rule("/files/<path:where>.txt", ["GET"]).matches("/files/a/b.txt")


def test_a_sign_in_a_string_or_comment_of_a_query_is_not_replaced():
    query = "select * from sales where a & b and name = 'knife & fork' -- this & that"

    assert edits.replaced_in_code(" & ", " and ", query) == query.replace("a & b", "a and b")
