"""One call at a time asks a provider for an answer; equal calls that come meanwhile wait for that one."""

from __future__ import annotations

import asyncio
import uuid
from typing import Final

import msgspec

from contracts.time_limit import TimeLimit
from gateway.engine.cache.shelves import AnswerKey, RedisShelf, poll

LEASE_MS: Final = 15_000
"""How long other workers wait for one that has died, and that a slow one is waited for."""

FIRST_PAUSE_S: Final = 0.02
LONGEST_PAUSE_S: Final = 0.25


class Flight(msgspec.Struct):
    """A place in the queue for one answer."""

    key: AnswerKey
    landed: asyncio.Future[bytes | None]
    owner: str = ""
    """Of the lock in Redis; empty where it is not ours."""


class Flights:
    """Those of one worker. Workers find each other by a lock in Redis, and do without it where Redis is down."""

    def __init__(self, shelf: RedisShelf) -> None:
        self._shelf = shelf
        self._flights: dict[AnswerKey, Flight] = {}

    async def join(self, key: AnswerKey, wait_s: float) -> tuple[Flight | None, bytes | None]:
        """Wait for an equal call's answer, or become the one that asks.

        Returns the flight that the caller leads and has to :meth:`land`, or the answer; neither where the call that was
        waited for had no answer to share, or took too long: then the caller asks for itself.
        """
        present = self._flights.get(key)
        if present is not None:
            await asyncio.wait({present.landed}, timeout=wait_s)
            return None, present.landed.result() if present.landed.done() else None
        flight = Flight(key, asyncio.get_running_loop().create_future())
        self._flights[key] = flight
        try:
            owner = uuid.uuid4().hex
            if await self._shelf.lock(key, owner, LEASE_MS):
                flight.owner = owner
                return flight, None
            packed = await self._of_other_worker(key, wait_s)
        except BaseException:
            self.land(flight, None)
            raise
        if packed is None:
            return flight, None
        self.land(flight, packed)
        return None, packed

    def land(self, flight: Flight, packed: bytes | None) -> None:
        """End the flight: those who wait get the answer, or None and ask for themselves. Safe to call twice."""
        if flight.landed.done():
            return
        flight.landed.set_result(packed)
        self._flights.pop(flight.key, None)
        if flight.owner:
            self._shelf.unlock(flight.key, flight.owner)

    async def _of_other_worker(self, key: AnswerKey, wait_s: float) -> bytes | None:
        async def ask() -> bytes | None:
            packed = await self._shelf.get(key)
            if packed is not None:
                return packed
            if await self._shelf.locked(key):
                return None
            # The answer is put there before the lock is given up.
            return await self._shelf.get(key) or b""

        try:
            with TimeLimit(wait_s):
                found: bytes = await poll(ask, pause_s=FIRST_PAUSE_S, longest_pause_s=LONGEST_PAUSE_S)
        except TimeoutError:
            return None
        return found or None
