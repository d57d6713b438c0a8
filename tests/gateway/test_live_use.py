"""What pages read of limits and budgets is what admission counts."""

from __future__ import annotations

import time

import pytest

from contracts.budgets import BudgetSpec, BudgetWindow, Period
from contracts.live_use import BudgetAsked, BudgetUse, LimitAsked, LimitUse
from contracts.specs import LimitMetric, LimitSpec
from gateway.engine.budgets import account_name
from gateway.engine.limits import counter_name, queue_name
from gateway.live_use import RedisLiveUse

NOW_MS = 1_700_000_000_000
REQUESTS = LimitSpec(id="l1", level="tenant", subject="t", metric=LimitMetric.REQUESTS, value=60, window_s=60)
PLACES = LimitSpec(id="l2", level="tenant", subject="t", metric=LimitMetric.CONCURRENCY, value=4, window_s=0)
BUDGET = BudgetSpec(id="b", name="b", level="tenant", subject="t", limit_nanousd=10, window=BudgetWindow.MONTH)


@pytest.fixture(autouse=True)
def _clock(monkeypatch, settings, redis_url) -> None:
    settings.REDIS_URL = redis_url
    monkeypatch.setattr(time, "time_ns", lambda: NOW_MS * 1_000_000)


def test_a_window_counts_what_has_not_left_it(redis_client):
    slot = NOW_MS // 500
    redis_client.hset(
        counter_name("t", "l1", "t"), mapping={slot: 3, slot - 119: 2, slot - 120: 50, "t": 55, "l": slot}
    )

    found = RedisLiveUse().limits([LimitAsked("t", REQUESTS, "t"), LimitAsked("t", REQUESTS, "nobody")])

    assert found == [LimitUse(5), LimitUse(0)]


def test_places_of_ended_leases_are_free_and_queues_are_told(redis_client):
    name = counter_name("t", "l2", "t")
    redis_client.zadd(name, {"a": NOW_MS + 1_000, "b": NOW_MS + 1_000, "dead": NOW_MS - 1})
    redis_client.zadd(queue_name(name), {"c|w": 1})

    assert RedisLiveUse().limits([LimitAsked("t", PLACES, "t")]) == [LimitUse(used=2, waiting=1)]


def test_a_budget_counts_confirmed_and_ended_calls_as_spent(redis_client):
    period = Period(0, 2**53)
    name = account_name("t", BUDGET, "t", period)
    redis_client.hset(f"budget:{name}", mapping={"s": 100, "q": 20, "r": 7})

    found = RedisLiveUse().budgets([BudgetAsked("t", BUDGET, "t", period), BudgetAsked("t", BUDGET, "x", period)])

    assert found == [BudgetUse(spent_nanousd=120, reserved_nanousd=7), None]


def test_without_redis_nothing_is_known(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert RedisLiveUse().limits([LimitAsked("t", REQUESTS, "t")]) is None
    assert RedisLiveUse().budgets([BudgetAsked("t", BUDGET, "t", Period(0, 1))]) is None
