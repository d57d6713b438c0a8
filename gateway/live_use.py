"""Reads what admission counts in Redis, for pages: limits and budgets of a whole list in one round trip."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts.live_use import BudgetAsked, BudgetUse, LimitAsked, LimitUse
from contracts.specs import LimitMetric
from gateway.engine.budgets import account_name
from gateway.engine.limits import counter_name, queue_name

TIMEOUT_S = 0.5
"""A page is not to wait for Redis any longer."""
SLOTS = 120
"""Into which admission's script cuts a window."""


class RedisLiveUse:
    """Asks Redis; changes nothing there, also where a window has to be moved on."""

    def limits(self, asked: Sequence[LimitAsked]) -> list[LimitUse] | None:
        """Parallel to what is asked; None while Redis cannot be read."""
        now_ms = time.time_ns() // 1_000_000
        pipe = _client(settings.REDIS_URL).pipeline(transaction=False)
        for one in asked:
            name = counter_name(one.tenant_id, one.limit.id, one.subject)
            if one.limit.metric is LimitMetric.CONCURRENCY:
                pipe.zcount(name, now_ms, "+inf")
                pipe.zcount(queue_name(name), "-inf", "+inf")
            else:
                pipe.hgetall(name)
        replies = _replies(pipe)
        if replies is None:
            return None
        found, at = [], iter(replies)
        for one in asked:
            if one.limit.metric is LimitMetric.CONCURRENCY:
                found.append(LimitUse(used=int(next(at)), waiting=int(next(at))))
            else:
                found.append(LimitUse(used=_in_window(next(at), one.limit.window_s * 1000, now_ms)))
        return found

    def budgets(self, asked: Sequence[BudgetAsked]) -> list[BudgetUse | None] | None:
        """Parallel to what is asked; None for one without an account, and while Redis cannot be read."""
        pipe = _client(settings.REDIS_URL).pipeline(transaction=False)
        for one in asked:
            pipe.hmget(f"budget:{account_name(one.tenant_id, one.budget, one.subject, one.period)}", "s", "r", "q")
        replies = _replies(pipe)
        if replies is None:
            return None
        return [
            None if spent is None else BudgetUse(int(spent) + int(ended or 0), int(reserved or 0))
            for spent, reserved, ended in replies
        ]


def _in_window(slots: dict[bytes, bytes], window_ms: int, now_ms: int) -> int:
    """The sum of the slots that have not left the window: the script drops the others only with the next call."""
    oldest = now_ms // max(1, window_ms // SLOTS) - SLOTS
    return sum(int(float(count)) for slot, count in slots.items() if slot.isdigit() and int(slot) > oldest)


def _replies(pipe: Any) -> list[Any] | None:
    try:
        return list(pipe.execute())
    except redis.RedisError:
        return None


@cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0)
    )
