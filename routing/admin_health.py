"""What the gateways' circuit breakers say, for the badges of the admin."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

import redis
from django.conf import settings
from django.template.loader import render_to_string
from redis.backoff import NoBackoff
from redis.retry import Retry

CLOSED, HALF_OPEN, OPEN = "closed", "half_open", "open"
UNKNOWN = "unknown"

_COLOURS = {
    "healthy": "success",
    "degraded": "warning",
    "down": "danger",
    CLOSED: "success",
    HALF_OPEN: "warning",
    OPEN: "danger",
    "set": "success",
    "missing": "danger",
    "platform": "info",
    "tenant": "primary",
}
"""Of a badge, by its key; whatever is missing is grey."""

_TIMEOUT_S = 0.25
_PAUSE_S = 5.0

logger = logging.getLogger(__name__)


class BreakerStates:
    """Reads ``breaker:{target_id}`` of many targets in one round trip.

    After a failure nothing is asked for five seconds: with Redis down, every page but the first is as fast as ever.
    """

    def __init__(self, client: redis.Redis, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._monotonic = monotonic
        self._paused_until = float("-inf")

    def read(self, ids: Iterable[str]) -> dict[str, str]:
        """The state by id; ``unknown`` for all when Redis does not answer, ``closed`` where no breaker ever moved."""
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return {}
        if self._monotonic() < self._paused_until:
            return dict.fromkeys(wanted, UNKNOWN)
        try:
            pipeline = self._client.pipeline(transaction=False)
            for target_id in wanted:
                pipeline.hget(f"breaker:{target_id}", "state")
            found = pipeline.execute()
        except redis.RedisError as error:
            self._paused_until = self._monotonic() + _PAUSE_S
            logger.warning("breaker states cannot be read: %s", error)
            return dict.fromkeys(wanted, UNKNOWN)
        return {target_id: _state(raw) for target_id, raw in zip(wanted, found, strict=True)}


def breaker_states() -> BreakerStates:
    """The reader of this process."""
    return _reader(settings.REDIS_URL)


def summary(states: Sequence[str]) -> tuple[str, str]:
    """One badge (key, text) for several targets: the worst that is known."""
    if not states:
        return "none", "no targets"
    if UNKNOWN in states:
        return UNKNOWN, "unknown"
    refusing = sum(state == OPEN for state in states)
    if refusing == len(states):
        return "down", "down"
    if refusing:
        return "degraded", f"{refusing} of {len(states)} open"
    if HALF_OPEN in states:
        return "degraded", "probing"
    return "healthy", "healthy"


def state_badge(state: str) -> str:
    """A badge for one target."""
    return badge(state, state.replace("_", " "))


def badge(key: str, text: str) -> str:
    """The markup of a badge, the same in lists and on pages."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": _COLOURS.get(key, "")})


def summaries(ids_by_row: Mapping[object, Sequence[str]]) -> dict[object, tuple[str, str]]:
    """A badge for each row, all read in one round trip."""
    states = breaker_states().read(target_id for ids in ids_by_row.values() for target_id in ids)
    return {row: summary([states[target_id] for target_id in ids]) for row, ids in ids_by_row.items()}


@cache
def _reader(url: str) -> BreakerStates:
    client = redis.Redis.from_url(
        url,
        socket_timeout=_TIMEOUT_S,
        socket_connect_timeout=_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    return BreakerStates(client)


def _state(raw: bytes | str | None) -> str:
    text = raw.decode() if isinstance(raw, bytes) else raw
    return text if text in (OPEN, HALF_OPEN) else CLOSED
