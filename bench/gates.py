"""How often a gate fails on noise, and how surely on a planted regression: ``python -m bench.gates``.

Scores are drawn for two variants of the same items: noise where both are equally good, and drops of known size. A gate
of two points at 95 % confidence is what pages offer first.
"""

from __future__ import annotations

import random
from collections import Counter

from evaluation.engine.statistics import not_worse

RUNS = 100
MARGIN, CONFIDENCE = 0.02, 0.95


def scores(chance: random.Random, n: int, drop: float, *, binary: bool) -> tuple[list[float], list[float]]:
    """Of a baseline and a candidate; ``binary`` scores are right or wrong, nine of ten right."""
    if binary:
        return (
            [float(chance.random() < 0.9) for _ in range(n)],
            [float(chance.random() < 0.9 - drop) for _ in range(n)],
        )
    before = [min(1.0, max(0.0, chance.gauss(0.8, 0.12))) for _ in range(n)]
    return before, [min(1.0, max(0.0, one - drop + chance.gauss(0, 0.06))) for one in before]


def main() -> None:
    print(f"{'scores':>8} {'items':>6} {'drop':>6}   pass  fail  undecided   of {RUNS} runs")
    for binary in (False, True):
        for n in (100, 400):
            for drop in (0.0, 0.02, 0.05, 0.1):
                found = Counter(
                    not_worse(
                        *scores(random.Random(f"{seed} {n} {drop}"), n, drop, binary=binary),
                        margin=MARGIN,
                        confidence=CONFIDENCE,
                        resamples=2_000,
                        seed=seed,
                    ).verdict.value
                    for seed in range(RUNS)
                )
                kind = "binary" if binary else "graded"
                figures = f"{found['pass']:>6} {found['fail']:>5} {found['undecided']:>10}"
                print(f"{kind:>8} {n:>6} {drop:>6.2f} {figures}")


if __name__ == "__main__":
    main()
