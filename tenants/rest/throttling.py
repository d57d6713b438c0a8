"""How often one principal may ask: a steady rate with some burst, counted in Redis for all workers together."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from tenants.rest.principals import principal_of

logger = logging.getLogger(__name__)

_TIMEOUT_S = 0.5
_BURST_S = 10
"""A principal that was quiet may ask at once what it may ask in this many seconds."""

# The generic cell rate algorithm (ITU-T I.371): one stored instant per principal, in microseconds of Redis' clock.
_GCRA = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = due + interval - burst - now
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', due + interval), 'PX', math.ceil((due + interval - now) / 1000) + 1)
return 0
"""


class PrincipalThrottle(BaseThrottle):
    """At most ``MANAGEMENT_RATE_PER_MINUTE`` requests; with Redis down everything is let through, and logged."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether the principal is within its rate."""
        per_minute: int = settings.MANAGEMENT_RATE_PER_MINUTE
        interval_us = 60_000_000 // per_minute
        burst_us = max(interval_us, _BURST_S * 1_000_000)
        try:
            script = _client(settings.REDIS_URL).register_script(_GCRA)
            wait_us: Any = script(keys=[f"management:rate:{principal_of(request).id}"], args=[interval_us, burst_us])
        except redis.RedisError as error:
            logger.warning("The rate of the management API is not limited, as Redis cannot be asked: %s", error)
            return True
        self._wait_s = int(wait_us) / 1_000_000
        return self._wait_s == 0

    def wait(self) -> float:
        """Seconds until the next request is let through."""
        return self._wait_s


@cache
def _client(url: str) -> redis.Redis:
    # No retries: a person waits.
    return redis.Redis.from_url(
        url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=Retry(NoBackoff(), 0)
    )
