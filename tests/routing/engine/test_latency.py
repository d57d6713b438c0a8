from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.engine.latency import MINIMUM_SAMPLES, LatencyWindow


def recorded(values: list[float], now: float = 100.0) -> LatencyWindow:
    window = LatencyWindow()
    for value in values:
        window.record(value, now)
    return window


def test_percentiles_are_nearest_ranks():
    window = recorded([float(value) for value in range(1, 101)])
    assert (window.p50(100.0), window.p95(100.0)) == (50.0, 95.0)


def test_few_samples_give_no_percentile():
    window = recorded([1.0] * (MINIMUM_SAMPLES - 1))
    assert window.p95(100.0) is None
    assert window.known


def test_old_samples_are_forgotten():
    window = recorded([1000.0] * 50)
    assert window.p95(500.0) is None


def test_only_the_latest_samples_are_kept():
    window = recorded([1000.0] * 500 + [1.0] * 128)
    assert window.p95(100.0) == 1.0


def test_the_average_jumps_up_and_comes_down_slowly():
    window = recorded([10.0] * 50)
    window.record(500.0, 101.0)
    assert window.average(101.0) == 500.0
    window.record(10.0, 102.0)
    assert 400 < window.average(102.0) < 500


def test_an_idle_target_is_forgiven():
    window = recorded([500.0])
    assert window.average(100.0) == 500.0
    assert window.average(250.0) < 5.0


def test_nothing_known_is_zero():
    assert LatencyWindow().average(5.0) == 0.0
    assert not LatencyWindow().known


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=MINIMUM_SAMPLES, max_size=300))
def test_percentiles_and_average_lie_within_what_was_recorded(values: list[float]):
    window = recorded(values)
    p50, p95 = window.p50(100.0), window.p95(100.0)
    assert p50 is not None
    assert p95 is not None
    kept = values[-128:]
    assert min(kept) <= p50 <= p95 <= max(kept)
    assert window.average(100.0) <= max(values) * (1 + 1e-9)
