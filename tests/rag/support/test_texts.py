"""Texts taken apart: figures, names, denials."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.engine.support.features import NAMES, features
from rag.engine.support.lexicon import OPPOSITE, SAME, SIBLINGS, stem
from rag.engine.support.texts import Taken, taken


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("1,200 people", 1200, "person"),
        ("1.200,50 Euro", 1200.5, stem("euro")),
        ("1 200 Menschen", 1200, stem("menschen")),
        ("$3.5 billion", 3.5e9, "$"),
        ("12 %", 12, "%"),
        ("12 percent", 12, "%"),
        ("on 31 March", 31, "month3"),
        ("June 5", 5, "month6"),
        ("42 million euros", 42e6, ""),
        ("twelve months", 12, ""),
        ("5 m of rope", 5, "m"),
        ("-7 degrees", -7, stem("degrees")),
    ],
)
def test_a_figure_is_read_with_what_it_counts(text: str, value: float, unit: str):
    (number,) = taken(text).numbers

    assert (number.value, number.unit) == (value, unit)


def test_names_are_capitalised_words_within_a_sentence():
    assert taken("Yesterday Anna Berg met the board in Oslo.").names == {stem("anna"), stem("berg"), stem("oslo")}
    assert taken("Die Kunden der Bank zahlen Gebühren für Karten und Konten.").names == frozenset()


def test_a_denial_reaches_to_the_end_of_its_clause():
    found = taken("Shipping is not refunded, but goods are replaced.")

    assert found.denials == 1
    assert found.denied == {stem("refunded")}
    assert taken("Ce n'est pas vrai").denials == 1
    assert taken("Das gilt nicht für Karten").denied == {stem("karten")}


@pytest.mark.parametrize(
    "forms",
    [
        ("play", "plays", "playing", "played"),
        ("run", "runs", "running", "ran"),
        ("child", "children"),
        ("city", "cities"),
    ],
)
def test_forms_of_a_word_have_one_stem(forms: tuple[str, ...]):
    assert len({stem(one) for one in forms}) == 1


def test_relations_go_both_ways_and_do_not_cross():
    for pairs in (OPPOSITE, SAME, SIBLINGS):
        assert all((b, a) in pairs for a, b in pairs)
        assert all(a != b for a, b in pairs)
    assert not OPPOSITE & SAME
    assert not SIBLINGS & SAME


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_two_texts_can_be_compared(there: str, said: str):
    row = features(Taken(there), Taken(said))

    assert row.shape == (len(NAMES),)
    assert bool((row == row).all()), "none is missing"
