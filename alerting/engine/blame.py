"""Which of all segments to name: those that explain much more of a change than their part of the calls. Pure.

Every value of a dimension is a candidate, and so are pairs of values of two dimensions. One is *to blame* when it

* explains at least :data:`LEAST_SHARE` of the change,
* would not have done so by chance: what its calls did differs from what all other calls did at :data:`ALPHA`, divided
  by the number of candidates (Bonferroni), and
* is the most surprising of those: surprise is the part of the Jensen-Shannon divergence between its part of the calls
  and its part of the change, after *Adtributor* (Bhagwan et al., NSDI 2014), so that a small segment which explains
  everything is named before a large one that holds it.

A pair is named only where it surprises :data:`PAIR_MARGIN` times as much as any single value, and is no likelier to be
chance: a part of what changed always holds a smaller share of the calls.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

import msgspec

from alerting.engine.causes import (
    NOT_KEPT,
    Both,
    Cell,
    Change,
    Effect,
    Measure,
    Sums,
    by_values,
    effect_of,
    undone,
    weights,
)

ALPHA: Final = 0.01
LEAST_SHARE: Final = 0.25
LEAST_SURPRISE: Final = 0.0005
"""Of who holds nearly all calls nothing is learnt."""
LEAST_CALLS: Final = 20
"""Of a candidate, in both times together."""
PAIR_MARGIN: Final = 1.25
MOST_PAIRED: Final = 30
"""Values of a dimension that pairs are made of, those with most calls."""


class Candidate(msgspec.Struct, frozen=True):
    """A segment, and what speaks for and against it."""

    dimensions: tuple[str, ...]
    values: tuple[str, ...]
    both: Both
    effect: Effect
    share: float
    """Of the change, that were not there without it (:func:`alerting.engine.causes.undone`); above 1 where others moved
    the other way."""
    weight: float
    """Its part of the calls, on average of both times."""
    surprise: float
    p: float
    """That its calls differ so much from the others by chance; not yet corrected."""

    @property
    def lift(self) -> float:
        """How many times its part of the calls."""
        return self.share / self.weight if self.weight else math.inf


class Verdict(msgspec.Struct, frozen=True):
    """What a change was split into."""

    change: Change
    p: float
    """That the figure as a whole moved so much by chance."""
    candidates: list[Candidate]
    """The most surprising first; those that add to the change and have enough calls."""
    blamed: list[Candidate]
    """The first of it, and others that are the same calls by another name."""
    tested: int


class Question(msgspec.Struct, frozen=True):
    """What is asked of :func:`blame`."""

    measure: Measure
    dimensions: tuple[str, ...]
    """Of the cells' values, in order."""
    cells: Sequence[Cell]
    minutes_before: float = 1.0
    minutes_now: float = 1.0
    dispersion: float = 1.0
    """How many times as much as Poisson's the numbers of calls vary from one stretch to the next."""
    alone: Sequence[tuple[str, Mapping[str, Both]]] = ()
    """Further dimensions with their sums, whose combinations with others are not known."""


def blame(question: Question) -> Verdict:
    """Split the change, and say whose it is, if anybody's."""
    places = range(len(question.dimensions))
    whole = by_values(question.cells, ()).get((), Both())
    change = Change(question.measure, whole, question.minutes_before, question.minutes_now)
    singles = [*_singles(question, places)]
    pairs = [*_pairs(question, places)]
    tested = len(singles) + len(pairs)
    found = [_candidate(dimensions, values, both, change, question) for dimensions, values, both in singles]
    best = max(found, key=lambda one: one.surprise, default=None)
    found += [
        one
        for dimensions, values, both in pairs
        if _says_more(one := _candidate(dimensions, values, both, change, question), best)
    ]
    found = [one for one in found if one.share > 0]
    found.sort(key=lambda one: (_only_left(one, change), -one.surprise, len(one.dimensions)))
    p = _p_of_all(change, question.dispersion)
    guilty = [one for one in found if p < ALPHA and _stands_out(one, tested)]
    return Verdict(change, p, found, _same_as_first(guilty), tested)


def within(question: Question, segment: Candidate) -> Verdict | None:
    """The same question about a segment's calls alone: a route is dear because it asks another model now.

    None for segments whose combinations with others are not known.
    """
    if not set(segment.dimensions) <= set(question.dimensions):
        return None
    wanted = {
        question.dimensions.index(name): value for name, value in zip(segment.dimensions, segment.values, strict=True)
    }
    cells = [cell for cell in question.cells if all(cell.values[at] == value for at, value in wanted.items())]
    return blame(msgspec.structs.replace(question, cells=cells, alone=()))


def _says_more(pair: Candidate, single: Candidate | None) -> bool:
    return single is None or (pair.surprise > PAIR_MARGIN * single.surprise and pair.p <= single.p)


def _stands_out(one: Candidate, tested: int) -> bool:
    return one.share >= LEAST_SHARE and one.surprise >= LEAST_SURPRISE and one.p * max(1, tested) < ALPHA


def _only_left(one: Candidate, change: Change) -> bool:
    """Calls that became fewer and changed in nothing else: of calls that moved, where they went to says more."""
    if change.measure is Measure.TOTAL or abs(one.effect.rate) >= abs(one.effect.mix):
        return False
    return one.both.now.n / change.minutes_now < one.both.before.n / change.minutes_before


