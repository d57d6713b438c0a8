"""What waits to be sent to one client. Bounded: a client that reads too slowly loses messages, and is told so."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

LIMIT: Final = 2_000
BYTES_LIMIT: Final = 4 << 20
BATCH: Final = 100


class Outbox:
    """Messages in order. :meth:`put` never waits."""

    def __init__(self, *, limit: int = LIMIT, bytes_limit: int = BYTES_LIMIT) -> None:
        self._limit = limit
        self._bytes_limit = bytes_limit
        self._messages: deque[str] = deque()
        self._bytes = 0
        self._dropped = 0
        self._missed = 0
        self._waiting = asyncio.Event()

    def put(self, message: str) -> bool:
        """Queue a message; False when it was dropped, as are all until the client has read what is queued."""
        full = len(self._messages) >= self._limit or self._bytes + len(message) > self._bytes_limit
        if self._dropped or (full and self._messages):
            self._dropped += 1
            return False
        self._messages.append(message)
        self._bytes += len(message)
        self._waiting.set()
        return True

    def miss(self) -> None:
        """Count a message that is not even queued; ``dropped`` tells of it after what is sent next."""
        self._missed += 1

    async def ready(self) -> None:
        """Wait until there is something to take."""
        await self._waiting.wait()

    async def take(self, most: int = BATCH) -> list[str]:
        """The next messages, at least one; after the last one before a gap, ``dropped`` says how many are missing."""
        await self._waiting.wait()
        taken = [self._messages.popleft() for _ in range(min(most, len(self._messages)))]
        self._bytes -= sum(map(len, taken))
        if not self._messages:
            self._waiting.clear()
            missing = self._dropped + self._missed
            if missing:
                taken.append(f'{{"type":"dropped","count":{missing}}}')
                self._dropped = self._missed = 0
        return taken
