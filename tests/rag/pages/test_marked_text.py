"""Texts in pieces."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.pages.marked_text import (
    SHOWN_CHARACTERS,
    from_marks,
    parse_range,
    stretches,
    window,
    without_marks,
)


@dataclass(frozen=True)
class Cut:
    start: int
    end: int
    position: int = 0


TEXT = "Leave is thirty days. Expenses are refunded in two weeks. Keys are replaced at once."
CUTS = [Cut(0, 21, 0), Cut(22, 57, 1), Cut(50, len(TEXT), 2)]


def text_of(found):
    return "".join(piece.text for stretch in found for piece in stretch.pieces)


def marked_of(found):
    return "".join(piece.text for stretch in found for piece in stretch.pieces if piece.marked)


@pytest.mark.parametrize(
    ("written", "read"),
    [("3-7", (3, 7)), ("3-900", (3, 84)), ("7-3", None), ("90-95", None), ("", None), ("a-b", None), ("-3", None)],
)
def test_a_range_lies_within_the_text_or_is_none(written, read):
    assert parse_range(written, len(TEXT)) == read


def test_each_passage_begins_a_stretch_and_no_character_is_lost_or_doubled():
    found = stretches(TEXT, CUTS, (0, len(TEXT)), None)
    assert [one.chunk.position for one in found] == [0, 1, 2]
    assert text_of(found) == TEXT


def test_exactly_the_cited_characters_are_marked_also_across_passages():
    found = stretches(TEXT, CUTS, (0, len(TEXT)), (12, 30))
    assert marked_of(found) == TEXT[12:30]
    assert [piece.first for one in found for piece in one.pieces if piece.marked] == [True, False]


@given(
    st.text(min_size=1, max_size=40),
    st.sets(st.integers(0, 39), max_size=5).map(sorted),
    st.integers(0, 39),
    st.integers(1, 20),
)
def test_whatever_the_cuts_are_the_text_is_whole_and_the_mark_exact(text, starts, begin, length):
    cuts = [Cut(one, one + 1, at) for at, one in enumerate(starts) if one < len(text)]
    marked = parse_range(f"{begin}-{begin + length}", len(text))
    found = stretches(text, cuts, (0, len(text)), marked)
    assert text_of(found) == text
    assert marked_of(found) == (text[marked[0] : marked[1]] if marked else "")


def test_a_text_without_passages_is_one_stretch():
    found = stretches("abc", [], (0, 3), (1, 2))
    assert [(one.chunk, marked_of([one])) for one in found] == [(None, "b")]


def test_a_long_text_is_shown_in_parts_that_follow_each_other():
    starts = list(range(0, 200_000, 5_000))
    begin, end = window(starts, 200_000, 0)
    assert (begin, 0 < end <= SHOWN_CHARACTERS) == (0, True)
    assert window(starts, 200_000, end)[0] == end
    assert window(starts, 200_000, end - 1) == (begin, end)
    last = window(starts, 200_000, 199_999)
    assert last[1] == 200_000


def test_marks_of_the_database_become_pieces_and_those_in_texts_are_taken_out():
    pieces = from_marks("The \ue000leave\ue001 of \ue000staff\ue001.")
    assert [(one.text, one.marked) for one in pieces] == [
        ("The ", False),
        ("leave", True),
        (" of ", False),
        ("staff", True),
        (".", False),
    ]
    assert without_marks("a\ue000b\ue001c") == "abc"
