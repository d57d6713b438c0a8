"""What judges said of calls whose scores are not written yet.

It is written down before the gateway tells the judge's call as done: a worker that dies in between leaves it to the
next, which neither asks nor pays again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, NamedTuple, cast

import msgspec
import redis

from evaluation.live.queue import client

log = logging.getLogger(__name__)

KEPT_S: Final = 900
"""Longer than calls wait in their queue."""
Slot = tuple[str, str, str]
"""Id of the live evaluation, name of the evaluator, and which of its questions."""


class Said(NamedTuple):
    """By a judge, what that cost, and the packed :class:`gateway.kept_ends.KeptEnd` of the call."""

    text: str
    cost_nanousd: int
    end: bytes = b""


class SaidBefore:
    """What was said about a tenant's calls, in Redis by the call's id."""

    def __init__(self, tenant_id: str) -> None:
        self._prefix = f"live:{{{tenant_id}}}:said:"

    def about(self, run_id: str) -> dict[Slot, Said]:
        """Nothing, mostly; nothing either where Redis does not answer."""
        try:
            found = cast("dict[bytes, bytes]", client().hgetall(self._prefix + run_id))
        except redis.RedisError as error:
            log.warning("what judges said before cannot be read: %s", error)
            return {}
        return {_slot(key): Said(*msgspec.msgpack.decode(value)) for key, value in found.items()}

    async def keep(self, run_id: str, slot: Slot, said: Said) -> None:
        """Off the gateway's loop. Where Redis does not answer the judge is heard all the same."""
        try:
            await asyncio.to_thread(self._keep, run_id, slot, said)
        except redis.RedisError as error:
            log.warning("what a judge said cannot be kept: %s", error)

    def forget(self, run_id: str) -> None:
        """Its scores are written. What cannot be forgotten now is so by itself."""
        try:
            client().delete(self._prefix + run_id)
        except redis.RedisError as error:
            log.warning("what judges said cannot be forgotten: %s", error)

    def _keep(self, run_id: str, slot: Slot, said: Said) -> None:
        pipe = client().pipeline()
        pipe.hset(self._prefix + run_id, msgspec.msgpack.encode(slot), msgspec.msgpack.encode(said))
        pipe.expire(self._prefix + run_id, KEPT_S)
        pipe.execute()


def _slot(packed: bytes) -> Slot:
    evaluation, evaluator, question = cast("list[Any]", msgspec.msgpack.decode(packed))
    return evaluation, evaluator, question
