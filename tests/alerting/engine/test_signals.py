"""Signals and verdicts, from what was counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.engine.frames import Frame, LatencyRow, Row
from alerting.engine.measuring import series_of
from alerting.engine.series import rolled
from alerting.engine.signals import SIGNALS, Segment
from alerting.engine.verdicts import Threshold, Verdict, by_absence, by_threshold
from events.traffic.histogram import percentiles_ms
from events.traffic.measures import LAST_BUCKET, MEASURES, Kind


def row(minute: int, part: str = "", kind: Kind = Kind.ALL, **sums: int) -> Row:
    return Row(kind.value, part, minute * 60, tuple(float(sums.get(name, 0)) for name in MEASURES))


_ALL = Segment()


def values(frame: Frame, name: str, window: int = 1, segment: Segment = _ALL) -> list[float]:
    return [round(float(value), 6) for value in series_of(frame, SIGNALS[name], segment, window).values]


def test_a_share_is_one_of_all_calls_of_the_window():
    frame = Frame(0, 180, [row(0, requests=10, errors=5), row(2, requests=90, errors=5)])

    assert values(frame, "error_rate", 3) == [0.5, 0.5, 0.1]
    assert np.isnan(series_of(frame, SIGNALS["error_rate"], Segment(), 1).values[1])


def test_a_route_has_its_own():
    frame = Frame(0, 60, [row(0, requests=10), row(0, "chat", Kind.ROUTE, requests=4, errors=2, duration_us=8_000_000)])

    assert values(frame, "error_rate", 1, Segment("route", "chat")) == [0.5]
    assert values(frame, "latency_mean", 1, Segment("route", "chat")) == [2_000]
    assert np.isnan(series_of(frame, SIGNALS["error_rate"], Segment("route", "none"), 1).values[0])


def test_numbers_a_minute_count_minutes_without_calls():
    frame = Frame(0, 120, [row(1, requests=10, cost_nanousd=50)])

    assert values(frame, "requests", 2) == [0, 5]
    assert values(frame, "cost", 1) == [0, 50]


def test_cost_a_call_leaves_calls_out_whose_price_nobody_knows():
    assert values(Frame(0, 60, [row(0, requests=10, price_unknown=5, cost_nanousd=100)]), "cost_per_call") == [20]


def test_refused_requests_are_part_of_all_requests():
    rows = [row(0, requests=30), row(0, "RATE_LIMITED", Kind.REFUSAL, requests=5)]
    rows.append(row(0, "NOT_AUTHENTICATED", Kind.REFUSAL, requests=5))

    assert values(Frame(0, 60, rows), "refusal_rate") == [0.25]


def test_guardrails_are_counted_by_call():
    rows = [row(0, requests=10), row(0, "guardrail.rule.matched", Kind.GUARD, requests=3)]
    rows.append(row(0, "guardrail.call.blocked", Kind.GUARD, requests=1))
    frame = Frame(0, 60, rows)

    assert values(frame, "guardrail_rate") == [0.3]
    assert values(frame, "blocked_rate") == [0.1]


def test_searches_and_answers_are_shares_and_means_of_their_own():
    rows = [row(0, part, Kind.RETRIEVAL, requests=n) for part, n in (("searches", 10), ("empty", 2), ("degraded", 1))]
    rows.append(row(0, "similarity", Kind.RETRIEVAL, requests=8, cost_nanousd=6_000_000_000))
    rows.append(row(0, "risk", Kind.RETRIEVAL, requests=4, cost_nanousd=1_000_000_000))
    rows.append(row(0, "unsupported", Kind.RETRIEVAL, requests=1))
    frame = Frame(0, 60, rows)

    assert values(frame, "retrieval_empty") == [0.2]
    assert values(frame, "retrieval_degraded") == [0.1]
    assert values(frame, "retrieval_similarity") == [0.75]
    assert values(frame, "answer_risk") == [0.25]
    assert values(frame, "unsupported_answers") == [0.25]


@pytest.mark.parametrize("name", SIGNALS)
def test_every_signal_has_a_value_for_every_minute(name: str):
    series = series_of(Frame(0, 600), SIGNALS[name], Segment(), 5)

    assert len(series.values) == len(series.weights) == 10
    assert SIGNALS[name].rate or np.isnan(series.values).all()


@settings(max_examples=50)
@given(st.dictionaries(st.integers(0, LAST_BUCKET), st.integers(1, 50), min_size=1, max_size=12))
def test_percentiles_are_those_of_the_pages(histogram: dict[int, int]):
    frame = Frame(0, 60, [], [LatencyRow(0, bucket, 0, calls) for bucket, calls in histogram.items()])
    wanted = percentiles_ms(histogram, (0.5, 0.95, 0.99))

    for name, value in zip(("latency_p50", "latency_p95", "latency_p99"), wanted, strict=True):
        assert series_of(frame, SIGNALS[name], Segment(), 1).values[0] == pytest.approx(value)


def test_a_rolled_sum_is_of_the_last_steps():
    assert list(rolled(np.array([1.0, 2, 3, 4]), 2)) == [1, 3, 5, 7]


def test_two_limits_leave_room_between_them():
    frame = Frame(0, 300, [row(at, requests=100, errors=errors) for at, errors in enumerate((4, 9, 11, 9, 8))])
    series = series_of(frame, SIGNALS["error_rate"], Segment(), 1)
    found = by_threshold(series, Threshold(True, 0.10, 0.08, 20))

    assert [Verdict(int(one)).name for one in found] == ["CLEAR", "BETWEEN", "BREACH", "BETWEEN", "CLEAR"]


def test_too_few_calls_tell_nothing():
    frame = Frame(0, 60, [row(0, requests=3, errors=3)])
    series = series_of(frame, SIGNALS["error_rate"], Segment(), 1)

    assert by_threshold(series, Threshold(True, 0.1, 0.09, 20))[0] == Verdict.UNKNOWN


def test_below_is_bad_where_the_rule_says_so():
    frame = Frame(0, 180, [row(at, requests=calls) for at, calls in enumerate((50, 30, 55))])
    series = series_of(frame, SIGNALS["requests"], Segment(), 1)
    found = by_threshold(series, Threshold(False, 40, 52))

    assert [Verdict(int(one)).name for one in found] == ["BETWEEN", "BREACH", "CLEAR"]


def test_absence_is_bad_only_where_calls_are_to_be_expected():
    found = by_absence(np.array([0.0, 0, 5, 5, 0, 0, 0, 1]), 2, 5)

    assert [Verdict(int(one)).name for one in found] == [
        *("UNKNOWN", "UNKNOWN", "CLEAR", "CLEAR", "CLEAR", "BREACH", "BREACH", "CLEAR")
    ]