def _same_as_first(guilty: Sequence[Candidate]) -> list[Candidate]:
    """A provider with one model is one cause by two names: as many calls, as much of the change."""
    if not guilty:
        return []
    first = guilty[0]
    return [
        one
        for one in guilty
        if one is first
        or (
            one.both.before.n == first.both.before.n
            and one.both.now.n == first.both.now.n
            and math.isclose(one.effect.both, first.effect.both, rel_tol=1e-6, abs_tol=1e-12)
        )
    ]


def _singles(question: Question, places: Sequence[int]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], Both]]:
    for place in places:
        for values, both in by_values(question.cells, (place,)).items():
            if _told(values, both):
                yield (question.dimensions[place],), values, both
    for name, sums in question.alone:
        for value, both in sums.items():
            if _told((value,), both):
                yield (name,), (value,), both


def _pairs(question: Question, places: Sequence[int]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], Both]]:
    known = {place: _largest(by_values(question.cells, (place,))) for place in places}
    for one, other in combinations(places, 2):
        if len(known[one]) < 2 or len(known[other]) < 2:
            continue
        for values, both in by_values(question.cells, (one, other)).items():
            if values[0] in known[one] and values[1] in known[other] and _told(values, both):
                yield (question.dimensions[one], question.dimensions[other]), values, both


def _largest(sums: Mapping[tuple[str, ...], Both]) -> set[str]:
    names = sorted(sums, key=lambda key: -(sums[key].before.n + sums[key].now.n))
    return {key[0] for key in names[:MOST_PAIRED]}


def _told(values: tuple[str, ...], both: Both) -> bool:
    return NOT_KEPT not in values and both.before.n + both.now.n >= LEAST_CALLS


def _candidate(
    dimensions: tuple[str, ...], values: tuple[str, ...], both: Both, change: Change, question: Question
) -> Candidate:
    effect = effect_of(both, change)
    share = undone(both, change)
    w0, w1 = weights(both, change)
    # Of totals, more calls are the change itself: what was to be expected is the part that there was before.
    expected = w0 if change.measure is Measure.TOTAL else (w0 + w1) / 2
    return Candidate(
        dimensions,
        values,
        both,
        effect,
        share,
        (w0 + w1) / 2,
        surprise(expected, share),
        _p_of(both, effect, change, question.dispersion),
    )


def surprise(expected: float, explained: float) -> float:
    """One segment's part of the Jensen-Shannon divergence; 0 where it explains no more than was to be expected."""
    p, q = min(1.0, max(0.0, expected)), min(1.0, max(0.0, explained))
    if q <= p:
        return 0.0
    middle = (p + q) / 2
    return 0.5 * ((p * math.log(p / middle) if p else 0.0) + q * math.log(q / middle))


# --- by chance? ------------------------------------------------------------------------------------------


def _p_of(segment: Both, effect: Effect, change: Change, dispersion: float) -> float:
    """Of the larger of its two effects: its calls against all others."""
    rest = change.all - segment
    if abs(effect.rate) >= abs(effect.mix):
        if not rest.before.n or not rest.now.n:
            return _p_of_rates(segment, Both())
        return _p_of_rates(segment, rest)
    return _p_of_numbers(segment, rest, change, dispersion)


def _p_of_rates(segment: Both, rest: Both) -> float:
    """Whether its rate moved otherwise than that of the rest: a difference of differences, normal approximation."""
    own = segment.now.rate - segment.before.rate
    others = rest.now.rate - rest.before.rate if rest.now.n and rest.before.n else 0.0
    parts = [segment.before, segment.now]
    parts += [rest.before, rest.now] if rest.now.n and rest.before.n else []
    spread = sum(_smoothed(one) / one.n for one in parts if one.n)
    return _two_sided((own - others) / math.sqrt(spread)) if spread > 0 else 1.0


def _smoothed(sums: Sums) -> float:
    """Variance, as if one call more had been one deviation away: no variance is no certainty."""
    return sums.variance + (1.0 + sums.rate**2) / (sums.n + 1) if sums.variance == 0 else sums.variance


def _p_of_numbers(segment: Both, rest: Both, change: Change, dispersion: float) -> float:
    """Whether there are more or fewer of its calls, and whether that is otherwise with the rest: logarithms of ratios
    of counts, quasi-Poisson. Calls that stay while others leave have a larger part, and nothing to do with it.
    """
    longer = math.log(change.minutes_now / change.minutes_before)
    own, spread = _growth(segment, longer)
    p = _two_sided(own / math.sqrt(spread * max(1.0, dispersion)))
    if rest.now.n or rest.before.n:
        others, more = _growth(rest, longer)
        p = max(p, _two_sided((own - others) / math.sqrt((spread + more) * max(1.0, dispersion))))
    return p


def _growth(both: Both, longer: float) -> tuple[float, float]:
    before, now = both.before.n + 0.5, both.now.n + 0.5
    return math.log(now / before) - longer, 1 / now + 1 / before


def _p_of_all(change: Change, dispersion: float) -> float:
    before, now = change.all.before, change.all.now
    if not before.n or not (now.n or change.measure is Measure.TOTAL):
        return 1.0
    if change.measure is not Measure.TOTAL:
        return _p_of_rates(change.all, Both())
    # A sum of so many: its variance is that of their number, and of the figure of each.
    spread = sum(
        max(1.0, dispersion) * max(sums.xx, 1.0) / minutes**2
        for sums, minutes in ((before, change.minutes_before), (now, change.minutes_now))
    )
    return _two_sided(change.by / math.sqrt(spread))


def _two_sided(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2))
