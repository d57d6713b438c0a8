"""The values that pass between the pipeline and the routing engine."""

from __future__ import annotations

import msgspec

from contracts.chat import ChatResult, EmbeddingResult
from contracts.events import DecisionMade, EventContext, SkippedTarget
from contracts.specs import RouteSpec, TargetSpec


class AttemptRecord(msgspec.Struct):
    """One try at one target, as told in the run and the metrics. Durations in ms."""

    number: int
    target: TargetSpec
    duration_ms: float = 0.0
    queue_ms: float = 0.0
    first_token_ms: float | None = None
    hedge: bool = False
    error_code: str | None = None
    upstream_status: int | None = None
    started_at_ns: int = 0
    """Unix time in nanoseconds, for the attempt's span."""
    span_id: str = ""


class EngineCall(msgspec.Struct):
    """What the engine needs to know of a call besides the request, and what it writes back as it goes."""

    context: EventContext
    deadline: float
    """``Clock.monotonic`` instant at which the whole call is given up."""
    user: str | None = None
    estimated_input_tokens: int = 0
    traceparent: str | None = None
    attempts: list[AttemptRecord] = msgspec.field(default_factory=list)
    upstream_wait_s: float = 0.0
    """Seconds in which at least one provider was being waited for (queueing for a slot and backing off included)."""
    fallback_used: bool = False


class Draft(msgspec.Struct, frozen=True):
    """A plan before anybody was told of it; ``targets`` is empty when there is none to try."""

    route: RouteSpec
    targets: tuple[TargetSpec, ...]
    decision: DecisionMade


class Plan(msgspec.Struct, frozen=True):
    """The targets of one call in the order in which they will be tried; never empty."""

    route: RouteSpec
    reason: str
    targets: tuple[TargetSpec, ...]
    skipped: tuple[SkippedTarget, ...] = ()


class Completion(msgspec.Struct):
    """A whole answer and the target that gave it."""

    result: ChatResult
    target: TargetSpec


class EmbeddingCompletion(msgspec.Struct):
    """Embeddings and the target that gave them."""

    result: EmbeddingResult
    target: TargetSpec
