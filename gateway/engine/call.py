"""The one object that a call is, from its first byte to its last event."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import msgspec

from contracts.chat import ChatChunk, ChatRequest, EmbeddingRequest, JsonObject, Usage
from contracts.events import EventContext
from contracts.guardrails import PolicySpec
from contracts.ids import new_correlation_id, new_span_id, new_trace_id
from contracts.specs import KeySpec, PriceSpec, RouteSpec, TargetSpec, TenantSpec
from events.engine.tracing import parse_traceparent
from gateway.engine.cache.entry import KeptAnswer
from gateway.engine.cache.use import CacheUse
from gateway.engine.call_guard import CallGuard
from gateway.engine.grounding.grounded import Grounded
from gateway.engine.limits import Ticket
from gateway.engine.live_wanted import Wanted
from gateway.exchange import GatewayRequest
from routing.engine.call import Draft, EngineCall
from routing.engine.cost import cost_nanousd

CHARACTERS_PER_TOKEN_AT_MOST = 8
"""Average over an answer: English and code have about 4, long runs of blanks more. A lower figure would cut off answers
whose provider has kept to the cap."""


class StreamTally(msgspec.Struct):
    """What has been streamed so far: the basis of billing when the provider's own figures never come."""

    characters: int = 0
    finish_reason: str | None = None
    texts: list[str] | None = None
    """The pieces of the first choice, kept only where the tenant stores payloads or somebody scores the call."""
    output_cap: int | None = None
    """Output tokens, all choices together, beyond which the stream is cut off; None: it is not."""
    pieces: int = 0
    """Chunks that carried output, counted only where there is a cap."""
    cut: bool = False

    @property
    def output_tokens(self) -> int:
        """The least that can have been produced: a token a chunk, and no token of very many characters."""
        return max(self.pieces, -(-self.characters // CHARACTERS_PER_TOKEN_AT_MOST))

    def beyond_cap(self, chunk: ChatChunk) -> bool:
        """Whether the chunk would go beyond the cap; it is then not to be noted, and the stream ends before it."""
        if self.output_cap is None or self.finish_reason is not None or not chunk.carries_output:
            return False
        characters, self.characters = self.characters, self.characters + _characters(chunk)
        self.pieces += 1
        beyond = self.output_tokens > self.output_cap
        self.characters = characters
        if beyond:
            self.pieces -= 1
            self.cut = True
        return beyond

    def note(self, chunk: ChatChunk) -> None:
        """Count one chunk."""
        for choice in chunk.body.get("choices") or ():
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            delta = choice.get("delta") or {}
            text = delta.get("content") or delta.get("reasoning_content") or ""
            self.characters += len(text)
            for tool_call in delta.get("tool_calls") or ():
                self.characters += len((tool_call.get("function") or {}).get("arguments") or "")

    def keep(self, chunk: ChatChunk) -> None:
        """Keep the texts of one chunk as the caller gets it, where texts are kept."""
        if self.texts is None:
            return
        for choice in chunk.body.get("choices") or ():
            delta = choice.get("delta") or {}
            text = delta.get("content") or delta.get("reasoning_content")
            if text and choice.get("index", 0) == 0:
                self.texts.append(text)


def begun(exchange: GatewayRequest, endpoint: str, operation: str) -> Call:
    """A call of which nothing is known yet but how it came."""
    incoming = parse_traceparent(exchange.headers.get("traceparent"))
    return Call(
        exchange=exchange,
        endpoint=endpoint,
        operation=operation,
        correlation_id=new_correlation_id(),
        trace_id=incoming.trace_id if incoming else new_trace_id(),
        span_id=new_span_id(),
        parent_span_id=incoming.span_id if incoming else "",
        started_at_ns=time.time_ns(),
    )


def _characters(chunk: ChatChunk) -> int:
    tally = StreamTally()
    tally.note(chunk)
    return tally.characters


def end_of_cut_stream(chunk: ChatChunk, choices: int) -> ChatChunk:
    """What a provider that kept to the cap would have sent in place of ``chunk``: the end, for reason of length."""
    head: JsonObject = {name: chunk.body[name] for name in ("id", "object", "created", "model") if name in chunk.body}
    ends = [{"index": index, "delta": {}, "finish_reason": "length"} for index in range(choices)]
    return ChatChunk({**head, "choices": ends})


def end_of_withheld_stream(choices: int) -> ChatChunk:
    """What providers send where their own filter ends an answer."""
    ends = [{"index": index, "delta": {}, "finish_reason": "content_filter"} for index in range(choices)]
    return ChatChunk({"choices": ends})


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
    batch_class: bool = False
    """Whether it waits behind interactive calls, where calls wait."""
    # route
    route: RouteSpec = field(init=False)
    route_reason: str = field(init=False)
    policies: tuple[PolicySpec, ...] = ()
    """The platform's and the tenant's, whether they apply to this call or not."""
    # guard
    guard: CallGuard | None = None
    """None where no policy applies."""
    # retrieve
    grounded: Grounded | None = None
    """On which documents it rests; None where it does on none."""
    instead: KeptAnswer | None = None
    """Said without asking a model, because the documents do not answer the question."""
    # look up
    cache: CacheUse = field(default_factory=CacheUse)
    cache_scope: str = ""
    """What the answer depends on besides request and route, such as the versions of the policies that apply."""
    # admit
    ticket: Ticket | None = None
    over_budget: bool = False
    """Whether a budget's limit had the call degraded."""
    output_cap: int | None = None
    """Output tokens per choice that a budget leaves to the call."""
    engine: EngineCall = field(init=False)
    draft: Draft = field(init=False)
    # call
    target: TargetSpec | None = None
    tally: StreamTally = field(init=False)
    first_token_ms: float | None = None
    usage: Usage | None = None
    finish_reason: str | None = None
    output: JsonObject | str | None = None
    wanted: Wanted | None = None
    """Who wants to score it; None where nobody does."""
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
    def choices(self) -> int:
        """How many answers the caller asked for."""
        return self.request.n or 1 if isinstance(self.request, ChatRequest) else 1

    @property
    def kept(self) -> KeptAnswer | None:
        """The answer for which no model is asked."""
        return self.cache.hit.answer if self.cache.hit is not None else self.instead

    @property
    def price(self) -> PriceSpec | None:
        """The price of the model that answered (or was last tried); None when unknown."""
        return self.target.model.price if self.target is not None else None

    def cost_of(self, usage: Usage) -> int | None:
        """What the call costs, in nano-USD; None when unknown. From the cache it costs what the route says."""
        if self.cache.hit is not None:
            return self.cache.hit.billed_nanousd
        if self.instead is not None:
            return 0
        return cost_nanousd(usage, self.price)

    def used(self, usage: Usage) -> Usage:
        """What was used for this call: nothing, where no model was asked."""
        return usage if self.kept is None else Usage()
