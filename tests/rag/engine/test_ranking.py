"""Measures of rankings."""

from __future__ import annotations

import pytest

from rag.engine.judged import FoundPassage, mean, measured
from rag.engine.ranking import each_once, ndcg, recall, reciprocal_rank


def test_everything_relevant_first_is_a_perfect_ranking():
    assert ndcg(["a", "b", "c"], {"a", "b"}) == 1.0
    assert recall(["a", "b", "c"], {"a", "b"}, 2) == 1.0
    assert reciprocal_rank(["a", "b"], {"a"}) == 1.0


def test_what_stands_further_down_counts_less():
    assert ndcg(["x", "a"], {"a"}) == pytest.approx(1 / 1.584962500721156)
    assert reciprocal_rank(["x", "y", "a"], {"a"}) == pytest.approx(1 / 3)


def test_grades_count_for_more_the_higher_they_are():
    grades = {"a": 3.0, "b": 1.0, "c": 0.0, "d": -1.0}
    assert ndcg(["a", "b", "x"], grades) == 1.0
    assert ndcg(["b", "a"], grades) == pytest.approx((1 + 7 / 1.584962500721156) / (7 + 1 / 1.584962500721156))
    assert ndcg(["c", "d"], grades) == 0.0
    assert ndcg(["c"], {"c": 0.0}) == 0.0


def test_what_lies_beyond_the_depth_does_not_count():
    ranked = [f"x{number}" for number in range(10)] + ["a"]
    assert ndcg(ranked, {"a"}) == 0.0
    assert recall(ranked, {"a"}, 10) == 0.0
    assert recall(ranked, {"a"}, 11) == 1.0


def test_nothing_relevant_and_nothing_found_is_zero():
    assert (ndcg([], {"a"}), recall([], {"a"}, 5), reciprocal_rank([], {"a"})) == (0.0, 0.0, 0.0)
    assert (ndcg(["a"], set()), recall(["a"], set(), 5)) == (0.0, 0.0)


def test_several_passages_of_one_document_are_one_place_of_the_ranking():
    assert each_once(["b", "a", "b", "c", "a"]) == ["b", "a", "c"]


def test_a_document_that_is_expected_by_name_is_found_by_its_id():
    found = [FoundPassage("1", "something"), FoundPassage("2", "else")]
    one = measured(found, ["leave.md"], {"leave.md": "2"}, depth=10)
    assert (one.recall, one.reciprocal_rank) == (1.0, 0.5)


def test_a_passage_that_is_expected_by_its_words_is_found_however_it_was_cut():
    found = [FoundPassage("1", "Nothing of that."), FoundPassage("2", "Staff have thirty days of leave each year.")]
    one = measured(found, ["Staff have thirty days of leave"], {}, depth=10)
    assert (one.recall, one.reciprocal_rank) == (1.0, 0.5)


def test_a_part_of_an_expected_passage_is_found_as_it():
    found = [FoundPassage("1", "thirty days of leave")]
    assert measured(found, ["Staff have thirty days of leave each year, or more."], {}, depth=5).recall == 1.0


def test_other_words_are_another_passage():
    found = [FoundPassage("1", "Expenses are refunded within two weeks of the receipt.")]
    assert measured(found, ["Staff have thirty days of leave each year."], {}, depth=5).recall == 0.0


def test_means_are_over_questions():
    found = [FoundPassage("1", "a")]
    right, wrong = (measured(found, [name], {name: name}, depth=5) for name in ("1", "2"))
    assert mean([right, wrong]).recall == 0.5
    assert mean([]).ndcg == 0.0
