import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from evaluation.engine.statistics import cohens_kappa, krippendorff_alpha

PUBLISHED = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
"""Four observers and twelve units: Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), example C."""


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_kappa_is_scikit_learns(weights: str) -> None:
    chance = np.random.default_rng(1)
    first = chance.integers(0, 5, 300)
    second = np.where(chance.random(300) < 0.6, first, chance.integers(0, 5, 300))
    ours = cohens_kappa(first.tolist(), second.tolist(), weights=weights)
    assert ours == pytest.approx(cohen_kappa_score(first, second, weights=None if weights == "none" else weights))


def test_kappa_of_the_textbooks_grant_proposals() -> None:
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: 0.7 agreed, 0.5 by chance.
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohens_kappa(first, second) == pytest.approx(0.4)


def test_kappa_of_one_label_only_is_not_known() -> None:
    assert math.isnan(cohens_kappa(["pass"] * 5, ["pass"] * 5))
    assert math.isnan(cohens_kappa([], []))


@pytest.mark.parametrize(
    ("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_of_the_published_example(level: str, alpha: float) -> None:
    assert krippendorff_alpha(PUBLISHED, level=level) == pytest.approx(alpha, abs=0.0005)


def test_alpha_is_one_where_all_agree_and_below_zero_where_they_disagree_by_design() -> None:
    assert krippendorff_alpha([[1, 2, 3], [1, 2, 3]]) == 1
    assert krippendorff_alpha([["a", "b"], ["b", "a"]]) < 0


def test_items_with_one_rating_do_not_count() -> None:
    assert krippendorff_alpha([[1, 2, 3, None], [1, 2, 3, 9]]) == 1


def test_alpha_is_not_known_where_there_is_nothing_to_tell_apart() -> None:
    assert math.isnan(krippendorff_alpha([[1, 1], [1, 1]]))
    assert math.isnan(krippendorff_alpha([[1, None], [None, 2]]))
    assert math.isnan(krippendorff_alpha([]))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="every item"):
        krippendorff_alpha([[1, 2], [1]])
    with pytest.raises(ValueError, match="level"):
        krippendorff_alpha([[1], [1]], level="logarithmic")
    with pytest.raises(ValueError, match="same items"):
        cohens_kappa([1], [1, 2])
    with pytest.raises(ValueError, match="Weights"):
        cohens_kappa([1], [1], weights="cubic")
