"""Expected shares agree with what the engine draws."""

from __future__ import annotations

from collections import Counter
from random import Random

import msgspec
import pytest

from contracts.specs import Strategy
from routing.engine.strategies import Candidate, rank
from routing.route_shares import Figures, expected_shares
from tests.routing.engine.spec_factory import target

TARGETS = [
    msgspec.structs.replace(target("a"), id="a", weight=3, priority=0),
    msgspec.structs.replace(target("b"), id="b", weight=1, priority=0),
    msgspec.structs.replace(target("c"), id="c", weight=4, priority=1),
]
FIGURES = {
    "a": Figures(latency_ms=200, cost_nanousd=10, busy=2),
    "b": Figures(latency_ms=100, cost_nanousd=20, busy=2),
    "c": Figures(latency_ms=100, cost_nanousd=None, busy=3),
}


@pytest.mark.parametrize(
    ("strategy", "shares"),
    [
        (Strategy.PRIORITY, {"a": 0.75, "b": 0.25, "c": 0.0}),
        (Strategy.WEIGHTED, {"a": 0.375, "b": 0.125, "c": 0.5}),
        (Strategy.LEAST_LATENCY, {"a": 0.0, "b": 0.2, "c": 0.8}),
        (Strategy.LOWEST_COST, {"a": 1.0, "b": 0.0, "c": 0.0}),
        (Strategy.LEAST_BUSY, {"a": 0.75, "b": 0.25, "c": 0.0}),
    ],
)
def test_the_shares_are_those_that_the_engine_draws(strategy: Strategy, shares: dict[str, float]) -> None:
    assert expected_shares(strategy, TARGETS, FIGURES) == pytest.approx(shares)

    random, drawn = Random(7), Counter[str]()
    candidates = [
        Candidate(one, FIGURES[one.id].latency_ms, FIGURES[one.id].cost_nanousd, FIGURES[one.id].busy)
        for one in TARGETS
    ]
    for _ in range(3_000):
        drawn[rank(strategy, candidates, random, None).targets[0].id] += 1
    assert {one.id: drawn[one.id] / 3_000 for one in TARGETS} == pytest.approx(shares, abs=0.03)


def test_without_targets_there_are_no_shares() -> None:
    assert expected_shares(Strategy.PRIORITY, [], {}) == {}
