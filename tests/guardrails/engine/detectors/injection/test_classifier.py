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
        for buckets, by in parts(data, start, end):
            total += 0.01 * int(RANDOM._weights[buckets].sum(dtype=int)) * by
        assert score == pytest.approx(1 / (1 + np.exp(-total)), rel=1e-4)


def test_windows_cover_long_texts_and_overlap_by_half():
    starts, ends = windows(5 * WINDOW + 7)
    assert starts[0] == 0
    assert ends[-1] == 5 * WINDOW + 7
    assert (starts[1:] < ends[:-1]).all()


def test_letter_case_figures_and_runs_of_blanks_make_no_difference():
    one, other = features(b"Call 555 now", ()), features(b"call   908\n now", ())
    assert one.grams.tolist() == other.grams.tolist()
    assert one.words.tolist() == other.words.tolist()


@given(st.text(st.sampled_from("aB é7'\n\t-ж"), max_size=60))
def test_a_short_text_weighs_the_same_by_the_short_way(text: str) -> None:
    data = text.encode()
    grams, characters, words, number = features_of_one(data)
    found = features(data, (len(data),))
    assert grams.tolist() == found.grams.tolist()
    assert words.tolist() == found.words.tolist()
    assert (characters, number) == (found.characters[0], found.words_before[0])


@given(text=st.text(st.sampled_from("aB é7'\n\t-ж"), max_size=60), data=st.data())
def test_what_begins_before_a_place_is_what_the_text_before_it_has(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    places = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=4)))
    found = features(raw, places)
    for place, characters, words in zip(places, found.characters, found.words_before, strict=True):
        _, characters_there, _, words_there = features_of_one(raw[:place])
        assert (characters, words) == (characters_there, words_there)
