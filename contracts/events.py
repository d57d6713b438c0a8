"""Events: one envelope, one typed payload per ``event_type``.

``event_type`` is ``<domain>.<action>.<result>``. A payload struct is the contract of its type: adding an
optional field is compatible, anything else needs a new ``schema_version`` (held by the compatibility test in
``tests/contracts``). Durations are milliseconds, money is nano-USD, texts never hold a secret and hold prompt
or answer only where the tenant stores payloads.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

SCHEMA_VERSION = 1

LAYERS = {1: "foundation", 2: "orchestration", 3: "intelligence", 4: "observability", 5: "presentation"}


class EventPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all payloads: ``event_type`` and ``layer`` belong to the class, not to the instance."""

    event_type: ClassVar[str] = ""
    layer: ClassVar[int] = 1


class EventContext(msgspec.Struct, frozen=True):
    """Whose event this is and which call it belongs to; empty strings where there is none."""

    tenant_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    correlation_id: str = ""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What travels on the bus. ``payload`` is an undecoded JSON object of the type's struct."""

    event_id: str
    event_type: str
    schema_version: int
    timestamp: str
    """RFC 3339, UTC, microseconds, ``Z``."""
    layer: int
    service_name: str
    env: str
    tenant_id: str
    trace_id: str
    span_id: str
    correlation_id: str
    payload: msgspec.Raw


# --- llm.request.* : one call as the caller sees it ------------------------------------------------


class RequestStarted(EventPayload, frozen=True, kw_only=True):
    """A call was authenticated and understood."""

    event_type = "llm.request.started"
    endpoint: str
    """Path template, such as ``/v1/chat/completions``."""
    operation: str
    """OpenTelemetry ``gen_ai.operation.name``: ``chat`` or ``embeddings``."""
    key_id: str
    team_id: str | None = None
    requested_model: str | None = None
    mode: str = "direct"
    stream: bool = False
    user: str | None = None
    tags: dict[str, str] = {}
    estimated_input_tokens: int = 0
    input: Any = None
    """The messages, only where the tenant stores payloads."""


class EndedCall(EventPayload, frozen=True, kw_only=True):
    """What the two ways for a call to end have in common; has no type of its own."""

    endpoint: str
    operation: str
    key_id: str
    team_id: str | None = None
    stream: bool = False
    user: str | None = None
    tags: dict[str, str] = {}
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    usage_estimated: bool = False
    cost_nanousd: int | None = None
    """None when the model's price is unknown."""
    duration_ms: float
    """From the request's last byte read to the answer's last byte handed to the server."""
    overhead_ms: float = 0.0
    """``duration_ms`` less the time spent waiting for providers."""
    first_token_ms: float | None = None
    attempts: int = 0
    fallback_used: bool = False
    degraded: bool = False
    """Admitted by the local limiter because Redis was down."""
    output: Any = None
    """The answer's message (of a failed stream: the text so far), only where the tenant stores payloads."""


class RequestCompleted(EndedCall, frozen=True, kw_only=True):
    """The call was answered. Every started call ends in exactly one of completed and failed."""

    event_type = "llm.request.completed"
    route: str
    provider: str
    model: str
    finish_reason: str | None = None
    overhead_ms: float


class RequestFailed(EndedCall, frozen=True, kw_only=True):
    """The call ended in an error, or the client left (``error_code`` ``CLIENT_DISCONNECTED``)."""

    event_type = "llm.request.failed"
    requested_model: str | None = None
    route: str | None = None
    provider: str | None = None
    model: str | None = None
    error_code: str
    error_message: str
    http_status: int
    retryable: bool = False


class RequestRejected(EventPayload, frozen=True, kw_only=True):
    """A request that never became a call: not authenticated, malformed, or over a limit."""

    event_type = "llm.request.rejected"
    endpoint: str
    error_code: str
    error_message: str
    http_status: int
    key_id: str | None = None


# --- llm.attempt.* : one try at one provider -------------------------------------------------------


class EndedAttempt(EventPayload, frozen=True, kw_only=True):
    """What the ways for an attempt to end have in common; has no type of its own."""

    attempt: int
    """1 for the call's first."""
    target_id: str
    provider: str
    model: str
    duration_ms: float
    """To the last byte; for a stream to its end."""


