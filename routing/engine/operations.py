"""What an attempt does at its target: ask for a whole answer, for embeddings, or for a stream's first output."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Protocol, TypeVar

from contracts.chat import ChatRequest, EmbeddingRequest, Usage
from contracts.errors import ProviderError
from contracts.ports import Clock, Upstream, UpstreamRequest, UpstreamResponse, UpstreamStream
from contracts.time_limit import TimeLimit
from routing.engine.attempt import Attempt
from routing.engine.call import Completion, EmbeddingCompletion
from routing.engine.stream import LiveStream
from routing.providers.base import Adapter

T_co = TypeVar("T_co", covariant=True)

_ERROR_BODY_BYTES = 1_048_576
"""An error's body beyond this is not read."""

_ERROR_BODY_S = 2.0


class Operation(Protocol[T_co]):
    """Runs one begun attempt; raises a ``GatewayError`` when the target gives no answer."""

    hedgeable: bool

    async def __call__(self, attempt: Attempt) -> T_co:
        """The answer; the attempt has ended or belongs to the answer."""


class Wire:
    """What operations need of the engine."""

    __slots__ = ("adapter_for", "clock", "upstream")

    def __init__(self, upstream: Upstream, adapter_for: Callable[[str], Adapter], clock: Clock) -> None:
        self.upstream = upstream
        self.adapter_for = adapter_for
        self.clock = clock

    async def send(self, attempt: Attempt, request: UpstreamRequest, adapter: Adapter) -> UpstreamResponse:
        """The whole 2xx response within the provider's timeout and the deadline."""
        wanted_ms = attempt.target.provider.timeout_ms
        allowed_s = attempt.allowance_s(wanted_ms)
        outgoing = attempt.outgoing(request)
        started = self.clock.monotonic()
        try:
            with TimeLimit(allowed_s):
                response = await self.upstream.send(outgoing)
        except TimeoutError:
            raise attempt.timed_out(wanted_ms, allowed_s, "an answer") from None
        finally:
            attempt.waited(started)
        if not 200 <= response.status < 300:
            raise _refused(adapter, response.status, response)
        return response


class ChatOnce:
    """A chat call answered whole."""

    __slots__ = ("_request", "_wire")
    hedgeable = True

    def __init__(self, wire: Wire, request: ChatRequest) -> None:
        self._wire = wire
        self._request = request

    async def __call__(self, attempt: Attempt) -> Completion:
        """The parsed answer."""
        target, request = attempt.target, self._request
        adapter = self._wire.adapter_for(target.provider.kind)
        response = await self._wire.send(attempt, adapter.build_chat(request, target), adapter)
        result = adapter.parse_chat(response.body, request, target)
        attempt.succeeded(result.usage, response.status)
        return Completion(result, target)


class EmbedOnce:
    """An embeddings call."""

    __slots__ = ("_request", "_wire")
    hedgeable = True

    def __init__(self, wire: Wire, request: EmbeddingRequest) -> None:
        self._wire = wire
        self._request = request

    async def __call__(self, attempt: Attempt) -> EmbeddingCompletion:
        """The parsed answer."""
        target, request = attempt.target, self._request
        adapter = self._wire.adapter_for(target.provider.kind)
        response = await self._wire.send(attempt, adapter.build_embeddings(request, target), adapter)
        result = adapter.parse_embeddings(response.body, request, target)
        usage: Usage | None = result.usage
        attempt.succeeded(usage, response.status)
        return EmbeddingCompletion(result, target)


class OpenStream:
    """A streamed chat call, up to its first output."""

    __slots__ = ("_request", "_wire")
    hedgeable = False

    def __init__(self, wire: Wire, request: ChatRequest) -> None:
        self._wire = wire
        self._request = request

    async def __call__(self, attempt: Attempt) -> LiveStream:
        """The stream once its first output is here; it owns the attempt."""
        target, request, wire = attempt.target, self._request, self._wire
        adapter = wire.adapter_for(target.provider.kind)
        outgoing = attempt.outgoing(adapter.build_chat(request, target))
        wanted_ms = target.provider.first_token_timeout_ms
        allowed_s = attempt.allowance_s(wanted_ms)
        started = wire.clock.monotonic()
        response: UpstreamStream | None = None
        try:
            with TimeLimit(allowed_s):
                response = await wire.upstream.open(outgoing)
                if not 200 <= response.status < 300:
                    raise await _refused_stream(adapter, response)
                live = LiveStream(attempt, response, adapter.open_chat_stream(request, target), wire.clock)
                await live.read_to_output()
        except BaseException as error:
            # Whatever ended it, cancellation included: the provider must not go on producing for nobody.
            if response is not None:
                await response.aclose()
            if isinstance(error, TimeoutError):
                raise attempt.timed_out(wanted_ms, allowed_s, "a first token") from None
            raise
        finally:
            attempt.waited(started)
        return live


def _refused(adapter: Adapter, status: int, response: UpstreamResponse) -> ProviderError:
    error = adapter.classify_error(status, response.headers, response.body)
    if error.upstream_status is None:
        error.upstream_status = status
    return error


async def _refused_stream(adapter: Adapter, response: UpstreamStream) -> ProviderError:
    body = bytearray()
    # The status alone tells most of it; a body that does not come must not hold up the next attempt.
    with contextlib.suppress(TimeoutError, ProviderError), TimeLimit(_ERROR_BODY_S):
        async for piece in response:
            body += piece
            if len(body) > _ERROR_BODY_BYTES:
                break
    return _refused(adapter, response.status, UpstreamResponse(response.status, response.headers, bytes(body)))
