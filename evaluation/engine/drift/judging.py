"""All signals of all segments of a window at once: which of them drifted, with the share of false ones bounded.

Three things have to hold. The difference is more than chance, after correction for how many were asked (Benjamini,
Hochberg); it is large enough to matter; and it is larger than what earlier periods differ by from one another, where
the reference has several: calls of one day have more in common than chance says, so days differ without any drift.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from evaluation.engine.drift.comparing import (
    MOST_VECTORS,
    Compared,
    Ints,
    Shape,
    Values,
    compared,
    effect_of,
    examples_of,
    known,
    shape_of,
)
from evaluation.engine.drift.results import LEAST, untested
from evaluation.engine.drift_signals import DriftSignal
from evaluation.engine.statistics.corrections import benjamini_hochberg

EVERYWHERE: Final = ""
MOST_SEGMENTS: Final = 12
"""Those with most calls now."""
MOST_VALUES: Final = 5_000
"""Of a window and segment that are compared."""
SEGMENT_VECTORS: Final = 400
PERIODS: Final = 4
"""So many of a reference say what is usual."""
_FEW_PERIODS: Final = 5
"""From so many on one of them may be unusual itself."""


class Sampled(msgspec.Struct):
    """Rows of calls, those of the window and of its reference together."""

    ids: Sequence[str]
    segments: Sequence[str]
    periods: Ints
    """0: of the window; 1 and more: of which period of the reference."""
    values: Mapping[str, Values]
    """By signal."""


class Example(msgspec.Struct, frozen=True):
    """A call that is unlike those of the reference."""

    id: str
    score: float
    """Logarithm of how much more usual its like is now."""
    value: str = ""
    """Its label or number; of meanings nothing."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One signal in one segment."""

    signal: str
    segment: str
    compared: Compared
    q: float
    """p after correction; nan: not tested."""
    least: float
    usual: float | None = None
    """The effect that earlier periods have among themselves; None: not known, or not asked for."""
    drifted: bool = False
    shape: Shape | None = None
    examples: list[Example] = []


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What counts as drift."""

    level: float = 0.05
    least_values: int = 100
    """That the window and its reference need each."""
    least_effects: Mapping[str, float] = {}
    """By signal; of others their own."""
    seed: int = 1
    most_vectors: int = MOST_VECTORS


class _Cell(msgspec.Struct):
    signal: DriftSignal
    segment: str
    rows: Sampled
    before: Ints
    now: Ints

    def values(self, places: Ints) -> Values:
        return self.rows.values[self.signal.name][places]

    def most(self, terms: Terms) -> int:
        return terms.most_vectors if self.segment == EVERYWHERE else min(SEGMENT_VECTORS, terms.most_vectors)


def judged(tables: Mapping[str, Sampled], signals: Sequence[DriftSignal], terms: Terms) -> list[Judged]:
    """One for each signal, everywhere and in each segment; ``tables`` by what the signals' sources are called."""
    cells = [cell for signal in signals for cell in _cells(signal, tables[signal.source])]
    found = [_compared(cell, terms) for cell in cells]
    adjusted = benjamini_hochberg([one.tested.p for one in found])
    return [_judged(cell, one, float(q), terms) for cell, one, q in zip(cells, found, adjusted, strict=True)]


def _cells(signal: DriftSignal, rows: Sampled) -> Iterator[_Cell]:
    places = known(signal.kind, rows.values[signal.name])
    of = np.array([rows.segments[at] for at in places], dtype=object)
    is_now = rows.periods[places] == 0
    names = Counter(of[is_now])
    names.pop(EVERYWHERE, None)
    for name in [EVERYWHERE, *(one for one, _ in names.most_common(MOST_SEGMENTS))]:
        here = np.ones(len(places), dtype=bool) if name == EVERYWHERE else of == name
        # Rows come in no order of their own, so that the first ones are a fair part.
        yield _Cell(signal, name, rows, places[here & ~is_now][:MOST_VALUES], places[here & is_now][:MOST_VALUES])


def _compared(cell: _Cell, terms: Terms) -> Compared:
    sizes = len(cell.before), len(cell.now)
    if min(sizes) < max(terms.least_values, LEAST):
        return Compared(untested("", *sizes), float("nan"))
    before, now = cell.values(cell.before), cell.values(cell.now)
    return compared(cell.signal, before, now, seed=terms.seed, most=cell.most(terms))


def _judged(cell: _Cell, found: Compared, q: float, terms: Terms) -> Judged:
    signal = cell.signal
    least = terms.least_effects.get(signal.name, signal.least)
    likely = q <= terms.level and found.effect >= least
    usual = usual_effect(cell.signal, cell.rows, cell.before, terms, cell.most(terms)) if likely else None
    drifted = likely and (usual is None or found.effect > usual)
    shown = not math.isnan(found.tested.p) and (drifted or cell.segment == EVERYWHERE)
    before, now = cell.values(cell.before), cell.values(cell.now)
    return Judged(
        signal=signal.name,
        segment=cell.segment,
        compared=found,
        q=q,
        least=least,
        usual=usual,
        drifted=drifted,
        shape=shape_of(signal, before, now, seed=terms.seed) if shown else None,
        examples=[
            Example(cell.rows.ids[cell.now[at]], score, _plain(now[at]))
            for at, score in (examples_of(signal, before, now, seed=terms.seed) if drifted else ())
        ],
    )


def usual_effect(signal: DriftSignal, rows: Sampled, places: Ints, terms: Terms, most: int) -> float | None:
    """By how much a period of the reference differs from the others: the most, or the second most of many."""
    periods, values = rows.periods[places], rows.values[signal.name][places]
    found = []
    for period in np.unique(periods):
        of_it = periods == period
        effect = effect_of(signal, values[~of_it], values[of_it], seed=terms.seed, most=most)
        if not math.isnan(effect):
            found.append(effect)
    if len(found) < PERIODS:
        return None
    return sorted(found)[-1 if len(found) < _FEW_PERIODS else -2]


def _plain(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return ""
    return value if isinstance(value, str) else f"{float(value):.6g}"
