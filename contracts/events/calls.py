"""``llm.request.*``: one call as the caller sees it."""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.events.envelope import EventPayload


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
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    estimated_input_tokens: int = 0
    max_output_tokens: int | None = None
    """As the caller asked for; None where it did not."""
    request_digest: str = ""
    """The same for calls of a tenant whose bodies are the same byte for byte; says nothing else about them."""
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
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    image_input_tokens: int = 0
    image_output_tokens: int = 0
    usage_estimated: bool = False
    cost_nanousd: int | None = None
    """None when the model's price is unknown."""
    duration_ms: float
    """From the request's last byte read to the answer's last byte handed to the server."""
    overhead_ms: float = 0.0
    """``duration_ms`` less the time spent waiting for providers, and looking for passages."""
    retrieval_ms: float | None = None
    """Spent looking for passages; None where the call rests on no documents."""
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
    cached: bool = False
    """Answered from the cache: no provider was asked and no token used."""


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
    details: dict[str, Any] | None = None
    """Of a limit or budget: which, whose, how much of it is used, when it begins anew."""
