"""Which part of the calls each target of a route is to get, by the engine's own ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

import msgspec

from contracts.specs import Strategy, TargetSpec
from routing.engine.strategies import Candidate, rank


class Figures(msgspec.Struct, frozen=True):
    """What the strategies rank a target by."""

    latency_ms: float = 0.0
    cost_nanousd: int | None = None
    busy: int = 0


def expected_shares(
    strategy: Strategy, targets: Sequence[TargetSpec], figures: Mapping[str, Figures]
) -> dict[str, float]:
    """The part of first attempts by target id, as things stand.

    ``figures`` are by target id. Those with the best score are drawn by weight; all others wait for them to fail.
    """
    candidates = [
        Candidate(
            target,
            latency_ms=known.latency_ms,
            cost_nanousd=known.cost_nanousd,
            busy=known.busy,
        )
        for target in targets
        if (known := figures.get(target.id, Figures())) is not None
    ]
    if not candidates:
        return {}
    best = _first_of(strategy, candidates)
    total = sum(target.weight for target in best)
    shares = dict.fromkeys((target.id for target in targets), 0.0)
    for target in best:
        shares[target.id] = target.weight / total if total else 1 / len(best)
    return shares


def _first_of(strategy: Strategy, candidates: Sequence[Candidate]) -> list[TargetSpec]:
    """The targets among which the first one is drawn."""
    if strategy is Strategy.WEIGHTED:
        return [candidate.target for candidate in candidates]
    scores = rank(strategy, candidates, Random(0), None).scores
    lowest = min(scores.values(), default=None)
    # A target without a score comes after all that have one.
    best = [candidate.target for candidate in candidates if scores.get(candidate.target.label) == lowest]
    return best or [candidate.target for candidate in candidates]
