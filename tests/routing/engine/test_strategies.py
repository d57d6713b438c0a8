from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from contracts.specs import Strategy
from routing.engine.strategies import Candidate, rank
from tests.routing.engine.spec_factory import target


def order(strategy: Strategy, *candidates: Candidate, seed: int = 1, sticky_key: str | None = None) -> str:
    ranking = rank(strategy, candidates, Random(seed), sticky_key)
    return "".join(entry.provider.name for entry in ranking.targets)


def of(name: str, weight: int = 1, priority: int = 0, **figures: float) -> Candidate:
    return Candidate(target(name, weight=weight, priority=priority), **figures)  # type: ignore[arg-type]


def test_priority_puts_the_lowest_number_first():
    assert order(Strategy.PRIORITY, of("b", priority=2), of("a", priority=1), of("c", priority=3)) == "abc"


def test_equal_priorities_share_calls_by_weight():
    firsts = Counter(
        order(Strategy.PRIORITY, of("a", weight=3), of("b", weight=1), of("c", priority=1), seed=seed)
        for seed in range(2000)
    )
    assert set(firsts) == {"abc", "bac"}
    assert firsts["abc"] / 2000 == pytest.approx(0.75, abs=0.04)


def test_weighted_shares_calls_by_weight():
    random = Random(7)
    candidates = [of("a", weight=6), of("b", weight=3), of("c", weight=1)]
    firsts = Counter(rank(Strategy.WEIGHTED, candidates, random, None).targets[0].provider.name for _ in range(5000))
    assert firsts["a"] / 5000 == pytest.approx(0.6, abs=0.03)
    assert firsts["c"] / 5000 == pytest.approx(0.1, abs=0.02)


def test_weight_zero_is_a_last_resort():
    assert {order(Strategy.WEIGHTED, of("z", weight=0), of("a"), seed=seed) for seed in range(50)} == {"az"}


def test_least_latency_puts_the_fastest_first_and_tries_the_unknown():
    fast, slow, unknown = of("f", latency_ms=20.0), of("s", latency_ms=90.0), of("u")
    assert order(Strategy.LEAST_LATENCY, slow, fast, unknown) == "ufs"


def test_lowest_cost_puts_unknown_prices_last_and_shows_no_figure_for_them():
    candidates = [of("u"), of("d", cost_nanousd=900), of("c", cost_nanousd=100)]
    ranking = rank(Strategy.LOWEST_COST, candidates, Random(1), None)
    assert [entry.provider.name for entry in ranking.targets] == ["c", "d", "u"]
    assert ranking.scores == {"c/m": 100, "d/m": 900}


def test_least_busy_puts_the_emptiest_first():
    assert order(Strategy.LEAST_BUSY, of("a", busy=3), of("b", busy=0), of("c", busy=1)) == "bca"


@pytest.mark.parametrize("strategy", list(Strategy))
def test_a_sticky_user_keeps_its_order_whatever_the_dice_say(strategy: Strategy):
    candidates = [of(name) for name in "abcdef"]
    assert len({order(strategy, *candidates, seed=seed, sticky_key="ann") for seed in range(20)}) == 1


def test_users_are_spread_by_weight():
    candidates = [of("a", weight=3), of("b", weight=1)]
    firsts = Counter(order(Strategy.WEIGHTED, *candidates, sticky_key=f"user-{number}")[0] for number in range(4000))
    assert firsts["a"] / 4000 == pytest.approx(0.75, abs=0.03)


def test_a_target_that_goes_moves_only_its_own_users():
    candidates = [of(name) for name in "abcd"]
    for number in range(300):
        key = f"user-{number}"
        before = order(Strategy.WEIGHTED, *candidates, sticky_key=key)
        after = order(Strategy.WEIGHTED, *candidates[:-1], sticky_key=key)
        assert after == before.replace("d", "")


def test_sticky_users_stay_within_the_first_priority():
    candidates = [of("a", priority=1), of("b", priority=1), of("z", priority=0)]
    assert {order(Strategy.PRIORITY, *candidates, sticky_key=f"u{number}")[0] for number in range(50)} == {"z"}
