"""What is understood of models' answers for rewriting and reranking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.engine.asking_models import (
    MARKED,
    SHOWN,
    NotUnderstood,
    marks_of,
    queries_of,
    rerank_question,
    rewrite_question,
)


def test_a_question_in_a_conversation_is_replaced_by_one_that_stands_by_itself():
    said = 'Sure: {"question": " How is it in Germany? ", "others": ["Germany rules", 5, ""]}'
    assert queries_of(said, "and in Germany?", alone=False) == ("How is it in Germany?", "Germany rules")


def test_a_question_that_stands_alone_stays_the_first():
    said = '{"question": "better words", "others": ["a", "b", "c"]}'
    assert queries_of(said, "words", alone=True) == ("words", "better words", "a")


def test_the_same_question_twice_is_searched_once():
    assert queries_of('{"question": "q", "others": ["q"]}', "q", alone=True) == ("q",)


@pytest.mark.parametrize("said", ["", "no", "{}", '{"question": ""}', '{"question": "q", "others": "x"}', "{]}"])
def test_anything_else_is_not_understood(said):
    with pytest.raises(NotUnderstood):
        queries_of(said, "q", alone=True)


def test_marks_are_between_nothing_and_one():
    assert marks_of('{"marks": [0, 5, 12]}', 3) == [0.0, 0.5, 1.0]


@given(st.text(max_size=100))
def test_no_answer_breaks_the_search(said):
    for read in (lambda: marks_of(said, 2), lambda: queries_of(said, "q", alone=False)):
        try:
            assert read()
        except NotUnderstood:
            continue


def test_a_model_is_shown_a_bounded_part():
    assert len(rerank_question("q", ["x" * 10_000] * 50)) < MARKED * (SHOWN + 100)
    history = [("user", "u" * 10_000)] * 50
    assert len(rewrite_question("q", history)) < 6 * 700
