import numpy as np
import pytest

from evaluation.engine.drift import changes


def test_changes_of_the_level_are_found_where_they_are() -> None:
    chance = np.random.default_rng(1)
    values = np.concatenate([chance.normal(level, 1, 120) for level in (10, 13, 9)])
    found = changes(values)
    assert [change.at for change in found] == pytest.approx([120, 240], abs=2)
    assert found[0].before == pytest.approx(10, abs=0.4)
    assert found[0].after == pytest.approx(13, abs=0.4)
    assert found[0].size == pytest.approx(3, abs=0.8)


def test_noise_and_spikes_are_no_change() -> None:
    found = 0
    for seed in range(30):
        values = np.random.default_rng(seed).normal(0, 1, 300)
        values[150] = 40
        found += bool(changes(values))
    assert found <= 2


def test_gaps_keep_the_places_of_changes() -> None:
    values = np.concatenate((np.random.default_rng(2).normal(0, 1, 200), np.random.default_rng(3).normal(5, 1, 200)))
    values[50:150] = np.nan
    assert [change.at for change in changes(values)] == pytest.approx([200], abs=2)


def test_a_long_series_is_looked_at_in_means() -> None:
    chance = np.random.default_rng(1)
    values = np.concatenate((chance.normal(0, 1, 6007), chance.normal(2, 1, 4000)))
    assert [change.at for change in changes(values)] == pytest.approx([6007], abs=12)


def test_a_series_without_noise_or_with_too_few_steps() -> None:
    assert changes(np.full(100, 4.2)) == []
    assert changes(np.arange(5.0)) == []
    assert [change.at for change in changes(np.repeat([1.0, 2.0], 50))] == [50]
