"""Places for calls in flight at one target, with a bounded first-come-first-served queue."""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """At most ``limit`` calls in flight and ``max_queue`` waiting; one event loop only.

    A released slot passes straight to the longest waiting call, so that a newcomer cannot overtake the queue.
    """

    __slots__ = ("_waiters", "in_flight", "limit", "max_queue")

    def __init__(self, limit: int, max_queue: int) -> None:
        self.limit = limit
        self.max_queue = max_queue
        self.in_flight = 0
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """Calls in the queue."""
        return len(self._waiters)

    @property
    def full(self) -> bool:
        """Whether a call would neither get a slot now nor be allowed to wait for one."""
        return self.in_flight >= self.limit and len(self._waiters) >= self.max_queue

    def try_acquire(self) -> bool:
        """Take a slot if one is free and nobody waits for it."""
        if self.in_flight >= self.limit or self._waiters:
            return False
        self.in_flight += 1
        return True

    async def wait(self, timeout_s: float) -> bool:
        """Take a slot, waiting at most so long; False when none came or the queue is full."""
        if self.try_acquire():
            return True
        if len(self._waiters) >= self.max_queue or timeout_s <= 0:
            return False
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            self._withdraw(waiter)
            return False
        except asyncio.CancelledError:
            self._withdraw(waiter)
            raise
        return True

    def release(self) -> None:
        """Give a slot back."""
        if self.in_flight <= self.limit:
            while self._waiters:
                waiter = self._waiters.popleft()
                if not waiter.done():
                    waiter.set_result(None)
                    return
        self.in_flight -= 1

    def resize(self, limit: int, max_queue: int) -> None:
        """Take new limits; calls in flight above a lowered limit finish, and their slots are not given out again."""
        self.limit = limit
        self.max_queue = max_queue
        while self._waiters and self.in_flight < self.limit:
            waiter = self._waiters.popleft()
            if not waiter.done():
                self.in_flight += 1
                waiter.set_result(None)

    def _withdraw(self, waiter: asyncio.Future[None]) -> None:
        # The slot may have been handed over in the very turn in which the wait was given up.
        if waiter.done() and not waiter.cancelled():
            self.release()
        elif waiter in self._waiters:
            self._waiters.remove(waiter)
