"""Drift of questions: how often a shift of intents is found in a window of them, at 5 % false alarms.

A reference of 1,000 questions of all intents, and a window in which a share was replaced by questions of one intent,
drawn at random for each window. Plain tests look at the same vectors: one test for each of the first principal axes of
the reference, corrected for their number. "none" is the share of false alarms.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from embeddings.static import shared_embedder
from evaluation.engine.drift import Tested, classifier, energy, ks, mmd, moved, psi
from evaluation.engine.drift.results import Floats

REFERENCE = 1000
WINDOWS = (100, 300, 1000)
SHARES = (0.0, 0.05, 0.1, 0.2, 0.5)
AXES = 16
LEVEL = 0.05
USUAL_PSI = 0.25

Test = Callable[[Floats, Floats, int], bool]


def report(texts: Path, runs: int) -> None:
    rows = [msgspec.json.decode(line) for line in texts.read_bytes().splitlines()]
    vectors = np.stack([shared_embedder().embed(row["text"]) for row in rows])
    intents = np.array([row["intent"] for row in rows])
    print(f"\n{len(rows):,} questions, {len(np.unique(intents))} intents, {runs} windows a figure")
    print(f"{'test':24} {'window':>6}  " + " ".join(f"{f'{share:.0%}' if share else 'none':>6}" for share in SHARES))
    for size in WINDOWS:
        found, took = power(vectors, intents, size, runs)
        for name, shares in found.items():
            said = " ".join(f"{each:6.0%}" for each in shares)
            print(f"{name:24} {size:6}  {said}   {took[name] * 1000:6.0f} ms", flush=True)
    print(f"examples that moved, of 10 shown, truly new at a shift of 10 % in 300: {shown(vectors, intents, runs):.1f}")


def power(vectors: Floats, intents: Any, size: int, runs: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Share of windows found by each test at each share of shifted questions, and seconds a test."""
    chance = np.random.default_rng(size)
    found: dict[str, list[float]] = {name: [] for name in TESTS}
    took = dict.fromkeys(TESTS, 0.0)
    for share in SHARES:
        hits = dict.fromkeys(TESTS, 0)
        for run in range(runs):
            reference, window, _ = drawn(vectors, intents, size, share, chance)
            for name, test in TESTS.items():
                started = time.perf_counter()
                hits[name] += test(reference, window, run)
                took[name] += (time.perf_counter() - started) / (runs * len(SHARES))
        for name, count in hits.items():
            found[name].append(count / runs)
    return found, took


def drawn(
    vectors: Floats, intents: Any, size: int, share: float, chance: np.random.Generator
) -> tuple[Floats, Floats, int]:
    """A reference, a window whose first rows were shifted, and how many were."""
    order = chance.permutation(len(vectors))
    reference, window, rest = order[:REFERENCE], order[REFERENCE : REFERENCE + size], order[REFERENCE + size :]
    shifted = round(share * size)
    if shifted:
        rest = rest[intents[rest] == chance.choice(intents)]
        window = np.concatenate((chance.choice(rest, shifted, replace=shifted > len(rest)), window[shifted:]))
    return vectors[reference], vectors[window], shifted


def shown(vectors: Floats, intents: Any, runs: int) -> float:
    """How many of the ten examples that moved most are those that were planted."""
    chance = np.random.default_rng(3)
    hits = 0
    for run in range(runs):
        reference, window, shifted = drawn(vectors, intents, 300, 0.1, chance)
        hits += sum(at < shifted for at, _ in moved(reference, window, seed=run))
    return hits / runs


def on_axes(test: Callable[[Floats, Floats], Tested]) -> Test:
    """The smallest p over principal axes, after Bonferroni."""

    def found(reference: Floats, window: Floats, seed: int) -> bool:
        before, after = axes(reference, window)
        smallest = min(test(before[:, axis], after[:, axis]).p for axis in range(AXES))
        return smallest * AXES < LEVEL

    return found


def usual_psi(reference: Floats, window: Floats, seed: int) -> bool:
    """The customary rule: any index above 0.25."""
    before, after = axes(reference, window)
    return any(psi(before[:, axis], after[:, axis]).statistic > USUAL_PSI for axis in range(AXES))


def axes(reference: Floats, window: Floats) -> tuple[Floats, Floats]:
    centre = reference.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov(reference, rowvar=False))
    first = directions[:, -AXES:]
    return (reference - centre) @ first, (window - centre) @ first


TESTS: dict[str, Test] = {
    "MMD, several widths": lambda reference, window, seed: mmd(reference, window, seed=seed).p < LEVEL,
    "energy distance": lambda reference, window, seed: energy(reference, window, seed=seed).p < LEVEL,
    "classifier": lambda reference, window, seed: classifier(reference, window, seed=seed).p < LEVEL,
    "KS by axis": on_axes(ks),
    "PSI by axis": on_axes(psi),
    "PSI by axis, above 0.25": usual_psi,
}