class AttemptCompleted(EndedAttempt, frozen=True, kw_only=True):
    """A provider answered."""

    event_type = "llm.attempt.completed"
    first_token_ms: float | None = None
    queue_ms: float = 0.0
    hedge: bool = False
    upstream_status: int = 200
    input_tokens: int = 0
    output_tokens: int = 0


class AttemptFailed(EndedAttempt, frozen=True, kw_only=True):
    """A try that gave no answer."""

    event_type = "llm.attempt.failed"
    queue_ms: float = 0.0
    hedge: bool = False
    error_code: str
    error_message: str
    upstream_status: int | None = None
    will_retry: bool = False
    retry_in_ms: float | None = None


class AttemptCancelled(EndedAttempt, frozen=True, kw_only=True):
    """A try that was given up on our side: the hedge's loser, or the client left."""

    event_type = "llm.attempt.cancelled"
    reason: str


# --- router.* and breaker.* -------------------------------------------------------------------------


class SkippedTarget(msgspec.Struct, frozen=True):
    """A target that was not considered, and why."""

    target: str
    reason: str
    """``breaker_open`` | ``full`` | ``lacks:<capability>`` | ``unsupported:<param>`` | ``over_max_latency`` |
    ``context_window``."""


class DecisionMade(EventPayload, frozen=True, kw_only=True):
    """The route and the order in which its targets will be tried, with the figures that decided."""

    event_type = "router.decision.made"
    route: str
    route_reason: str
    """``model`` | ``match`` | ``tenant_default`` | ``platform_default`` | ``direct_model``."""
    strategy: str
    targets: list[str]
    scores: dict[str, float] = {}
    """What the strategy ranked by (ms, nano-USD, in flight, weight), per target label."""
    skipped: list[SkippedTarget] = []
    sticky: bool = False


class FallbackUsed(EventPayload, frozen=True, kw_only=True):
    """The call moves on to another target."""

    event_type = "router.fallback.used"
    from_target: str
    to_target: str
    reason: str
    """The error code that made it move."""


class HedgeStarted(EventPayload, frozen=True, kw_only=True):
    """A second attempt was started because the first is slower than its target's p95."""

    event_type = "router.hedge.started"
    slow_target: str
    hedge_target: str
    after_ms: float


class BreakerStateChanged(EventPayload, frozen=True, kw_only=True):
    """A target's circuit changed state in this worker, by its own count or by another worker's word."""

    event_type = "breaker.state.changed"
    target_id: str
    target: str
    old_state: str
    new_state: str
    """``closed`` | ``open`` | ``half_open``."""
    reason: str
    """``failure_rate`` | ``slow_call_rate`` | ``probe_failed`` | ``probes_succeeded`` | ``open_elapsed`` | ``peer``."""
    failure_rate: float | None = None
    slow_call_rate: float | None = None
    calls: int = 0


class LimiterDegraded(EventPayload, frozen=True, kw_only=True):
    """Admission changed between Redis and the local limiter."""

    event_type = "admission.limiter.degraded"
    degraded: bool
    reason: str


# --- control plane ----------------------------------------------------------------------------------


class ConfigChanged(EventPayload, frozen=True, kw_only=True):
    """A person or a command changed configuration; the audit row has the before and after."""

    event_type = "config.object.changed"
    layer = 5
    action: str
    """``created`` | ``updated`` | ``deleted``."""
    object_type: str
    object_id: str
    object_name: str
    actor: str


class GatewayWorkerStarted(EventPayload, frozen=True, kw_only=True):
    """A gateway worker is ready to serve."""

    event_type = "gateway.worker.started"
    worker_id: str
    pid: int


class SpoolAdopted(EventPayload, frozen=True, kw_only=True):
    """A dead worker's leftover segments were taken over."""

    event_type = "events.spool.adopted"
    layer = 4
    spool_id: str
    bytes: int


def _payload_types(base: type[EventPayload]) -> dict[str, type[EventPayload]]:
    found: dict[str, type[EventPayload]] = {}
    for sub in base.__subclasses__():
        if sub.event_type:
            found[sub.event_type] = sub
        found.update(_payload_types(sub))
    return found


def payload_types() -> dict[str, type[EventPayload]]:
    """Every known payload struct by ``event_type``, in alphabetical order."""
    return dict(sorted(_payload_types(EventPayload).items()))
