"""The one object that a call is, from its first byte to its last event."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from contracts.chat import ChatChunk, ChatRequest, EmbeddingRequest, JsonObject, Usage
from contracts.events import EventContext
from contracts.specs import KeySpec, PriceSpec, RouteSpec, TargetSpec, TenantSpec
from gateway.engine.limits import Ticket
from gateway.exchange import GatewayRequest
from routing.engine.call import Draft, EngineCall


class StreamTally(msgspec.Struct):
    """What has been streamed so far: the basis of billing when the provider's own figures never come."""

    characters: int = 0
    finish_reason: str | None = None
    texts: list[str] | None = None
    """The pieces of the first choice, kept only where the tenant stores payloads."""

    def note(self, chunk: ChatChunk) -> None:
        """Count one chunk."""
        for choice in chunk.body.get("choices") or ():
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            delta = choice.get("delta") or {}
            text = delta.get("content") or delta.get("reasoning_content") or ""
            self.characters += len(text)
            for tool_call in delta.get("tool_calls") or ():
                self.characters += len((tool_call.get("function") or {}).get("arguments") or "")
            if self.texts is not None and text and choice.get("index", 0) == 0:
                self.texts.append(text)


@dataclass(slots=True)
class Call:
    """Filled step by step by the pipeline.

    Attributes without a default do not exist until their step has run: reading one too early is an
    ``AttributeError``, not a silent None.
    """

    exchange: GatewayRequest
    endpoint: str
    operation: str
    """OpenTelemetry's ``gen_ai.operation.name``."""
    correlation_id: str
    trace_id: str
    span_id: str
    parent_span_id: str
    started_at_ns: int
    """Unix nanoseconds."""

    # authenticate
    tenant_id: str = ""
    """Empty until the caller is known."""
    key: KeySpec = field(init=False)
    tenant: TenantSpec = field(init=False)
    # parse
    request: ChatRequest | EmbeddingRequest = field(init=False)
    tags: dict[str, str] = field(init=False)
    # route
    route: RouteSpec = field(init=False)
    route_reason: str = field(init=False)
    # admit
    ticket: Ticket | None = None
    engine: EngineCall = field(init=False)
    draft: Draft = field(init=False)
    # call
    target: TargetSpec | None = None
    tally: StreamTally = field(init=False)
    first_token_ms: float | None = None
    usage: Usage | None = None
    finish_reason: str | None = None
    output: JsonObject | str | None = None
    # settle
    ended: bool = False

    @property
    def context(self) -> EventContext:
        """Whose events these are."""
        return EventContext(self.tenant_id, self.trace_id, self.span_id, self.correlation_id)

    @property
    def streamed(self) -> bool:
        """Whether the caller asked for a stream."""
        return isinstance(self.request, ChatRequest) and bool(self.request.stream)

    @property
    def price(self) -> PriceSpec | None:
        """The price of the model that answered (or was last tried); None when unknown."""
        return self.target.model.price if self.target is not None else None
