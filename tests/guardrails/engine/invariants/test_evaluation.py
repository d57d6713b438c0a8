"""Evaluation ends, whatever is asked and whatever it is asked about."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.engine.invariants.evaluation import OutOfBounds
from guardrails.engine.invariants.facts import Facts, Message, RequestFacts, ResponseFacts, retrieved
from guardrails.engine.invariants.signatures import EvaluationFailed
from guardrails.engine.invariants.syntax import ExpressionError
from tests.guardrails.engine.invariants.expressions import value_of

MANY = Facts(request=RequestFacts(messages=[Message(text="word " * 20)] * 2_000))
LONG = Facts(response=ResponseFacts(text="12 " * 30_000))


@pytest.mark.parametrize(
    "source",
    [
        "request.messages.all(a, request.messages.all(b, a.text == b.text))",
        "request.messages.map(a, request.messages.map(b, a.text + b.text)).size() > 0",
        "request.messages.all(a, request.messages.exists(b, request.messages.exists(c, c.text == 'x')))",
        "numbers(response.text).all(a, numbers(response.text).all(b, numbers(response.text).all(c, a < b + c)))",
    ],
)
def test_loops_within_loops_end_at_the_deadline(source: str) -> None:
    facts = Facts(request=MANY.request, response=LONG.response)
    began = time.thread_time()
    with pytest.raises(OutOfBounds):
        value_of(source, facts, deadline_ms=20)
    assert time.thread_time() - began < 1


def test_evaluation_ends_after_so_many_steps_without_a_deadline() -> None:
    with pytest.raises(OutOfBounds, match="steps"):
        value_of("request.messages.all(a, request.messages.all(b, b.role == a.role))", MANY, deadline_ms=1e9)


@pytest.mark.parametrize(
    "source",
    [
        "response.text.replace('1', response.text) == ''",
        "response.text.split('').join(response.text) == ''",
        "response.text.replace('', response.text) == ''",
    ],
)
def test_texts_do_not_grow_without_bounds(source: str) -> None:
    with pytest.raises((EvaluationFailed, OutOfBounds)):
        value_of(source, LONG)


@pytest.mark.parametrize(
    "source",
    [
        "response.text.containsAny(response.text.split(' '))",
        "jsonPath(json('[' + response.text.trim().replace(' ', ',') + ']'), '$..*..*..*').size() > 0",
        "request.messages.map(m, 'aaaaaaaaaaaaaaaaaaaaaaaaaaa'.replace('a', m.text)).size() > 0",
        "request.messages.map(m, similarity(m.text, string(m.text.size()) + m.role)).size() > 0 && false",
    ],
)
def test_what_takes_long_ends_in_a_second(source: str) -> None:
    began = time.thread_time()
    with contextlib.suppress(EvaluationFailed, OutOfBounds):
        value_of(source, Facts(request=MANY.request, response=LONG.response), deadline_ms=100)
    assert time.thread_time() - began < 1


def test_regular_expressions_take_time_that_grows_with_the_text() -> None:
    facts = Facts(response=ResponseFacts(text="a" * 20_000 + "b"))
    began = time.thread_time()
    assert not value_of("response.text.matches('^(a+)+$') || response.text.matches('^(a|aa)+$')", facts)
    assert time.thread_time() - began < 1


def test_the_same_text_is_looked_through_once() -> None:
    facts = Facts(response=ResponseFacts(text="5 " * 300), retrieval=retrieved([]))
    # Were it looked through for each of the 300 numbers, this would take 300 times 300 of them.
    assert value_of("numbers(response.text).all(n, n in numbers(response.text))", facts, deadline_ms=1_000)


def test_numbers_lists_and_dates_have_bounds() -> None:
    found = value_of("[size(numbers(response.text)), size(findAll(response.text, '1'))]", LONG)
    assert found == [1_000, 1_000]


@settings(max_examples=150, deadline=None)
@given(source=st.text(max_size=60) | st.text("()[]{}.,:?!-+*/%<>=&|'\"\\ abrx01intmap\n", max_size=60))
def test_whatever_is_written_has_an_answer_or_a_reason(source: str) -> None:
    with contextlib.suppress(ExpressionError, EvaluationFailed, OutOfBounds):
        value_of(source)
