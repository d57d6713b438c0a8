"""How an objective does: its error budget over the window, and how fast it burns now."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec
import numpy as np

from alerting.engine.burn_rates import STANDARD_ALERTS, BurnRateState, ErrorBudget, error_budget, evaluate
from alerting.engine.series import Floats
from alerting.objectives import SLO
from alerting.readings import MINUTE_S, read_objective
from console import formats
from events.traffic.grains import Grain
from events.traffic.minutes import GoodCalls

FINE_S: Final = 6 * 3600
"""Minutes are read so far back, quarters of an hour before them."""
LONGEST_S: Final = max(alert.long_window_s for alert in STANDARD_ALERTS)
DAY_S: Final = 86_400


class BurnSeries(msgspec.Struct, frozen=True):
    """Good and all calls minute by minute; older ones stand in the first minute of their quarter of an hour."""

    start_s: int
    good: Floats
    total: Floats

    def states(self, slo: SLO, minute_s: int, min_total: float) -> list[BurnRateState]:
        """Of the standard alerts, as of the end of a minute."""
        place = (minute_s - self.start_s) // MINUTE_S + 1
        # No window reaches further back: a long series would else be summed up anew for each minute.
        seen = slice(max(0, place - LONGEST_S // MINUTE_S), place)
        return evaluate(self.good[seen], self.total[seen], slo.objective, min_total=min_total)


def read_burn(slo: SLO, scope: str, end_s: int) -> BurnSeries:
    """As far back as the longest window."""
    fine_s = (end_s - FINE_S) // Grain.QUARTER.width_s * Grain.QUARTER.width_s
    start_s = (fine_s - LONGEST_S) // Grain.QUARTER.width_s * Grain.QUARTER.width_s
    rows = read_objective(slo, scope, start_s, fine_s, Grain.QUARTER)
    rows += read_objective(slo, scope, fine_s, end_s, Grain.MINUTE)
    minutes = (end_s - start_s) // MINUTE_S
    good, total = np.full(minutes, np.nan), np.full(minutes, np.nan)
    for row in rows:
        place = (row.start_s - start_s) // MINUTE_S
        good[place], total[place] = row.good, row.total
    return BurnSeries(start_s, good, total)


class BudgetPoint(msgspec.Struct, frozen=True):
    """The budget that was left at the end of a step; None before any call."""

    at_s: int
    left: float | None
    share: float | None
    """Of good calls in the step."""


class BudgetCourse(msgspec.Struct, frozen=True):
    """The window of an objective until now."""

    good: float
    total: float
    budget: ErrorBudget
    points: list[BudgetPoint]

    @property
    def share(self) -> float | None:
        """Of good calls in the window; None without calls."""
        return self.good / self.total if self.total else None

    @property
    def left_width(self) -> float:
        """Of a bar, in percent."""
        return round(min(1.0, max(0.0, self.left or 0.0)) * 100, 2)

    @property
    def left(self) -> float | None:
        """Of the budget, 1 to below 0; None without calls."""
        return None if math.isnan(self.budget.left) else self.budget.left


def budget_course(slo: SLO, scope: str, end_s: int, *, step_s: int = 6 * 3600) -> BudgetCourse:
    """What is left of the budget, step by step. The budget is that of all calls of the window up to now."""
    start_s = (end_s - slo.window_days * DAY_S) // Grain.QUARTER.width_s * Grain.QUARTER.width_s
    rows = read_objective(slo, scope, start_s, end_s, Grain.QUARTER)
    good, total = sum(row.good for row in rows), sum(row.total for row in rows)
    budget = error_budget(good, total, slo.objective, period_s=slo.window_days * DAY_S)
    return BudgetCourse(good, total, budget, _points(rows, budget.allowed, start_s, end_s, step_s))


def _points(rows: list[GoodCalls], allowed: float, start_s: int, end_s: int, step_s: int) -> list[BudgetPoint]:
    steps: dict[int, list[float]] = {}
    for row in rows:
        sums = steps.setdefault((row.start_s - start_s) // step_s, [0.0, 0.0])
        sums[0] += row.good
        sums[1] += row.total
    spent, seen, found = 0.0, False, []
    for place in range(-(-(end_s - start_s) // step_s)):
        good, total = steps.get(place, (0.0, 0.0))
        spent += total - good
        seen = seen or total > 0
        left = 1 - spent / allowed if seen and allowed > 0 else None
        found.append(BudgetPoint(start_s + place * step_s, left, good / total if total else None))
    return found


def words_of(state: BurnRateState) -> dict[str, Any]:
    """One standard alert for pages and the API; rates None where nothing came."""
    long, short = (formats.duration(s * 1000) for s in (state.alert.long_window_s, state.alert.short_window_s))
    return {
        "windows": f"{long}, {short}",
        "long_window_s": state.alert.long_window_s,
        "short_window_s": state.alert.short_window_s,
        "limit": state.alert.burn_rate,
        "severity": state.alert.severity,
        "long_rate": None if math.isnan(state.long_rate) else state.long_rate,
        "short_rate": None if math.isnan(state.short_rate) else state.short_rate,
        "firing": state.firing,
    }
