"""One signal of a window beside the same of its reference: the test, how large the difference is, what it is like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec
import numpy as np

from evaluation.engine.drift.categories import chi_square
from evaluation.engine.drift.embeddings import held_out_scores, mmd, sampled
from evaluation.engine.drift.numbers import ks, psi
from evaluation.engine.drift.results import LEAST, Floats, Tested
from evaluation.engine.drift_signals import LABEL, MEANING, NUMBER, DriftSignal

Ints = np.ndarray[Any, np.dtype[np.integer[Any]]]
Values = np.ndarray[Any, Any]
"""Numbers, labels (None: not known), or vectors, a row each; nan: not known."""

BINS: Final = 16
"""Of the picture of a number."""
LABELS: Final = 8
"""Of the picture of labels; the others are put together."""
OTHERS: Final = "others"
EXAMPLES: Final = 10
MOST_VECTORS: Final = 1_000
"""Of a window, all calls together; tests by permutation take the square of it."""
_FAR_APART: Final = 20
_EVEN_OUT: Final = 0.5
"""Added to each count, so that a label that is new has a ratio to what it was."""


class Compared(msgspec.Struct, frozen=True):
    """Two windows of one signal."""

    tested: Tested
    effect: float
    """0 to 1; nan where nothing was tested."""
    index: float | None = None
    """Population stability index; numbers alone."""
    figures: dict[str, Any] = {}
    """Numbers: ``median``, ``p95``; labels: ``label`` whose share moved most, its ``share``. Pairs: before, now."""


class Shape(msgspec.Struct, frozen=True):
    """Both distributions, as shares."""

    kind: str
    """``number`` | ``label`` | ``meaning``."""
    names: list[str] = []
    """Of labels."""
    edges: list[float] = []
    """Of bins, one more than there are bins."""
    before: list[float] = []
    now: list[float] = []


def known(kind: str, values: Values) -> Ints:
    """Places of the values that are known."""
    if kind == NUMBER:
        found: Ints = np.flatnonzero(~np.isnan(values))
        return found
    if kind == MEANING:
        return np.flatnonzero(~np.isnan(values[:, 0])) if len(values) else np.zeros(0, dtype=int)
    return np.flatnonzero([value is not None for value in values])


def compared(signal: DriftSignal, before: Values, now: Values, *, seed: int, most: int = MOST_VECTORS) -> Compared:
    """The test and how large the difference is; both windows' values are all known."""
    if signal.kind == NUMBER:
        return _numbers(before, now)
    if signal.kind == MEANING:
        return _meanings(before, now, seed, most)
    return _labels(before, now)


def effect_of(signal: DriftSignal, before: Values, now: Values, *, seed: int, most: int = MOST_VECTORS) -> float:
    """Its size alone; nan for too few values."""
    if min(len(before), len(now)) < LEAST:
        return float("nan")
    if signal.kind == NUMBER:
        return ks(before, now).statistic
    if signal.kind == MEANING:
        return _told_apart(*_few(before, now, seed, most), seed=seed)
    return _moved_share(Counter(before), Counter(now))


def shape_of(signal: DriftSignal, before: Values, now: Values, *, seed: int) -> Shape:
    """Both distributions for a picture: of meanings that of how typical texts are of now rather than before."""
    if signal.kind == MEANING:
        folds = held_out_scores(*_few(before, now, seed, MOST_VECTORS), seed=seed).folds
        return _bins(MEANING, *(np.concatenate([fold[side] for fold in folds]) for side in (0, 1)))
    if signal.kind == NUMBER:
        return _bins(NUMBER, before, now)
    was, new = Counter(before), Counter(now)
    shown = [name for name, _ in (was + new).most_common(LABELS)]
    rest = [OTHERS] if len(was | new) > len(shown) else []
    sides = []
    for counts in (was, new):
        total = sum(counts.values()) or 1
        shares = [counts[name] / total for name in shown]
        sides.append([*shares, 1 - sum(shares)] if rest else shares)
    return Shape(LABEL, names=[*map(str, shown), *rest], before=_short(sides[0]), now=_short(sides[1]))


