"""Hand-computed cases, most of them the figures of "The Site Reliability Workbook", chapter 5."""

import math

import numpy as np
import pytest

from alerting.engine.burn_rates import (
    DAY_S,
    HOUR_S,
    MONTH_S,
    STANDARD_ALERTS,
    BurnRateAlert,
    budget_spent,
    burn_rate,
    detection_time_s,
    error_budget,
    evaluate,
)

OBJECTIVE = 0.999
FAST, SLOW, DAY, DAYS = STANDARD_ALERTS


def minutes(*spans: tuple[int, float], per_minute: float = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Good and all events by the minute, from (minutes, share of errors)."""
    total = np.full(sum(length for length, _ in spans), per_minute, dtype=float)
    bad = np.concatenate([np.full(length, share) for length, share in spans]) * total
    return total - bad, total


def firing(*spans: tuple[int, float]) -> list[bool]:
    return [state.firing for state in evaluate(*minutes(*spans), OBJECTIVE)]


@pytest.mark.parametrize(
    ("errors", "rate", "exhausted_in"),
    [(0.001, 1, 30 * DAY_S), (0.002, 2, 15 * DAY_S), (0.01, 10, 3 * DAY_S), (1.0, 1000, 43.2 * 60)],
)
def test_burn_rates_and_times_to_exhaustion_are_the_workbooks(errors: float, rate: float, exhausted_in: float) -> None:
    assert burn_rate(1_000_000 * (1 - errors), 1_000_000, OBJECTIVE) == pytest.approx(rate)
    assert error_budget(1000, 1000, OBJECTIVE, rate=rate).exhausted_in_s == pytest.approx(exhausted_in)


@pytest.mark.parametrize(("alert", "share"), [(FAST, 0.02), (SLOW, 0.05), (DAY, 0.10), (DAYS, 0.10)])
def test_each_standard_alert_tells_of_the_workbooks_share_of_the_budget(alert: BurnRateAlert, share: float) -> None:
    assert budget_spent(alert) == pytest.approx(share)


def test_five_percent_of_the_budget_in_an_hour_is_a_rate_of_36() -> None:
    assert budget_spent(BurnRateAlert(HOUR_S, 300, 36, "page")) == pytest.approx(0.05)


@pytest.mark.parametrize(("window_s", "seconds"), [(600, 0.6), (36 * HOUR_S, 129.6)])
def test_a_full_outage_is_detected_after_the_workbooks_time(window_s: int, seconds: float) -> None:
    assert detection_time_s(BurnRateAlert(window_s, window_s, 1, "page"), 1.0, OBJECTIVE) == pytest.approx(seconds)


def test_what_burns_slower_than_the_alert_is_never_detected() -> None:
    assert detection_time_s(FAST, 0.0144, OBJECTIVE) == math.inf


def test_one_failure_among_ten_requests_an_hour_burns_a_hundred_times_and_spends_an_eighth() -> None:
    assert burn_rate(9, 10, OBJECTIVE) == pytest.approx(100)
    assert error_budget(7199, 7200, OBJECTIVE).left == pytest.approx(1 - 1 / 7.2)


def test_one_failure_among_few_does_not_fire_where_a_least_number_is_asked_for() -> None:
    good, total = minutes((59, 0.0), (1, 1.0), per_minute=1)
    assert evaluate(good, total, OBJECTIVE)[0].firing
    for state in (evaluate(good, total, OBJECTIVE, min_total=100)[0], evaluate(good, total, OBJECTIVE, min_bad=2)[0]):
        assert not state.firing
        assert state.too_few


def test_a_full_outage_pages_within_a_minute() -> None:
    # 14.4 × 0.1 % of an hour is 51.84 s.
    assert firing((3 * 24 * 60, 0), (1, 1.0)) == [True, False, False, False]
    assert detection_time_s(FAST, 1.0, OBJECTIVE) == pytest.approx(51.84)


def test_an_error_share_of_two_percent_pages_after_three_quarters_of_an_hour() -> None:
    # 14.4 × 0.1 % / 2 % of an hour is 43.2 minutes.
    assert not firing((6 * 60, 0), (43, 0.02))[0]
    assert firing((6 * 60, 0), (44, 0.02))[0]


def test_a_burn_at_exactly_the_rate_fires() -> None:
    assert firing((60, 0.0144))[0]
    assert not firing((60, 0.0143))[0]


def test_a_page_ends_minutes_after_the_errors_do_though_the_hour_is_still_bad() -> None:
    outage = ((60, 0), (10, 1.0))
    assert firing(*outage)[0]
    good, total = minutes(*outage, (5, 0))
    fast = evaluate(good, total, OBJECTIVE)[0]
    assert not fast.firing
    assert fast.long_rate == pytest.approx(10 / 60 / 0.001)
    assert fast.short_rate == 0


def test_a_slow_burn_becomes_a_ticket_and_no_page() -> None:
    # 0.15 % of errors for three days: 1.5 times the budget.
    assert firing((3 * 24 * 60, 0.0015)) == [False, False, False, True]


def test_errors_for_six_hours_at_seven_times_page_by_the_second_pair_only() -> None:
    assert firing((66 * 60, 0), (6 * 60, 0.007))[:2] == [False, True]


def test_minutes_without_data_count_as_nothing() -> None:
    good, total = minutes((60, 0.02))
    total[10:50] = good[10:50] = np.nan
    state = evaluate(good, total, OBJECTIVE)[0]
    assert state.firing
    assert state.total == 20_000
    assert state.bad == pytest.approx(400)


def test_nothing_fires_where_nothing_came_lately() -> None:
    good, total = minutes((55, 1.0), (5, 0))
    total[-5:] = good[-5:] = np.nan
    state = evaluate(good, total, OBJECTIVE)[0]
    assert not state.firing
    assert math.isnan(state.short_rate)


def test_nothing_fires_on_an_empty_series() -> None:
    empty = np.array([])
    assert not any(state.firing for state in evaluate(empty, empty, OBJECTIVE))


def test_steps_other_than_a_minute_are_windows_of_the_same_length() -> None:
    good, total = minutes((288, 0.02))
    state = evaluate(good, total, OBJECTIVE, step_s=300)[0]
    assert state.total == 12 * 1000


def test_a_budget_that_is_overspent_is_negative_and_used_up_now() -> None:
    budget = error_budget(9970, 10_000, OBJECTIVE)
    assert budget.allowed == pytest.approx(10)
    assert budget.spent == 30
    assert budget.left == pytest.approx(-2)
    assert budget.exhausted_in_s == 0


def test_half_a_budget_at_its_own_rate_lasts_half_the_period_per_rate() -> None:
    # Half the errors allowed have come: burn rate 0.5, half left, so as long as the period.
    budget = error_budget(9995, 10_000, OBJECTIVE, period_s=7 * DAY_S)
    assert budget.left == pytest.approx(0.5)
    assert budget.exhausted_in_s == pytest.approx(7 * DAY_S)
    assert error_budget(9995, 10_000, OBJECTIVE, rate=10).exhausted_in_s == pytest.approx(0.05 * MONTH_S)


def test_without_errors_or_events_a_budget_never_ends() -> None:
    assert error_budget(10, 10, OBJECTIVE).exhausted_in_s == math.inf
    assert error_budget(0, 0, OBJECTIVE).exhausted_in_s == math.inf
    assert math.isnan(error_budget(0, 0, OBJECTIVE).left)


@pytest.mark.parametrize("objective", [0, 1, 99.9])
def test_an_objective_that_is_no_share_is_refused(objective: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        burn_rate(1, 1, objective)
