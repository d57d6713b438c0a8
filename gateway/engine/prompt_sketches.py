"""Sums of what a tenant's applications ask, by route and minute: added up beside the calls, no text is kept.

A call costs the noting of its last question. A few seconds later a thread turns what was noted into vectors and adds
them up; the sums go to Redis, where whoever keeps them takes them. What is lost on the way is lost: a sum of some
fewer prompts says the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from contracts.ports import Clock
from contracts.prompt_sums import QUEUE_SUMS, QUEUE_TTL_MS, PromptSum, sums_of
from events.engine.redis_wire import RedisCommandError, RedisUnavailable, RedisWire

log = logging.getLogger(__name__)

EVERY_S: Final = 5.0
TIMEOUT_S: Final = 1.0
MAX_NOTED: Final = 2_000
"""Questions that wait to be added up."""
MAX_CHARACTERS: Final = 4_000
"""Of a question; of a longer one its beginning and its end."""
_MINUTE_MS: Final = 60_000

_encode = msgspec.msgpack.Encoder().encode


class Noted(NamedTuple):
    """A question, and what it counts for."""

    tenant_id: str
    route: str
    start_s: int
    text: str


class PromptSketches:
    """One per gateway worker."""

    def __init__(self, wire: RedisWire, *, clock: Clock) -> None:
        self._wire = wire
        self._clock = clock
        self._minute = 0
        self._counted: dict[tuple[str, str], int] = {}
        """What was noted of a route in this minute."""
        self._noted: list[Noted] = []
        self._timer: asyncio.TimerHandle | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    def note(self, tenant_id: str, route: str, text: str, most: int) -> None:
        """Have the question added to its minute, unless that has ``most`` of this worker's already."""
        minute = self._clock.now_ms() // _MINUTE_MS
        if minute != self._minute:
            self._minute = minute
            self._counted.clear()
        counted = self._counted.get((tenant_id, route), 0)
        if counted >= most or len(self._noted) >= MAX_NOTED or not text.strip():
            return
        self._counted[tenant_id, route] = counted + 1
        if len(text) > MAX_CHARACTERS:
            text = f"{text[: MAX_CHARACTERS // 2]}\n{text[-MAX_CHARACTERS // 2 :]}"
        self._noted.append(Noted(tenant_id, route, minute * 60, text))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._begin)

    async def stop(self) -> None:
        """Hand on what was noted."""
        if self._timer is not None:
            self._timer.cancel()
            self._begin()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _begin(self) -> None:
        self._timer = None
        noted, self._noted = self._noted, []
        task = asyncio.get_running_loop().create_task(self._hand_on(noted))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _hand_on(self, noted: Sequence[Noted]) -> None:
        try:
            found = await asyncio.to_thread(summed, noted)
            for tenant_id, sums in found.items():
                async with asyncio.timeout(TIMEOUT_S):
                    await self._push(sums_of(tenant_id), sums)
        except (RedisUnavailable, RedisCommandError, TimeoutError) as error:
            log.debug("sums of prompts could not be handed on: %s", error)
        except Exception:  # boundary of the task: whatever callers asked, their sums are lost and nothing else
            log.exception("sums of prompts could not be handed on")

    async def _push(self, name: str, sums: Sequence[PromptSum]) -> None:
        await self._wire.call("RPUSH", name, *map(_encode, sums))
        await self._wire.call("LTRIM", name, -QUEUE_SUMS, -1)
        await self._wire.call("PEXPIRE", name, QUEUE_TTL_MS)


def summed(noted: Sequence[Noted]) -> dict[str, list[PromptSum]]:
    """By tenant, a sum of each route and minute; none where the package with the model is not installed."""
    # Takes numpy and 16 MB: a worker whose tenants have no live evaluations does without.
    from embeddings.static import EmbeddingModelMissing, shared_embedder

    try:
        embedder = shared_embedder()
    except EmbeddingModelMissing as error:
        log.warning("prompts are not added up: %s", error)
        return {}
    totals: dict[tuple[str, int, str], tuple[int, Any]] = {}
    for one in noted:
        key = (one.tenant_id, one.start_s, one.route)
        prompts, total = totals.get(key, (0, 0.0))
        totals[key] = (prompts + 1, total + embedder.embed(one.text))
    found: dict[str, list[PromptSum]] = {}
    for (tenant_id, start_s, route), (prompts, total) in totals.items():
        found.setdefault(tenant_id, []).append(PromptSum(start_s, route, prompts, total.astype("<f4").tobytes()))
    return found
