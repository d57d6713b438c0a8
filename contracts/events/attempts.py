"""``llm.attempt.*``: one try at one provider."""

from __future__ import annotations

from contracts.events.envelope import EventPayload


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
