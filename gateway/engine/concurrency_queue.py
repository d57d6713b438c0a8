"""Calls of this worker that wait for a place under a concurrency limit; ``lua/places.lua`` decides who goes next."""

from __future__ import annotations

import asyncio

POLL_S = 0.25
"""A waiting call asks again after this long even if nobody called it: a message can get lost, a lease can end."""

CHANNEL_PREFIX = "admission:"
"""Followed by the worker's id: carries the id of the call that is next."""


class WaitingCalls:
    """Wakes a waiting call when its turn comes."""

    def __init__(self, worker_id: str) -> None:
        self.worker_id = worker_id
        self._turns: dict[str, asyncio.Event] = {}

    def enter(self, call_id: str) -> None:
        """The call begins to wait."""
        self._turns[call_id] = asyncio.Event()

    def leave(self, call_id: str) -> None:
        """It waits no longer."""
        self._turns.pop(call_id, None)

    def call_next(self, call_id: str) -> None:
        """It is the call's turn, if it still waits."""
        turn = self._turns.get(call_id)
        if turn is not None:
            turn.set()

    def call_all(self) -> None:
        """Turns may have been missed."""
        for turn in self._turns.values():
            turn.set()

    async def turn(self, call_id: str, longest_s: float) -> None:
        """Wait until the call's turn, or until it is time to ask again."""
        event = self._turns[call_id]
        try:
            await asyncio.wait_for(event.wait(), min(POLL_S, longest_s))
        except TimeoutError:
            return
        event.clear()
