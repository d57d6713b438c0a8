"""What a question's words are, and which of them choose the chunks that are scored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.engine.wording import MAX_LEXEMES, candidates, idf, rarest, wording_of


@pytest.mark.parametrize(
    ("text", "phrases", "without"),
    [
        ("plain words", (), ()),
        ('the "annual leave" of staff', ("annual leave",), ()),
        ("leave -sick", (), ("sick",)),
        ("-sick leave", (), ("sick",)),
        ("well-known 5-10 -7 a - b", (), ()),
        ('one "word" only', (), ()),
        ('"' + "long " * 9 + '"', (), ()),
        ('an open "quotation', (), ()),
    ],
)
def test_operators_are_told_from_ordinary_text(text, phrases, without):
    found = wording_of(text)
    assert (found.phrases, found.without) == (phrases, without)
    assert found.has_operators == bool(phrases or without)


def test_words_left_out_are_not_searched_by():
    assert "sick" not in wording_of("leave -sick").words


def test_nothing_but_words_left_out_is_a_question_like_any_other():
    assert wording_of("-sick").words == "-sick"
    assert not wording_of("-sick").has_operators


@given(st.text(max_size=300))
def test_any_text_can_be_read(text):
    assert "\x00" not in wording_of(text).words


def test_rare_words_tell_more_and_none_tells_less_than_nothing():
    assert idf(1, 1_000) > idf(10, 1_000) > idf(999, 1_000) > 0
    assert idf(5, 3) > 0, "counts may run ahead of each other"


def test_single_words_are_taken_while_they_fit():
    assert candidates({"rare": 5, "some": 90, "many": 500}, 1_000, 100) == [("rare",), ("some",)]


def test_common_words_are_only_looked_for_together():
    sets = candidates({"one": 50_000, "two": 60_000, "three": 70_000}, 1_000_000, 10_000)
    assert sets == [("one", "two")]
    assert all(len(one) > 1 for one in sets)


def test_words_that_stand_everywhere_are_all_demanded_at_once():
    assert candidates({"a": 900, "b": 950, "c": 990, "d": 999}, 1_000, 10) == [("a", "b", "c")]


def test_words_that_are_nowhere_choose_nothing():
    assert candidates({"nowhere": 0}, 100, 10) == [] == candidates({}, 100, 10)


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.integers(0, 10_000), max_size=80), st.integers(1, 5_000))
def test_singles_never_exceed_the_budget(counts, budget):
    sets = candidates(counts, 10_000, budget)
    singles = [one[0] for one in sets if len(one) == 1]
    if len(rarest(counts)) > 1:
        assert sum(counts[one] for one in singles) <= budget
    assert len(rarest(counts)) <= MAX_LEXEMES
    assert bool(sets) == any(counts.values())
