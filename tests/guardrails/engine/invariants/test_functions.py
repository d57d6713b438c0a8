"""Numbers, amounts, dates and places in JSON are read as people write them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.engine.invariants.reading import Amount, amounts, dates, numbers
from guardrails.engine.invariants.signatures import EvaluationFailed
from tests.guardrails.engine.invariants.expressions import value_of

NUMBERS = [
    ("costs 20 or 1,234.50", [20.0, 1234.5]),
    ("kostet 1.234,50", [1234.5]),
    ("1'234'567.5", [1234567.5]),
    ("12\u00a0345", [12345.0]),
    ("1,234,567 and 1.234.567", [1234567.0, 1234567.0]),
    ("1,2,3", [1.0, 2.0, 3.0]),
    ("0.125 and 1.234", [0.125, 1.234]),
    ("0,125", [0.125]),
    ("-5 and \u22127 but 3-4", [-5.0, -7.0, 3.0, 4.0]),
    ("version 1.2.3 of v2 at 10:30", []),
    ("95% of 5kg", [95.0]),
    ("room B12, item_7", []),
    ("", []),
]

AMOUNTS = [
    ("It costs 20 EUR.", [Amount(20.0, "EUR")]),
    ("$1,234.50 or US$ 5", [Amount(1234.5, "USD"), Amount(5.0, "USD")]),
    ("1.234 \u20ac and 1 234,50 \u20ac", [Amount(1234.0, "EUR"), Amount(1234.5, "EUR")]),
    ("\u00a320 and 30 pounds", [Amount(20.0, "GBP"), Amount(30.0, "GBP")]),
    ("CHF 1'250.00", [Amount(1250.0, "CHF")]),
    ("$5 million, 3k euros", [Amount(5e6, "USD"), Amount(3000.0, "EUR")]),
    ("-20 EUR, \u20ac-5", [Amount(-20.0, "EUR"), Amount(-5.0, "EUR")]),
    ("20 people, 3 rooms", []),
    ("19.90 EUR per month", [Amount(19.9, "EUR")]),
]

DATES = [
    ("2026-03-01", [(2026, 3, 1)]),
    ("on 1 March 2026 or March 2nd, 2026", [(2026, 3, 1), (2026, 3, 2)]),
    ("am 3. M\u00e4rz 2026 oder 04.05.2026", [(2026, 3, 3), (2026, 5, 4)]),
    ("le 5 f\u00e9vrier 2026, 6 de mayo de 2026", [(2026, 2, 5), (2026, 5, 6)]),
    ("3/4/2026 and 25/4/2026", [(2026, 3, 4), (2026, 4, 25)]),
    ("2026-13-01 and 31 February 2026", []),
    ("version 1.2.3", []),
]


@pytest.mark.parametrize(("text", "found"), NUMBERS)
def test_numbers_of_a_text(text: str, found: list[float]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(("text", "found"), AMOUNTS)
def test_amounts_of_a_text(text: str, found: list[Amount]) -> None:
    assert amounts(text) == found


@pytest.mark.parametrize(("text", "found"), DATES)
def test_dates_of_a_text(text: str, found: list[tuple[int, int, int]]) -> None:
    assert dates(text) == [dt.datetime(*day, tzinfo=dt.UTC) for day in found]


def test_the_order_of_day_and_month_can_be_said() -> None:
    assert value_of("dates('3/4/2026', 'dmy')[0].getMonth()") == 3
    with pytest.raises(EvaluationFailed, match="order of dates"):
        value_of("dates('3/4/2026', 'ymd')")


@settings(max_examples=60, deadline=None)
@given(text=st.text("0123456789.,'$\u20ac -kmEUR/", max_size=200))
def test_whatever_a_text_holds_it_can_be_read(text: str) -> None:
    assert all(isinstance(number, float) for number in numbers(text))
    assert all(isinstance(amount.value, float) for amount in amounts(text))
    assert all(date.tzinfo is dt.UTC for date in dates(text))


@settings(max_examples=60, deadline=None)
@given(cents=st.integers(0, 10**9), code=st.sampled_from(["EUR", "USD", "CHF"]))
def test_an_amount_is_the_same_in_english_and_in_german(cents: int, code: str) -> None:
    english = f"{cents / 100:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert amounts(f"{code} {english}") == amounts(f"{german} {code}") == [Amount(cents / 100, code)]


PATHS: list[tuple[str, list[Any]]] = [
    ("$", [{"items": [{"price": 1}, {"price": 2.5}], "a b": {"id": 7}, "id": 8}]),
    ("$.items[*].price", [1, 2.5]),
    ("$.items[-1].price", [2.5]),
    ("$.items[5]", []),
    ("$['a b'].id", [7]),
    ("$..id", [8, 7]),
    ("$.items.*.price", [1, 2.5]),
    ("$.nothing.here", []),
]
DOCUMENT = '{"items": [{"price": 1}, {"price": 2.5}], "a b": {"id": 7}, "id": 8}'


@pytest.mark.parametrize(("path", "found"), PATHS)
def test_places_in_json(path: str, found: list[Any]) -> None:
    assert value_of(f"""jsonPath(json(r'''{DOCUMENT}'''), "{path}")""") == found


OTHERS: list[tuple[str, Any]] = [
    ("json('```json\\n[1]\\n```')", [1]),
    ("json('no json')", None),
    ("find('Order 12, order 13', r'Order (\\d+)')", "12"),
    ("find('none', r'\\d+')", ""),
    ("findAll('a1 b22', r'\\d+')", ["1", "22"]),
    ("'A Refund'.containsAny(['refund'])", True),
    ("overlap('the price is ten', 'a price of ten')", 0.5),
    ("words('One, two!')", ["one", "two"]),
    ("sentences('One. Two? Three')", ["One.", "Two?", "Three"]),
    ("links('See https://example.org/a, or (http://example.com).')", ["https://example.org/a", "http://example.com"]),
    ("'\u00c4b'.lower()", "\u00e4b"),
    ("'\u00c4b'.upperAscii()", "\u00c4B"),
    ("'Ab'.lowerAscii()", "ab"),
    ("' a '.trim()", "a"),
    ("'a-b'.replace('-', '+')", "a+b"),
    ("'a,b'.split(',')", ["a", "b"]),
    ("['a', 'b'].join('/')", "a/b"),
    ("'hello'.substring(1, 3)", "el"),
    ("'hello'.indexOf('l')", 2),
    ("sum([1, 2])", 3),
    ("sum(numbers(''))", 0.0),
    ("max([1.5, 0.5])", 1.5),
    ("min([3, 2])", 2),
    ("math.round(2.345, 2)", 2.35),
    ("math.round(-0.5)", -1.0),
    ("math.floor(-0.5)", -1.0),
    ("math.ceil(0.5)", 1.0),
    ("math.abs(-3)", 3),
    ("math.greatest(1, 5, 2)", 5),
    ("math.least(1.5, 0.5)", 0.5),
    ("isClose(1.0, 1.05, 0.1)", True),
    ("[1, 1.0, 2, true, true].distinct()", [1, 2, True]),
    ("[1, 1].distinct()", [1]),
]


@pytest.mark.parametrize(("source", "meant"), OTHERS)
def test_a_function_gives(source: str, meant: Any) -> None:
    assert value_of(source) == meant


def test_texts_that_mean_the_same_are_near() -> None:
    near = value_of("similarity('How do I get my money back?', 'How can I receive a refund of my money?')")
    assert near > value_of("similarity('How do I get my money back?', 'The weather is sunny.')")


@pytest.mark.parametrize("source", ["max([])", "'a'.substring(2)", "sum([dyn('a')])", "dyn(['a', 1]).join(',') == ''"])
def test_a_function_that_has_no_answer_says_so(source: str) -> None:
    with pytest.raises(EvaluationFailed):
        value_of(source.replace("[]", "numbers('')"))
