"""Which functions of a learner an explanation calls to find the value for which they fail."""

import json
from collections import defaultdict

from eventlab.explain import udf
from eventlab.explain.failed_cell import global_names
from eventlab.explain.pure import LIMIT_S, error_of, is_pure
from tests.helpers import Stopwatch

counted: list[str] = []
PRICES = {"sword": 3}


def price(name):
    return PRICES[name] + len(json.dumps([name]))


def twice(name):
    return 2 * price(name)


def counts(name):
    counted.append(name)
    return name.upper()


def prints(name):
    print(name)


def reads(name):
    return open(name).read()


def imports(name):
    import requests

    return requests.get(name)


def changes(name):
    PRICES[name] = 1


seen = ["axe"]
counts_of: dict[str, int] = defaultdict(int)


def adds(name):
    names = seen
    names += [name]
    return len(names)


def counts_missing(name):
    return counts_of[name]


def remembers(name, names=[]):  # noqa: B006
    names += [name]


def sums(text):
    total = 0
    for letter in text:
        total += ord(letter)
    return total


def test_a_function_that_only_calculates_is_pure():
    assert is_pure(price)
    assert is_pure(twice)
    assert is_pure(lambda text: text.upper())


def test_a_function_with_an_effect_is_not():
    assert is_pure(sums)
    of_lists = (adds, counts_missing, remembers)
    for function in (counts, prints, reads, imports, changes, *of_lists, lambda name: counts(name), print):
        assert not is_pure(function), function


def test_the_error_of_a_call_has_a_name():
    assert error_of(price, ("axe",)) == "KeyError"
    assert error_of(price, ("sword",)) is None


def test_an_endless_function_is_stopped():
    def endless(name):
        while True:
            name = name[:]

    taken = Stopwatch()

    assert error_of(endless, ("a",)) is None
    assert taken.seconds < LIMIT_S + 1


def divided(text, parts):
    """Return the length of a part."""

    return len(text) / parts


def shouted(text):
    return text.upper()


# fmt: off
def in_several_lines(number):
    return (
        number
        % 3
    )
# fmt: on


def test_the_guard_of_a_function_is_for_the_value_that_it_cannot_handle():
    assert udf.guarded_source(shouted, (None,), "AttributeError") == (
        "def shouted(text):\n    if text is None:\n        return None\n    return text.upper()"
    )
    assert udf.guarded_source(counts, ("a",), "TypeError") == (
        "def counts(name):\n    try:\n        counted.append(name)\n        return name.upper()\n"
        "    except TypeError:\n        return None"
    )
    assert (udf.guarded_source(in_several_lines, (None,), "TypeError") or "").startswith(
        "def in_several_lines(number):\n    if number is None:\n        return None\n    return ("
    )
    assert udf.guarded_source(lambda text: text.upper(), (None,), "AttributeError") is None
    assert udf.guarded_source(divided, ("a", 0), "ZeroDivisionError") is None  # a text of several lines


def test_the_name_of_an_attribute_is_no_global_name():
    def of_row(row):
        return [row.PRICES for _ in seen]

    assert global_names(of_row.__code__) == ["seen"]


def test_an_expression_that_has_the_same_value_for_all_rows():
    def constant(name):
        return [len(name), PRICES.copy().get("sword")]

    def of_the_row(name):
        return PRICES.get(name)

    assert udf.constant_expression(constant, "PRICES") == 'PRICES.copy().get("sword")'
    assert udf.constant_expression(of_the_row, "PRICES") is None
