"""Targets, routes and the seams of the engine, for its tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from contracts.chat import ChatChunk, ChatRequest, ChatResult, EmbeddingRequest, EmbeddingResult, Message, Usage
from contracts.clock import SystemClock
from contracts.errors import (
    ProviderAuthFailed,
    ProviderBadResponse,
    ProviderError,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
)
from contracts.events import EventContext, EventPayload
from contracts.ports import Upstream, UpstreamRequest
from contracts.specs import BreakerSpec, ModelSpec, PriceSpec, ProviderSpec, RetrySpec, RouteSpec, TargetSpec
from routing.engine.call import EngineCall
from routing.engine.executor import Engine
from routing.engine.http.client import AsyncioUpstream

CAPABILITIES = frozenset({"chat", "streaming", "tools", "embeddings"})
CONTEXT = EventContext("tenant", "0" * 31 + "1", "0" * 15 + "2", "req_1")


def target(
    name: str = "a",
    *,
    behaviour: str = "ok",
    port: int = 0,
    weight: int = 1,
    priority: int = 0,
    price: PriceSpec | None = None,
    breaker: BreakerSpec | None = None,
    **provider: Any,
) -> TargetSpec:
    """A target whose provider is the fault server on ``port``, provoking ``behaviour``."""
    return TargetSpec(
        id=f"target-{name}",
        provider=ProviderSpec(
            id=f"provider-{name}", name=name, kind="faulty", base_url=f"http://127.0.0.1:{port}", **provider
        ),
        model=ModelSpec(id=f"model-{name}", name="m", wire_name=behaviour, capabilities=CAPABILITIES, price=price),
        weight=weight,
        priority=priority,
        breaker=breaker or BreakerSpec(),
    )


def route(*targets: TargetSpec, **fields: Any) -> RouteSpec:
    """A route over these targets with delays short enough for tests."""
    fields.setdefault("retry", RetrySpec(base_ms=1, cap_ms=5))
    return RouteSpec(id="route-1", name="r", targets=targets, **fields)


def chat(**fields: Any) -> ChatRequest:
    """A small chat request."""
    return ChatRequest(messages=[Message(role="user", content="Hello")], **fields)


def engine_call(seconds: float = 10.0, user: str | None = None) -> EngineCall:
    """A call with so much time left."""
    return EngineCall(
        context=CONTEXT,
        deadline=SystemClock().monotonic() + seconds,
        user=user,
        estimated_input_tokens=10,
        traceparent=f"00-{CONTEXT.trace_id}-{CONTEXT.span_id}-01",
    )


class ShiftedClock(SystemClock):
    """The system's clock, set forward by hand."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s


class Recorder:
    """An emitter that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[EventPayload] = []

    def emit(self, payload: EventPayload, context: EventContext) -> None:
        self.events.append(payload)

    def flush(self) -> None:
        """Nothing is held back."""

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one type."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def types(self) -> list[str]:
        """The event types in order."""
        return [event.event_type for event in self.events]


class FaultyAdapter:
    """Asks the fault server for the behaviour that the model's wire name names; streams are ``data: <text>``."""

    kind = "faulty"
    supports_embeddings = True

    def unsupported_params(self, request: ChatRequest, target: TargetSpec) -> list[str]:
        return []

    def build_chat(self, request: ChatRequest, target: TargetSpec) -> UpstreamRequest:
        url = f"{target.provider.base_url}/{target.model.wire_name}"
        return UpstreamRequest("POST", url, (("content-type", "application/json"),), b"{}")

    def parse_chat(self, body: bytes, request: ChatRequest, target: TargetSpec) -> ChatResult:
        if body != b'{"ok":true}':
            raise ProviderBadResponse("not what was promised")
        choices = [{"message": {"content": target.provider.name}, "finish_reason": "stop"}]
        return ChatResult({"choices": choices}, Usage(3, 4))

    def open_chat_stream(self, request: ChatRequest, target: TargetSpec) -> FaultyParser:
        return FaultyParser()

    def build_embeddings(self, request: EmbeddingRequest, target: TargetSpec) -> UpstreamRequest:
        return self.build_chat(chat(), target)

    def parse_embeddings(self, body: bytes, request: EmbeddingRequest, target: TargetSpec) -> EmbeddingResult:
        return EmbeddingResult({"data": []}, Usage(3))

    def classify_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        after = float(headers["retry-after"]) if "retry-after" in headers else None
        kinds: dict[int, type[ProviderError]] = {
            400: ProviderRejected,
            401: ProviderAuthFailed,
            429: ProviderRateLimited,
        }
        return kinds.get(status, ProviderUnavailable)(f"status {status}", upstream_status=status, retry_after_s=after)


class FaultyParser:
    """``data: role`` carries no output, ``data: error`` is an error event, ``data: end`` must come last."""

    def __init__(self) -> None:
        self._rest = b""
        self._ended = False

    def feed(self, data: bytes) -> list[ChatChunk]:
        *events, self._rest = (self._rest + data).split(b"\n\n")
        return [self._chunk(event.removeprefix(b"data: ").decode()) for event in events]

    def close(self) -> list[ChatChunk]:
        if not self._ended:
            raise ProviderBadResponse("the stream ended before its end")
        return []

    def _chunk(self, text: str) -> ChatChunk:
        if text == "error":
            raise ProviderUnavailable("overloaded")
        if text == "role":
            return ChatChunk({"choices": [{"delta": {"role": "assistant"}}]})
        if text == "end":
            self._ended = True
            return ChatChunk({"choices": []}, Usage(3, 4))
        return ChatChunk({"choices": [{"delta": {"content": text}}]})


_FAULTY = FaultyAdapter()


def engine(recorder: Recorder, *, upstream: Upstream | None = None, seed: int = 1, **fields: Any) -> Engine:
    """An engine over a real HTTP client."""
    adapters: Callable[[str], Any] = lambda kind: _FAULTY  # noqa: E731
    fields.setdefault("clock", SystemClock())
    return Engine(
        upstream=upstream or AsyncioUpstream(),
        emitter=recorder,
        random=Random(seed),
        adapters=adapters,
        **fields,
    )
