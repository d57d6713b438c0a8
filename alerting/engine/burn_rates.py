"""How fast an error budget burns, and whether that is worth waking somebody: several windows, several rates.

After "The Site Reliability Workbook" (Beyer et al., 2018), chapter 5, sixth approach: an alert fires while the budget
burns faster than its rate over a long window (it matters) *and* over a short one (it still goes on). Where few events
come, one failure is a high rate: an alert asks for a least number of events and of bad ones in its long window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]

HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S
MONTH_S: Final = 30 * DAY_S
"""The period of an objective that the workbook's rates are made for."""


class BurnRateAlert(msgspec.Struct, frozen=True):
    """Fires while both windows burn at ``burn_rate`` or faster; 1 would use up the budget exactly by its period's end.

    ``severity`` is ``page`` or ``ticket``.
    """

    long_window_s: int
    short_window_s: int
    burn_rate: float
    severity: str


STANDARD_ALERTS: Final = (
    BurnRateAlert(HOUR_S, 5 * 60, 14.4, "page"),
    BurnRateAlert(6 * HOUR_S, 30 * 60, 6.0, "page"),
    BurnRateAlert(DAY_S, 2 * HOUR_S, 3.0, "ticket"),
    BurnRateAlert(3 * DAY_S, 6 * HOUR_S, 1.0, "ticket"),
)
"""The workbook's table 5-8 with the fourth pair that its text gives, for an objective over 30 days."""


class BurnRateState(msgspec.Struct, frozen=True):
    """What one alert saw at the end of the series; rates are nan where nothing came."""

    alert: BurnRateAlert
    firing: bool
    long_rate: float
    short_rate: float
    total: float
    """Events in the long window."""
    bad: float
    """Those that broke the objective."""
    too_few: bool
    """Both windows burn fast enough, but on fewer events than asked for."""


class ErrorBudget(msgspec.Struct, frozen=True):
    """What an objective leaves for failure over its period, and how much of it is gone."""

    allowed: float
    """Bad events that the objective lets pass, at the number of events that came."""
    spent: float
    left: float
    """Share of the budget, 1 to below 0: what is overspent is negative; nan where nothing came."""
    exhausted_in_s: float
    """At the burn rate that was handed in; 0: used up already; inf: does not shrink."""


def burn_rate(good: float, total: float, objective: float) -> float:
    """The share of bad events over the share that the objective allows; nan where nothing came.

    Raises:
        ValueError: the objective is not between 0 and 1.
    """
    allowed = _allowed(objective)
    if not total > 0:
        return math.nan
    return max(0.0, total - good) / total / allowed


def evaluate(
    good: Floats,
    total: Floats,
    objective: float,
    alerts: Sequence[BurnRateAlert] = STANDARD_ALERTS,
    *,
    step_s: int = 60,
    min_total: float = 0,
    min_bad: float = 1,
) -> list[BurnRateState]:
    """The state of each alert at the end of two series, the newest value last, nan where there is no data.

    A series shorter than a window is all there is to know of it: what came before counts as nothing. ``min_total`` and
    ``min_bad`` are asked for in the long window.

    Raises:
        ValueError: the objective is not between 0 and 1, or the series differ in length.
    """
    _allowed(objective)
    if good.shape != total.shape:
        raise ValueError("Good events and all events need series of equal length.")
    good_sums, total_sums = _sums(good), _sums(total)

    def within(window_s: int) -> tuple[float, float]:
        steps = min(len(good), max(1, round(window_s / step_s)))
        start = len(good) - steps
        return float(good_sums[-1] - good_sums[start]), float(total_sums[-1] - total_sums[start])

    return [
        _state(alert, within(alert.long_window_s), within(alert.short_window_s), objective, (min_total, min_bad))
        for alert in alerts
    ]


def error_budget(
    good: float, total: float, objective: float, *, period_s: float = MONTH_S, rate: float | None = None
) -> ErrorBudget:
    """The budget after ``good`` of ``total`` events of the period so far.

    ``rate`` is how fast it burns now; without it the whole period's rate counts.

    Raises:
        ValueError: the objective is not between 0 and 1.
    """
    allowed = _allowed(objective) * max(total, 0.0)
    spent = max(0.0, total - good)
    left = 1 - spent / allowed if allowed > 0 else math.nan
    rate = burn_rate(good, total, objective) if rate is None else rate
    return ErrorBudget(allowed=allowed, spent=spent, left=left, exhausted_in_s=_exhausted_in(left, rate, period_s))


def budget_spent(alert: BurnRateAlert, *, period_s: float = MONTH_S) -> float:
    """Share of the period's budget that is gone when the alert first fires after a steady burn at its rate."""
    return alert.burn_rate * alert.long_window_s / period_s


def detection_time_s(alert: BurnRateAlert, error_rate: float, objective: float) -> float:
    """Seconds until the alert fires, from the start of a steady share of errors after none; inf where it never does."""
    needed = alert.burn_rate * _allowed(objective)
    return alert.long_window_s * needed / error_rate if error_rate > needed else math.inf


def _state(
    alert: BurnRateAlert,
    in_long: tuple[float, float],
    in_short: tuple[float, float],
    objective: float,
    least: tuple[float, float],
) -> BurnRateState:
    long_rate, short_rate = burn_rate(*in_long, objective), burn_rate(*in_short, objective)
    good, total = in_long
    bad = max(0.0, total - good)
    # Shares of floats: a burn at exactly the rate must not be missed by the last bit.
    threshold = alert.burn_rate * (1 - 1e-9)
    fast = long_rate >= threshold and short_rate >= threshold
    enough = total >= least[0] and bad >= least[1]
    return BurnRateState(
        alert=alert,
        firing=fast and enough,
        long_rate=long_rate,
        short_rate=short_rate,
        total=total,
        bad=bad,
        too_few=fast and not enough,
    )


def _exhausted_in(left: float, rate: float, period_s: float) -> float:
    if left <= 0:
        return 0.0
    if not rate > 0 or math.isnan(left):
        return math.inf
    return left * period_s / rate


def _sums(values: Floats) -> Floats:
    return np.concatenate(([0.0], np.cumsum(np.nan_to_num(values, nan=0.0))))


def _allowed(objective: float) -> float:
    if not 0 < objective < 1:
        raise ValueError("An objective is a share between 0 and 1, without either.")
    return 1 - objective