def examples_of(signal: DriftSignal, before: Values, now: Values, *, seed: int) -> list[tuple[int, float]]:
    """Places of values of now that the reference explains least, with the logarithm of how much more usual they are."""
    if min(len(before), len(now)) < LEAST:
        return []
    if signal.kind == MEANING:
        scores = held_out_scores(_few(before, now, seed, MOST_VECTORS)[0], now, seed=seed).current
    elif signal.kind == NUMBER:
        scores = _ratios_of_numbers(before, now)
    else:
        was, new = Counter(before), Counter(now)
        ratio = {one: _ratio(was[one], len(before), new[one], len(now)) for one in new}
        scores = np.array([ratio[one] for one in now], dtype=float)
    order = np.argsort(-scores, kind="stable")[:EXAMPLES]
    return [(int(at), round(float(scores[at]), 3)) for at in order if scores[at] > 0]


def _numbers(before: Floats, now: Floats) -> Compared:
    tested = ks(before, now)
    if np.isnan(tested.p):
        return Compared(tested, tested.statistic)
    pairs = {
        name: [float(np.quantile(side, part)) for side in (before, now)]
        for name, part in (("median", 0.5), ("p95", 0.95))
    }
    return Compared(tested, tested.statistic, psi(before, now).statistic, pairs)


def _labels(before: Values, now: Values) -> Compared:
    tested = chi_square(before, now)
    if np.isnan(tested.p):
        return Compared(tested, float("nan"))
    was, new = Counter(before), Counter(now)
    shares = {name: (was[name] / len(before), new[name] / len(now)) for name in was | new}
    # Of two labels that moved alike the one that grew, and then the alphabet decide.
    name = max(
        shares, key=lambda one: (abs(shares[one][1] - shares[one][0]), shares[one][1] - shares[one][0], str(one))
    )
    return Compared(tested, _moved_share(was, new), None, {"label": str(name), "share": list(shares[name])})


def _meanings(before: Floats, now: Floats, seed: int, most: int) -> Compared:
    few = _few(before, now, seed, most)
    tested = mmd(*few, seed=seed)
    if np.isnan(tested.p):
        return Compared(tested, float("nan"))
    return Compared(tested, _told_apart(*few, seed=seed))


def _told_apart(before: Floats, now: Floats, *, seed: int) -> float:
    """2 AUC - 1 of rows that the classifier was not fitted to, as a mean over both halves; 0 at least."""
    areas = []
    for was, new in held_out_scores(before, now, seed=seed).folds:
        ordered = np.sort(was)
        wins = (np.searchsorted(ordered, new, "left") + np.searchsorted(ordered, new, "right")).sum() / 2
        areas.append(wins / (len(was) * len(new)))
    return max(0.0, float(2 * np.mean(areas) - 1))


def _moved_share(before: Counter[Any], now: Counter[Any]) -> float:
    n, m = sum(before.values()), sum(now.values())
    return sum(abs(before[one] / n - now[one] / m) for one in before | now) / 2


def _few(before: Floats, now: Floats, seed: int, most: int) -> tuple[Floats, Floats]:
    chance = np.random.default_rng(seed)
    return sampled(before, chance, most), sampled(now, chance, most)


def _bins(kind: str, before: Floats, now: Floats) -> Shape:
    """Even bins, or even ones of the logarithm where values lie far apart; what is beyond is in the outermost."""
    both = np.concatenate((before, now))
    low, high = (float(each) for each in np.quantile(both, (0.005, 0.995)))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    far_apart = low > 0 and high / low > _FAR_APART
    edges = (np.geomspace if far_apart else np.linspace)(low, high, BINS + 1)
    sides = [np.histogram(np.clip(side, edges[0], edges[-1]), edges)[0] / len(side) for side in (before, now)]
    return Shape(kind, edges=[float(f"{edge:.6g}") for edge in edges], before=_short(sides[0]), now=_short(sides[1]))


def _ratios_of_numbers(before: Floats, now: Floats) -> Floats:
    edges = np.unique(np.quantile(np.concatenate((before, now)), np.linspace(0, 1, BINS + 1)[1:-1]))
    places = [np.searchsorted(edges, side, side="right") for side in (before, now)]
    counts = [np.bincount(place, minlength=len(edges) + 1) for place in places]
    ratios = [_ratio(was, len(before), new, len(now)) for was, new in zip(*counts, strict=True)]
    found: Floats = np.array(ratios)[places[1]]
    return found


def _ratio(was: int, before: int, new: int, now: int) -> float:
    return float(np.log((new + _EVEN_OUT) / now) - np.log((was + _EVEN_OUT) / before))


def _short(shares: Iterable[float]) -> list[float]:
    return [round(float(share), 5) for share in shares]
