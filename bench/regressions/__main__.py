"""``python -m bench.regressions``: 20 days with a planted regression each and 20 quiet ones, alerted by the minute.

The rules are burn rates of availability (99 %) and of latency (95 % within 2 s) at the standard windows' pages, and
the seasonal detector over each signal, in three of five minutes. Two weeks come first, in which nothing is counted.
An alert within a regression, or ten minutes after it, is true; of one signal those within an hour are one.
"""

from __future__ import annotations

import argparse

import numpy as np

from alerting.engine.anomalies import SeasonalAnomalies
from alerting.engine.burn_rates import STANDARD_ALERTS, evaluate
from bench.regressions.traffic import DAY, SIZES, Floats, Planted, Traffic, planted_days, traffic

WARM_DAYS = 14
DAYS = WARM_DAYS + 20 + 20
TOLERANCES = {"errors": 0.02, "refusals": 0.03, "latency": 0.1, "cost": 0.2, "quality": 0.05, "embedding": 0.1}
"""A deviation that nobody minds, in the signal's unit."""
OBJECTIVES = {"availability": 0.99, "latency": 0.95}
PAGES = tuple(alert for alert in STANDARD_ALERTS if alert.severity == "page")
LOOKED_BACK = 6 * 60
HELD = 60
IN_MINUTES, OF_MINUTES = 3, 5
"""One minute of few calls may be anything: so many minutes of the last so many have to be beyond the threshold."""
PATIENCE_S = 6 * 3600
AFTER = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threshold", type=float, default=0.6, help="score at which the detector alerts")
    given = parser.parse_args()
    found: list[tuple[Planted, float | None]] = []
    false_in_planted = false_in_quiet = 0
    for seed in given.seeds:
        chance = np.random.default_rng(seed)
        planted = planted_days(WARM_DAYS, chance)
        replayed = traffic(DAYS, planted, chance)
        alerts = alerted(replayed, given.threshold)
        found += [(each, delay(each, alerts)) for each in planted]
        false = [at for at in alerts if not any(of(each, at) for each in planted)]
        quiet = sum(at >= (WARM_DAYS + 20) * DAY for at in false)
        false_in_quiet += quiet
        false_in_planted += len(false) - quiet
    report(found, false_in_planted, false_in_quiet, len(given.seeds))


def report(found: list[tuple[Planted, float | None]], in_planted: int, in_quiet: int, runs: int) -> None:
    print(f"{'size':8} {'planted':>7} {'found':>6} {'recall':>7} {'in 5 min':>9} {'median delay':>13}")
    for size in SIZES:
        delays = [late for each, late in found if each.size == size]
        seen = [late for late in delays if late is not None]
        soon = sum(late <= 5 for late in seen)
        middle = f"{np.median(seen):.0f} min" if seen else "-"
        print(f"{size:8} {len(delays):7} {len(seen):6} {len(seen) / len(delays):7.0%} {soon:9} {middle:>13}")
    hits = sum(late is not None for _, late in found)
    false = in_planted + in_quiet
    print(f"precision {hits / max(1, hits + false):.0%} ({hits} regressions found, {false} false alerts)")
    print(f"false alerts a quiet week: {in_quiet / (runs * 20 / 7):.2f}")
    missed = [f"{each.kind} ({each.size})" for each, late in found if late is None]
    late = [f"{each.kind} ({each.size}, {late:.0f} min)" for each, late in found if late is not None and late > 5]
    print(f"missed: {', '.join(missed) or 'none'}\nlater than 5 minutes: {', '.join(late) or 'none'}")


def alerted(replayed: Traffic, threshold: float) -> list[int]:
    """Minutes at which somebody is told; a minute is known when it has passed."""
    told: list[int] = []
    for name, values in replayed.signals.items():
        told += held(anomalous(values, TOLERANCES[name], threshold))
    told += held(burning(replayed.good, replayed.total, OBJECTIVES["availability"]))
    told += held(burning(replayed.fast, replayed.total, OBJECTIVES["latency"]))
    return sorted(at for at in told if at >= WARM_DAYS * DAY)


def anomalous(values: Floats, tolerance: float, threshold: float) -> list[int]:
    detector = SeasonalAnomalies(60, tolerance=tolerance, patience_s=PATIENCE_S)
    beyond = np.array([detector.update(float(value)).lasting >= threshold for value in values])
    lately = np.convolve(beyond, np.ones(OF_MINUTES))[: len(beyond)]
    return np.flatnonzero(lately >= IN_MINUTES).tolist()


def burning(good: Floats, total: Floats, objective: float) -> list[int]:
    fired = []
    for end in range(LOOKED_BACK, len(good)):
        window = slice(end + 1 - LOOKED_BACK, end + 1)
        if any(state.firing for state in evaluate(good[window], total[window], objective, PAGES, min_total=300)):
            fired.append(end)
    return fired


def held(minutes: list[int]) -> list[int]:
    """The first of each run that has no gap of an hour."""
    return [at for at, before in zip(minutes, [-HELD, *minutes], strict=False) if at - before >= HELD]


def of(planted: Planted, at: int) -> bool:
    return planted.start <= at < planted.start + planted.minutes + AFTER


def delay(planted: Planted, alerts: list[int]) -> float | None:
    """Minutes from the start of a regression to the end of the minute that was alerted."""
    return next((at - planted.start + 1 for at in alerts if of(planted, at)), None)


if __name__ == "__main__":
    main()
