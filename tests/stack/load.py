"""Calls at a steady rate, whatever happens to them, and what their client saw of each."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.stack.installation import KEY, ROUTE

CALL_TIMEOUT_S = 15.0


@dataclass
class Call:
    """One call as its client saw it; ``status`` 0: no answer came. Times are of ``time.monotonic``, in seconds."""

    began: float
    streamed: bool
    status: int = 0
    took_s: float = 0.0
    correlation_id: str = ""
    complete: bool = False
    problem: str = ""

    @property
    def succeeded(self) -> bool:
        """A whole answer came."""
        return self.status == 200 and self.complete


@dataclass
class Load:
    """Sends ``rate`` calls a second while it is open; each fourth is streamed. Leaving it waits for the last answer."""

    root: str
    rate: float = 30.0
    key: str = KEY
    model: str = ROUTE
    calls: list[Call] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self.opened_at = datetime.now(UTC)
        self._session = aiohttp.ClientSession(
            # A connection for each call: the kernel spreads them over the workers, and none outlives its worker.
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT_S),
            headers={"authorization": f"Bearer {self.key}"},
        )
        self._stopping = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._sending = asyncio.create_task(self._send())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        await self._sending
        await asyncio.gather(*self._under_way)
        await self._session.close()

    async def for_s(self, seconds: float) -> None:
        """Let it run for so long."""
        await asyncio.sleep(seconds)

    def between(self, begin: float, end: float) -> list[Call]:
        """Calls that began in this time."""
        return [call for call in self.calls if begin <= call.began < end]

    @property
    def failed(self) -> list[Call]:
        """Calls that got no whole answer."""
        return [call for call in self.calls if not call.succeeded]

    async def _send(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            call = Call(began=time.monotonic(), streamed=len(self.calls) % 4 == 3)
            self.calls.append(call)
            task = asyncio.create_task(self._one(call))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            due += 1 / self.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _one(self, call: Call) -> None:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": "Hello"}],
            "stream": call.streamed,
        }
        try:
            async with self._session.post(f"{self.root}/v1/chat/completions", json=body) as response:
                call.status = response.status
                call.correlation_id = response.headers.get("x-correlation-id", "")
                answer = await response.read()
                call.complete = b"data: [DONE]" in answer if call.streamed else b'"usage"' in answer
                if not call.succeeded:
                    call.problem = answer[-300:].decode("utf-8", "replace")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            call.problem = repr(error)
        call.took_s = time.monotonic() - call.began


def p95(times_s: list[float]) -> float:
    """What all but one in twenty are below, in seconds."""
    return sorted(times_s)[len(times_s) * 95 // 100]
