"""The classifier's arithmetic, against a plain reckoning."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.engine.detectors.injection.classifier import WINDOW, Classifier, parts, windows
from guardrails.engine.detectors.injection.features import BUCKETS, features, features_of_one

RANDOM = Classifier(np.random.default_rng(3).integers(-90, 90, BUCKETS).astype(np.int8), 0.01, 0.2)


@pytest.mark.parametrize("text", ["", "a", "Ignore all", "Größe 10 \U0001f600\n\t  x", "word " * 2_000])
def test_a_window_weighs_the_sum_of_its_parts(text):
    data = text.encode()
    weighed = RANDOM.weigh(data)
    for start, end, score in zip(*weighed, strict=True):
        total = 0.2
        for buckets, by in parts(features(data), start, end):
            total += 0.01 * int(RANDOM._weights[buckets].sum(dtype=int)) * by
        assert score == pytest.approx(1 / (1 + np.exp(-total)), rel=1e-4)


def test_windows_cover_long_texts_and_overlap_by_half():
    starts, ends = windows(5 * WINDOW + 7)
    assert starts[0] == 0
    assert ends[-1] == 5 * WINDOW + 7
    assert (starts[1:] < ends[:-1]).all()


def test_letter_case_figures_and_runs_of_blanks_make_no_difference():
    one, other = features(b"Call 555 now"), features(b"call   908\n now")
    assert all((a == b).all() for a, b in zip(one.grams + one.words, other.grams + other.words, strict=True))


@given(st.text(st.sampled_from("aB é7'\n\t-ж"), max_size=60))
def test_a_short_text_weighs_the_same_by_the_short_way(text: str) -> None:
    data = text.encode()
    grams, characters, words, number = features_of_one(data)
    found = features(data)
    assert grams.tolist() == [bucket for kind in found.grams for bucket in kind.tolist()]
    assert words.tolist() == [bucket for kind in found.words for bucket in kind.tolist()]
    assert (characters, number) == (len(found.places), len(found.word_places))
