"""A streamed answer on its way to the client."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Self

from contracts.chat import ChatChunk, Usage
from contracts.errors import DeadlineExceeded, GatewayError, InternalError, ProviderTimeout
from contracts.ports import Clock, UpstreamStream
from contracts.specs import TargetSpec
from contracts.time_limit import TimeLimit
from routing.engine.attempt import CLIENT_LEFT, Attempt
from routing.providers.base import StreamParser


class LiveStream:
    """The chunks of one answer, in order, beginning with those that came before the first output.

    Iterate to the end or :meth:`aclose` it; closing early cancels the call upstream. Once output has been handed
    over there is no failover: an error ends the iteration.
    """

    __slots__ = (
        "_attempt",
        "_begun",
        "_chunks",
        "_clock",
        "_ended",
        "_parser",
        "_pieces",
        "_response",
        "target",
        "usage",
    )

    def __init__(self, attempt: Attempt, response: UpstreamStream, parser: StreamParser, clock: Clock) -> None:
        self.target: TargetSpec = attempt.target
        self.usage: Usage | None = None
        """What the provider has reported so far; the last report wins."""
        self._attempt = attempt
        self._response = response
        self._pieces = response.__aiter__()
        self._parser = parser
        self._clock = clock
        self._chunks: deque[ChatChunk] = deque()
        self._ended = False
        self._begun = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatChunk:
        """The next chunk.

        Raises:
            ProviderError: the provider failed in the middle of its answer, or fell silent.
            DeadlineExceeded: the call's time is up.
        """
        while not self._chunks:
            if self._ended:
                raise StopAsyncIteration
            await self._read_guarded()
        return self._chunks.popleft()

    async def aclose(self, reason: str = CLIENT_LEFT) -> None:
        """End the call upstream if it still runs. Safe to call twice, and after the end."""
        self._chunks.clear()
        self._ended = True
        self._attempt.cancelled(reason)
        await self._response.aclose()

    def __del__(self) -> None:
        # Dropped without being read or closed (a client that left before the first byte): the slot must not leak.
        if self._begun:
            self._attempt.cancelled(CLIENT_LEFT)

    async def read(self) -> bool:
        """Take in the provider's next piece; False when it was the last. Raises as :meth:`__anext__`."""
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self._ended = True
            self._take(self._parser.close())
            return False
        self._take(self._parser.feed(piece))
        return True

    async def _read_guarded(self) -> None:
        started = self._clock.monotonic()
        wanted_ms = self.target.provider.timeout_ms
        allowed_s = max(0.0, min(wanted_ms / 1000, self._attempt.call.deadline - started))
        try:
            with TimeLimit(allowed_s):
                more = await self.read()
        except TimeoutError:
            raise await self._fail(self._too_slow(wanted_ms, allowed_s)) from None
        except GatewayError as error:
            raise await self._fail(error) from error.__cause__
        except asyncio.CancelledError:
            await self.aclose()
            raise
        except Exception:
            await self._fail(InternalError("Internal error."))
            raise
        finally:
            self._attempt.waited(started)
        if not more:
            self._attempt.succeeded(self.usage, self._response.status)
            await self._response.aclose()

    async def _fail(self, error: GatewayError) -> GatewayError:
        self._ended = True
        self._attempt.failed(error)
        await self._response.aclose()
        return error

    def _too_slow(self, wanted_ms: int, allowed_s: float) -> GatewayError:
        if allowed_s * 1000 < wanted_ms:
            return DeadlineExceeded("The call's time was up before the answer was complete.")
        return ProviderTimeout(f"{self.target.label} sent nothing for {wanted_ms} ms in the middle of its answer.")

    def _take(self, chunks: list[ChatChunk]) -> None:
        for chunk in chunks:
            if chunk.usage is not None:
                self.usage = chunk.usage
        self._chunks.extend(chunks)

    async def read_to_output(self) -> None:
        """Take in pieces until the first output (or a reason why there will be none) is here."""
        seen = 0
        more = True
        while more:
            more = await self.read()
            while seen < len(self._chunks):
                if _decisive(self._chunks[seen]):
                    more = False
                    break
                seen += 1
        self._attempt.first_output()
        self._begun = True
        if self._ended:
            self._attempt.succeeded(self.usage, self._response.status)
            await self._response.aclose()


def _decisive(chunk: ChatChunk) -> bool:
    if chunk.carries_output:
        return True
    return any(choice.get("finish_reason") for choice in chunk.body.get("choices") or ())
