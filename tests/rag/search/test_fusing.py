"""Rankings fused, repetitions left out, and likeness weighed against score."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag.engine.fusing import Ranking, diverse, fused, without_repetitions
from rag.engine.likeness import likeness_of_texts, likeness_of_vectors
from rag.engine.proximity import closeness

RANKINGS = st.lists(
    st.builds(
        Ranking, st.lists(st.integers(1, 30), unique=True, max_size=20).map(tuple), st.sampled_from([0.5, 0.7, 1.0])
    ),
    max_size=5,
)


def test_what_is_first_everywhere_has_one():
    assert fused([Ranking((7, 8)), Ranking((7, 9))])[7] == 1.0


def test_two_middling_ranks_beat_one_good_one():
    assert next(iter(fused([Ranking((1, 2)), Ranking((3, 2))]))) == 2


def test_a_ranking_that_counts_less_decides_less():
    assert next(iter(fused([Ranking((1,)), Ranking((2,), 0.7)]))) == 1


def test_a_search_that_found_nothing_does_not_lower_what_the_other_found():
    assert fused([Ranking((5,)), Ranking(())]) == {5: 1.0}
    assert fused([]) == {}


@given(RANKINGS)
def test_scores_are_sorted_shares_of_the_best_possible(rankings):
    scores = list(fused(rankings).values())
    assert all(0 < one <= 1 + 1e-9 for one in scores)
    assert scores == sorted(scores, reverse=True)


@given(RANKINGS, st.integers(1, 100))
def test_everything_that_was_found_is_kept_once(rankings, k):
    assert set(fused(rankings, k)) == {key for one in rankings for key in one.keys}


def test_the_first_of_each_text_stays():
    texts = {1: "a", 2: "b", 3: "a"}
    assert without_repetitions([2, 3, 1], texts.__getitem__) == [2, 3]


def test_without_diversity_scores_decide():
    assert diverse({1: 0.9, 2: 0.8, 3: 0.1}, lambda _, __: 1.0, diversity=0.0, most=2) == [1, 2]


def test_what_is_like_the_first_comes_after_what_is_not():
    alike = likeness_of_vectors({1: [1, 0], 2: [1, 0], 3: [0, 1]})
    assert diverse({1: 0.9, 2: 0.8, 3: 0.5}, alike, diversity=0.5, most=3) == [1, 3, 2]


def test_vectors_of_different_models_are_not_compared():
    assert likeness_of_vectors({1: [1.0], 2: [1.0, 0.0]})(1, 2) == 0.0


def test_texts_are_alike_by_the_words_that_they_share():
    alike = likeness_of_texts({1: "the red car", 2: "The car, red", 3: "a blue boat", 4: ""})
    assert (alike(1, 2), alike(1, 3), alike(4, 4)) == (1.0, 0.0, 0.0)


def test_words_that_stand_together_in_the_question_are_near_in_the_passage():
    texts = {
        1: "refund of travel expenses within a week",
        2: "travel is fun. " + "word " * 30 + "expenses",
        3: "nothing of it",
    }
    near = closeness("travel expenses", texts)
    assert near[1] > near[2] == near[3] == 0.0


def test_closeness_is_a_share_and_zero_for_a_single_word():
    assert closeness("travel", {1: "travel"}) == {1: 0.0}
    assert all(0 <= one <= 1 for one in closeness("a b c d", {1: "a b c d", 2: "d c", 3: "x"}).values())
