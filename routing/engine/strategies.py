"""How a route orders the targets that could serve a call. Pure; the figures and the random source are handed in."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from random import Random

import msgspec

from contracts.specs import Strategy, TargetSpec


class Candidate(msgspec.Struct):
    """A target and what the strategies rank by."""

    target: TargetSpec
    latency_ms: float = 0.0
    """Moving average; 0 when nothing is known, so that an unknown target is tried."""
    cost_nanousd: int | None = None
    """What this call would cost at most; None when the price is unknown."""
    busy: int = 0
    """Calls in flight and waiting."""


class Ranking(msgspec.Struct):
    """The order, and the figure each target (by label) was ranked by; none where it is unknown."""

    targets: list[TargetSpec]
    scores: dict[str, float]
    sticky: bool = False


def rank(strategy: Strategy, candidates: Sequence[Candidate], random: Random, sticky_key: str | None) -> Ranking:
    """Best first. Equals are shuffled by weight; weight 0 goes behind all that have one.

    With a ``sticky_key`` the order among equals of the priority strategy, and the whole order of the others, is
    the key's own: weighted rendezvous hashing, so that a target that comes or goes moves only the keys it serves.
    """
    score = _SCORES[strategy]
    scored = {candidate.target.id: score(candidate) for candidate in candidates}
    scores = {
        candidate.target.label: figure
        for candidate in candidates
        if (figure := scored[candidate.target.id]) != math.inf
    }
    if len(candidates) == 1:
        return Ranking([candidates[0].target], scores, sticky_key is not None)
    if sticky_key is not None:
        ordered = sorted(candidates, key=lambda candidate: _rendezvous(candidate.target, sticky_key))
    else:
        ordered = sorted(candidates, key=lambda candidate: _shuffle(candidate.target, random))
    if strategy is Strategy.PRIORITY or (sticky_key is None and strategy is not Strategy.WEIGHTED):
        ordered.sort(key=lambda candidate: scored[candidate.target.id])
    return Ranking([candidate.target for candidate in ordered], scores, sticky_key is not None)


def _priority(candidate: Candidate) -> float:
    return candidate.target.priority


def _weight(candidate: Candidate) -> float:
    return candidate.target.weight


def _latency(candidate: Candidate) -> float:
    return round(candidate.latency_ms, 3)


def _cost(candidate: Candidate) -> float:
    return math.inf if candidate.cost_nanousd is None else candidate.cost_nanousd


def _busy(candidate: Candidate) -> float:
    return candidate.busy


_SCORES: dict[Strategy, Callable[[Candidate], float]] = {
    Strategy.PRIORITY: _priority,
    Strategy.WEIGHTED: _weight,
    Strategy.LEAST_LATENCY: _latency,
    Strategy.LOWEST_COST: _cost,
    Strategy.LEAST_BUSY: _busy,
}


def _shuffle(target: TargetSpec, random: Random) -> float:
    """Sorting by Exp(weight) draws gives a weighted shuffle (Efraimidis and Spirakis, 2006)."""
    return _exponential(random.random(), target.weight)


def _rendezvous(target: TargetSpec, key: str) -> float:
    """Weighted rendezvous hashing (Schindelhauer and Schomaker, 2005): the same draw, from a hash."""
    digest = hashlib.blake2b(f"{key}\0{target.id}".encode(), digest_size=8).digest()
    return _exponential(int.from_bytes(digest, "big") / 2**64, target.weight)


def _exponential(uniform: float, weight: int) -> float:
    draw = -math.log(1.0 - uniform) if uniform < 1.0 else math.inf
    # Without a weight: behind every target that has one, still in random order.
    return draw / weight if weight > 0 else 1e9 + draw
